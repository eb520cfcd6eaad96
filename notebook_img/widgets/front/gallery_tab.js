// All pictures of the store. Facts come in pages; only rows on the screen exist as elements, and only they fetch thumbnails.
// One is chosen by a click or an arrow key, more with Ctrl or Shift, the mark on the tile, or Space.

import { button, differs, fill, h, icon, shorten, soon } from "../../display/front/elements.js";
import { Batches } from "./batches.js";

const SHOWN = { all: "All pictures", made: "Made here", sources: "Photographs", starred: "With a star" };
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
    this.at = -1; // where the keys are
    this.chosen = new Map(); // rows by their number in the store
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
    this.shown = h(
      "select",
      { "aria-label": "Which pictures", onchange: () => this.load() },
      Object.entries(SHOWN).map(([value, words]) => h("option", { value }, words)),
    );
    this.count = h("span", { class: "nbi-quiet", role: "status" });
    this.inner = h("div", { class: "nbi-tiles", role: "presentation" });
    this.list = h(
      "div",
      {
        class: "nbi-gallery",
        role: "listbox",
        tabindex: "0",
        "aria-label": "All pictures, newest first. Arrow keys choose one, Space one more; S gives it a star.",
        "aria-multiselectable": "true",
        onscroll: () => this.scrolled(),
        onkeydown: (event) => this.key(event),
      },
      this.inner,
    );
    this.facts = h("div", { class: "nbi-caption", role: "status" });
    this.how = h("span", { class: "nbi-quiet" });
    this.starButton = button("Star", "star", { onclick: () => this.star([...this.chosen.values()]) });
    this.single = [
      button("Edit", "edit", { onclick: () => this.send("edit") }),
      button("Ask", "ask", { onclick: () => this.send("ask") }),
      button("Compare", "compare", { onclick: () => this.send("compare") }),
      button("Use as reference", "plus", { onclick: () => this.send("reference") }),
    ];
    this.actions = h(
      "div",
      { class: "nbi-bar", role: "toolbar", "aria-label": "Chosen pictures", hidden: true },
      this.how,
      this.single,
      this.starButton,
      button("Download", "download", { onclick: () => this.act("take") }),
      button("Delete…", "clear", { onclick: () => this.act("deletion") }),
      button("Choose none", "close", { onclick: () => this.choose([]) }),
    );
    this.deletion = h("dialog", { class: "nbi-dialog", "aria-label": "Delete" });
    this.error = h("div", { class: "nbi-error", role: "alert" });
    this.batches = new Batches(link, show);
    this.element = h(
      "div",
      { class: "nbi-gallery-tab" },
      this.batches.element,
      h("div", { class: "nbi-bar" }, this.search, this.shown, this.session, this.model, this.count),
      this.list,
      this.facts,
      this.actions,
      h("div", { class: "nbi-bar" }, progress.stopButton),
      progress.element,
      this.error,
      this.deletion,
      this.batches.question,
    );
    progress.onended = () => this.list.focus();
    link.on("gallery", (content) => this.take(content));
    link.on("stars", ({ shas, on }) => this.starred(shas, on));
    link.on("deletion", (content) => this.ask(content));
    link.on("deleted", () => this.element.hidden || this.load());
    this.resized = new ResizeObserver(() => this.layOut());
    this.resized.observe(this.list);
  }

  close() {
    this.batches.look(false);
    this.resized.disconnect();
  }

  // Back where one was: what is there already is drawn again only if something has changed meanwhile.
  open() {
    this.batches.look(true);
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
    const filter = { show: this.shown.value, search: this.search.value, session: this.session.value, model: this.model.value };
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
      const still = new Set(content.rows.map((row) => row.cursor));
      this.clear();
      this.rows = [];
      this.at = -1;
      this.choose([...this.chosen.values()].filter((row) => this.looking && still.has(row.cursor)));
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
    const none = this.search.value || this.session.value || this.model.value || this.shown.value !== "all" ? "Nothing matches. Change the search or the filters." : "No pictures yet.";
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
    const star = h("span", { class: "nbi-star", "aria-hidden": "true", title: "Star (S)", onclick: (event) => this.star([row], event) }, icon("star"));
    const mark = h("span", { class: "nbi-mark", "aria-hidden": "true", title: "Choose this too", onclick: (event) => this.pick(index, "more", event) }, icon("head"));
    const tile = h(
      "div",
      {
        role: "option",
        id: `${this.list.id}-${index}`,
        "aria-setsize": this.more ? "-1" : String(this.rows.length),
        "aria-posinset": String(index + 1),
        title: [row.id, row.prompt].filter(Boolean).join(" · "),
        onclick: (event) => this.pick(index, event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "more" : "one"),
        ondblclick: () => this.send("edit"),
      },
      image,
      mark,
      star,
      h("span", { class: "nbi-words-below", "aria-hidden": "true" }, shorten(row.prompt || row.id, 60)),
    );
    tile.style.cssText = `left:${(index % this.columns) * (TILE + GAP)}px;top:${Math.floor(index / this.columns) * (HIGH + GAP)}px`;
    this.link.thumbnail(row.sha, (url) => (image.src = url));
    this.tiles.set(index, tile);
    this.draw(index);
    this.inner.append(tile);
  }

  // How a tile stands: chosen, with a star, a photograph.
  draw(index) {
    const row = this.rows[index];
    const tile = this.tiles.get(index);
    if (!tile) return;
    const chosen = this.chosen.has(row.cursor);
    tile.className = ["nbi-tile", chosen && "nbi-chosen", row.starred && "nbi-starred", row.source && "nbi-source"].filter(Boolean).join(" ");
    tile.setAttribute("aria-selected", String(chosen));
    tile.setAttribute("aria-label", `${row.id}${row.source ? ", a photograph" : `: ${row.prompt}`}${row.starred ? ", with a star" : ""}`);
    tile.classList.toggle("nbi-at", index === this.at);
  }

  redraw() {
    for (const [index] of this.tiles) this.draw(index);
    const tile = this.tiles.get(this.at);
    if (tile) this.list.setAttribute("aria-activedescendant", tile.id);
    else this.list.removeAttribute("aria-activedescendant");
  }

  pick(index, how, event) {
    event?.stopPropagation();
    const row = this.rows[index];
    const before = this.at;
    this.at = index;
    const others = [...this.chosen.values()];
    if (how === "range" && before >= 0) this.choose([...others, ...this.rows.slice(Math.min(before, index), Math.max(before, index) + 1)]);
    else if (how === "more") this.choose(this.chosen.has(row.cursor) ? others.filter((each) => each.cursor !== row.cursor) : [...others, row]);
    else this.choose([row]);
  }

  choose(rows) {
    this.chosen = new Map(rows.map((row) => [row.cursor, row]));
    const many = this.chosen.size;
    this.actions.hidden = !many;
    this.element.classList.toggle("nbi-many", many > 1);
    for (const each of this.single) each.hidden = many > 1;
    this.how.textContent = many > 1 ? `${many} chosen` : "";
    this.redraw();
    this.noteStar();
    const row = many === 1 ? [...this.chosen.values()][0] : null;
    if (!row) fill(this.facts);
    else {
      const words = [row.source ? `brought into ${row.sessionName}` : row.model, `${row.width} × ${row.height}`, when(row.when)].join(" · ");
      fill(this.facts, h("div", {}, h("b", {}, row.id), ` ${row.prompt}`), h("div", { class: "nbi-quiet" }, words));
    }
  }

  noteStar() {
    const rows = [...this.chosen.values()];
    this.starButton.querySelector("span").textContent = rows.length && rows.every((row) => row.starred) ? "Take the star away" : "Star";
  }

  star(rows, event) {
    event?.stopPropagation();
    this.link.send("star", { rows: rows.map((row) => row.cursor), on: !rows.every((row) => row.starred) });
  }

  starred(shas, on) {
    for (const row of this.rows) if (shas.includes(row.sha)) row.starred = on;
    this.redraw();
    this.noteStar();
  }

  act(what) {
    this.fail("");
    this.link.send(what, { rows: [...this.chosen.keys()] });
  }

  // What deleting takes with it, said before it is done.
  ask({ rows, count, lines }) {
    const turns = `${count} turn${count === 1 ? "" : "s"}`;
    const agree = () => {
      this.deletion.close();
      this.link.send("delete", { rows, count });
    };
    fill(
      this.deletion,
      h("h2", { class: "nbi-title" }, `Delete ${turns}?`),
      lines.map((line) => h("p", {}, line)),
      h("p", {}, "What is deleted does not come back."),
      h("div", { class: "nbi-bar" }, button(`Delete ${turns}`, "clear", { class: "nbi-button nbi-danger", onclick: agree }), button("Keep", null, { onclick: () => this.deletion.close() })),
    );
    if (!this.deletion.open) this.deletion.showModal();
    this.deletion.querySelector("button:last-of-type").focus();
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    const row = this.rows[this.at];
    if (step !== undefined && this.rows.length) {
      const next = this.at < 0 ? 0 : Math.min(this.rows.length - 1, Math.max(0, this.at + step));
      const top = Math.floor(next / this.columns) * (HIGH + GAP);
      if (top < this.list.scrollTop) this.list.scrollTop = top;
      else if (top + HIGH > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top + HIGH - this.list.clientHeight;
      this.scrolled();
      if (event.ctrlKey || event.metaKey) {
        this.at = next;
        this.redraw();
      } else this.pick(next, event.shiftKey ? "range" : "one");
    } else if (event.key === " " && row) this.pick(this.at, "more");
    else if (event.key.toLowerCase() === "s" && row && !event.ctrlKey && !event.metaKey) this.star(this.chosen.size ? [...this.chosen.values()] : [row]);
    else if (event.key === "Delete" && this.chosen.size) this.act("deletion");
    else if (event.key === "Enter" && row && !event.ctrlKey) this.send("edit");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  send(to) {
    const row = [...this.chosen.values()].at(-1) ?? this.rows[this.at];
    if (!row) return;
    this.fail("");
    if (to === "compare" && !this.stage.base.sha) {
      this.fail("No picture is open to compare with. Send one to Edit first.");
      return;
    }
    this.link.send("send", { session: row.session, turn: row.turn, index: row.index, source: row.source, to });
    this.show(to === "ask" ? "ask" : "edit");
  }

  fail(text, remedies = []) {
    this.messages.put(this.error, text, remedies);
  }
}

// As everywhere: 2026-11-28 06:24.
function when(seconds) {
  const at = new Date(seconds * 1000);
  const two = (value) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
