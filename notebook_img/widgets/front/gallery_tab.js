// All pictures of the store. Facts come in pages; only rows on the screen exist as elements, and only they fetch thumbnails.

import { button, differs, fill, h, shorten, soon } from "./elements.js";

const TILE = 132;
const GAP = 8;
const HIGH = TILE + 26;

export class GalleryTab {
  constructor(link, stage, progress, messages, show) {
    this.link = link;
    this.stage = stage;
    this.messages = messages;
    this.show = show;
    this.rows = [];
    this.tiles = new Map();
    this.chosen = -1;
    this.token = 0;
    this.more = false;
    this.search = h("input", {
      type: "search",
      class: "nbi-text",
      placeholder: "Search prompts",
      "aria-label": "Search prompts",
      oninput: soon(() => this.load(), 250),
    });
    this.session = h("select", { "aria-label": "Session", onchange: () => this.load() });
    this.model = h("select", { "aria-label": "Model", onchange: () => this.load() });
    this.count = h("span", { class: "nbi-quiet", role: "status" });
    this.inner = h("div", { class: "nbi-tiles", role: "presentation" });
    this.list = h(
      "div",
      {
        class: "nbi-gallery",
        role: "listbox",
        tabindex: "0",
        "aria-label": "All pictures, newest first. Arrow keys choose one.",
        onscroll: () => this.scrolled(),
        onkeydown: (event) => this.key(event),
      },
      this.inner,
    );
    this.facts = h("div", { class: "nbi-caption", role: "status" });
    this.actions = h(
      "div",
      { class: "nbi-bar", role: "toolbar", "aria-label": "Chosen picture", hidden: true },
      button("Edit", "edit", { onclick: () => this.send("edit") }),
      button("Ask", "ask", { onclick: () => this.send("ask") }),
      button("Compare", "compare", { onclick: () => this.send("compare") }),
      button("Use as reference", "plus", { onclick: () => this.send("reference") }),
    );
    this.error = h("div", { class: "nbi-error", role: "alert" });
    this.element = h(
      "div",
      { class: "nbi-gallery-tab" },
      h("div", { class: "nbi-bar" }, this.search, this.session, this.model, this.count),
      this.list,
      this.facts,
      this.actions,
      h("div", { class: "nbi-bar" }, progress.stopButton),
      progress.element,
      this.error,
    );
    progress.onended = () => this.list.focus();
    link.on("gallery", (content) => this.take(content));
    this.resized = new ResizeObserver(() => this.layOut());
    this.resized.observe(this.list);
  }

  close() {
    this.resized.disconnect();
  }

  // Back where one was: what is there already is drawn again only if something has changed meanwhile.
  open() {
    this.layOut();
    this.list.scrollTop = this.place ?? 0;
    this.load(true);
  }

  load(looking = false) {
    this.token += 1;
    this.looking = looking && this.rows.length > 0;
    this.waiting = true;
    this.request();
  }

  request(before) {
    const filter = { search: this.search.value, session: this.session.value, model: this.model.value };
    this.link.send("gallery", { token: this.token, ...(before === undefined ? {} : { before }), ...filter });
  }

  take(content) {
    if (content.token !== this.token) return;
    this.waiting = false;
    if (content.first) {
      const changed = differs(this, "first", [content.rows, content.sessions, content.models]);
      if (this.looking && !changed) {
        this.scrolled();
        return;
      }
      this.rows = [];
      this.choose(-1);
      this.clear();
      this.list.scrollTop = 0;
      const keep = (select, first, options) => {
        const value = select.value;
        fill(select, h("option", { value: "" }, first), options);
        select.value = [...select.options].some((option) => option.value === value) ? value : "";
      };
      keep(
        this.session,
        "All sessions",
        content.sessions.map(({ id, name }) => h("option", { value: id }, name)),
      );
      const models = new Set([...[...this.model.options].map((option) => option.value), ...content.models]);
      models.delete("");
      keep(
        this.model,
        "All models",
        [...models].sort().map((value) => h("option", { value }, value)),
      );
    }
    this.rows.push(...content.rows);
    this.more = content.more;
    this.cursor = content.cursor;
    this.count.textContent = this.rows.length ? `${this.rows.length}${this.more ? "+" : ""} picture${this.rows.length === 1 ? "" : "s"}` : "";
    this.layOut();
    const none = this.search.value || this.session.value || this.model.value ? "Nothing fits. Change the search or the filters." : "No pictures yet.";
    if (!this.rows.length) fill(this.facts, none);
  }

