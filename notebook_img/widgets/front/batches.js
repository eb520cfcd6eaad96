// Batches under the gallery's heading: how far each is, wherever it runs; its sheet, stopping it, sending again what failed.
// The kernel names the buttons, and asks before anything is paid for. Rows are changed in place: the focus stays.

import { button, differs, fill, h, shorten, unique } from "../../display/front/elements.js";

export class Batches {
  constructor(link, show) {
    this.link = link;
    this.show = show;
    this.rows = new Map();
    this.list = h("ul", { class: "nbi-batches", "aria-label": "Batches, newest first" });
    this.summary = h("summary", {}, "Batches");
    this.element = h("details", { class: "nbi-fold", hidden: true }, this.summary, this.list);
    this.question = h("dialog", { class: "nbi-dialog", "aria-label": "Send again" });
    link.on("batches", ({ rows }) => this.update(rows));
    link.on("batch", (content) => this.rows.get(content.number)?.take(content));
    link.on("batch question", (content) => this.ask(content));
  }

  // The kernel looks for what other processes did only while the list is on the screen.
  look(on) {
    if (Boolean(this.looking) === on) return;
    this.looking = on;
    this.link.send("batches", { on });
  }

  update(rows) {
    this.element.hidden = !rows.length;
    const running = rows.filter((row) => row.running).length;
    this.summary.textContent = running ? `Batches · ${running} running` : "Batches";
    const there = new Set(rows.map((row) => row.number));
    for (const number of [...this.rows.keys()]) {
      if (there.has(number)) continue;
      this.rows.get(number).element.remove();
      this.rows.delete(number);
    }
    rows.forEach((row, place) => {
      if (!this.rows.has(row.number)) {
        const made = new BatchRow(this.link, row.number, this.show);
        this.rows.set(row.number, made);
        this.list.insertBefore(made.element, this.list.children[place] ?? null);
      }
      this.rows.get(row.number).update(row);
    });
  }

  ask({ title, lines, send }) {
    const agree = () => {
      this.question.close();
      this.link.send(send.do, send);
    };
    const id = unique("question");
    this.question.setAttribute("aria-labelledby", id);
    fill(
      this.question,
      h("h2", { id, class: "nbi-title" }, title),
      lines.map((line) => h("p", {}, line)),
      h(
        "div",
        { class: "nbi-bar" },
        button("Send", "play", { class: "nbi-button nbi-primary", onclick: agree }),
        button("Cancel", null, { onclick: () => this.question.close() }),
      ),
    );
    if (!this.question.open) this.question.showModal();
  }
}

class BatchRow {
  constructor(link, number, show) {
    this.link = link;
    this.number = number;
    this.show = show;
    this.tiles = new Map();
    this.bar = h("progress", { max: "1" });
    this.words = h("span", {});
    this.prompt = h("span", { class: "nbi-quiet nbi-batch-prompt" });
    this.actions = h("span", { class: "nbi-bar" });
    this.failures = h("ul", { class: "nbi-failures", "aria-label": "What failed" });
    this.sheet = h("ul", { class: "nbi-items", "aria-label": "Its pictures" });
    this.moreButton = button("More", null, { hidden: true, onclick: () => this.fetch(this.tiles.size) });
    this.detail = h("div", { class: "nbi-batch-detail", id: unique("batch"), hidden: true }, this.failures, this.sheet, this.moreButton);
    this.toggle = h("button", { type: "button", class: "nbi-button", "aria-expanded": "false", "aria-controls": this.detail.id, onclick: () => this.open() });
    this.element = h(
      "li",
      { class: "nbi-batch" },
      h("div", { class: "nbi-bar" }, this.toggle, this.bar, this.words, this.actions),
      this.prompt,
      this.detail,
    );
  }

  update(row) {
    if (!differs(this, "row", row)) return;
    this.toggle.textContent = `${row.name} · ${row.session}`;
    this.toggle.title = "Its pictures, and what failed";
    this.bar.value = row.share;
    this.bar.setAttribute("aria-label", `Batch ${row.name}: ${row.words}`);
    this.words.textContent = row.words;
    this.prompt.textContent = shorten(row.prompt, 120);
    if (differs(this, "actions", row.actions)) {
      const held = this.actions.contains(document.activeElement);
      fill(
        this.actions,
        row.actions.map(({ words, icon, ...send }) => button(words, icon, { onclick: () => this.link.send(send.do, { ...send, batch: this.number }) })),
      );
      // A button that goes away would take the focus with it.
      if (held) (this.actions.querySelector("button") ?? this.toggle).focus();
    }
    if (!this.detail.hidden) this.refresh();
  }

  // Pages whose items are all done are not fetched again.
  refresh() {
    this.fetch(0);
    const open = [...this.tiles].filter(([position, { item }]) => position >= this.page && item.state !== "done");
    const pages = new Set(open.map(([position]) => position - (position % this.page)));
    for (const start of pages) this.fetch(start);
  }

  open() {
    this.detail.hidden = !this.detail.hidden;
    this.toggle.setAttribute("aria-expanded", String(!this.detail.hidden));
    if (!this.detail.hidden) this.refresh();
  }

  fetch(start) {
    this.link.send("batch", { batch: this.number, start });
  }

  take({ start, items, more, failures, unnamed }) {
    const total = start + items.length + more;
    if (!start) {
      this.page = items.length || 1;
      this.failures.hidden = !failures.length;
      fill(
        this.failures,
        failures.map(({ label, error }) => h("li", {}, h("b", {}, label), ` ${error}`)),
        unnamed ? h("li", {}, `and ${unnamed} more`) : null,
      );
    }
    items.forEach((item, index) => this.tile(start + index, item));
    for (const [position, { place }] of this.tiles) {
      if (position < total) continue;
      place.remove();
      this.tiles.delete(position);
    }
    this.moreButton.hidden = this.tiles.size >= total;
  }

  tile(position, item) {
    let tile = this.tiles.get(position);
    if (!tile) {
      const image = h("img", { alt: "", draggable: "false" });
      const words = h("span", { class: "nbi-words-below", "aria-hidden": "true" });
      const element = h("button", { type: "button", onclick: () => this.send(tile.item) }, image, words);
      tile = { image, words, element, place: h("li", {}, element) };
      this.tiles.set(position, tile);
      this.sheet.append(tile.place);
    }
    if (JSON.stringify(tile.item) === JSON.stringify(item)) return;
    const words = [item.label, shorten(item.words, 200)].filter(Boolean).join(" · ");
    tile.element.className = `nbi-item nbi-item-${item.state}`;
    tile.element.setAttribute("aria-label", item.turn ? `${words}. Edit it` : words);
    tile.element.title = words;
    tile.element.disabled = !item.turn;
    tile.words.textContent = words;
    if (item.sha && item.sha !== tile.item?.sha) this.link.thumbnail(item.sha, (url) => (tile.image.src = url));
    tile.item = item;
  }

  send({ session, turn }) {
    this.link.send("send", { session, turn, index: 1, source: false, to: "edit" });
    this.show("edit");
  }
}