  layOut() {
    const columns = Math.max(1, Math.floor((this.list.clientWidth + GAP) / (TILE + GAP)));
    if (columns !== this.columns) this.clear();
    this.columns = columns;
    this.inner.style.height = `${Math.ceil(this.rows.length / columns) * (HIGH + GAP)}px`;
    this.scrolled();
  }

  clear() {
    for (const [index] of this.tiles) this.remove(index);
  }

  remove(index) {
    this.tiles.get(index)?.remove();
    this.tiles.delete(index);
    if (this.rows[index]) this.link.forget(this.rows[index].sha);
  }

  scrolled() {
    const { scrollTop, clientHeight } = this.list;
    if (!clientHeight) return;
    this.place = scrollTop;
    const step = HIGH + GAP;
    const from = Math.max(0, Math.floor(scrollTop / step) - 1) * this.columns;
    const to = Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / step + 1) * this.columns);
    for (const [index] of this.tiles) if (index < from || index >= to) this.remove(index);
    for (let index = from; index < to; index += 1) if (!this.tiles.has(index)) this.add(index);
    // The next page is asked for while there are still three screens left.
    if (this.more && !this.waiting && scrollTop + clientHeight * 4 > this.inner.clientHeight) {
      this.waiting = true;
      this.request(this.cursor);
    }
  }

  add(index) {
    const row = this.rows[index];
    const image = h("img", { alt: "", draggable: "false" });
    const tile = h(
      "div",
      {
        class: `nbi-tile${index === this.chosen ? " nbi-chosen" : ""}`,
        role: "option",
        id: `${this.list.id}-${index}`,
        "aria-selected": String(index === this.chosen),
        "aria-setsize": this.more ? "-1" : String(this.rows.length),
        "aria-posinset": String(index + 1),
        "aria-label": `${row.id}: ${row.prompt}`,
        title: `${row.id} · ${row.prompt}`,
        onclick: () => this.choose(index),
        ondblclick: () => this.send("edit"),
      },
      image,
      h("span", { "aria-hidden": "true" }, shorten(row.prompt, 60)),
    );
    tile.style.cssText = `left:${(index % this.columns) * (TILE + GAP)}px;top:${Math.floor(index / this.columns) * (HIGH + GAP)}px`;
    this.link.thumbnail(row.sha, (url) => (image.src = url));
    this.tiles.set(index, tile);
    this.inner.append(tile);
  }

  choose(index) {
    const before = this.tiles.get(this.chosen);
    before?.classList.remove("nbi-chosen");
    before?.setAttribute("aria-selected", "false");
    this.chosen = index;
    const row = this.rows[index];
    const tile = this.tiles.get(index);
    tile?.classList.add("nbi-chosen");
    tile?.setAttribute("aria-selected", "true");
    if (tile) this.list.setAttribute("aria-activedescendant", tile.id);
    else this.list.removeAttribute("aria-activedescendant");
    this.actions.hidden = !row;
    if (!row) fill(this.facts);
    else {
      const words = [row.model, `${row.width} × ${row.height}`, new Date(row.when * 1000).toLocaleString()].join(" · ");
      fill(this.facts, h("div", {}, h("b", {}, row.id), ` ${row.prompt}`), h("div", { class: "nbi-quiet" }, words));
    }
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    if (step !== undefined) {
      const next = this.chosen < 0 ? 0 : Math.min(this.rows.length - 1, Math.max(0, this.chosen + step));
      const top = Math.floor(next / this.columns) * (HIGH + GAP);
      if (top < this.list.scrollTop) this.list.scrollTop = top;
      else if (top + HIGH > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top + HIGH - this.list.clientHeight;
      this.scrolled();
      if (this.rows.length) this.choose(next);
    } else if (event.key === "Enter" && this.rows[this.chosen]) this.send("edit");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  send(to) {
    const row = this.rows[this.chosen];
    if (!row) return;
    this.fail("");
    if (to === "compare" && !this.stage.base.sha) {
      this.fail("There is no picture on the stage to compare with. Send one to edit first.");
      return;
    }
    this.link.send("send", { session: row.session, turn: row.turn, index: row.index, to });
    this.show(to === "ask" ? "ask" : "edit");
  }

  fail(text, remedies = []) {
    this.messages.put(this.error, text, remedies);
  }
}
