// The session's turns as a row of small pictures: arrow keys move, Enter or a click shows one in the large.

import { fill, h, shorten } from "../../../display/front/elements.js";

export class History {
  constructor(small, chosen) {
    this.small = small;
    this.chosen = chosen;
    this.row = h("div", { class: "nbi-row", role: "listbox", "aria-label": "History", "aria-orientation": "horizontal", onkeydown: (event) => this.key(event) });
    this.element = h("section", { class: "nbi-history", "aria-label": "History" }, h("h2", {}, "History"), this.row);
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        this.seen.unobserve(target);
        this.small(target.dataset.sha).then((url) => (target.src = url), () => {});
      }
    });
  }

  draw(turns, shown, head) {
    this.seen.disconnect();
    const items = turns.map((turn) => {
      const image = h("img", { alt: "", draggable: "false", "data-sha": turn.pictures[0].sha256 });
      const several = turn.pictures.length > 1 ? h("span", { class: "nbi-several", "aria-hidden": "true" }, `${turn.pictures.length}`) : null;
      const words = shorten(turn.prompt, 120);
      const is = turn.id === shown;
      const mark = turn.id === head ? h("b", {}, "current") : null;
      return h(
        "div",
        { class: "nbi-item", role: "option", tabindex: is ? "0" : "-1", "aria-selected": String(is), title: turn.prompt, "data-id": turn.id, onclick: () => this.chosen(turn.id) },
        h("span", { class: "nbi-small" }, image, several),
        h("span", { class: "nbi-below" }, turn.id.split("/").pop(), h("span", { class: "nbi-hidden" }, words), mark),
      );
    });
    const had = this.row.contains(document.activeElement);
    fill(this.row, items);
    this.element.hidden = !turns.length;
    for (const image of this.row.querySelectorAll("img")) this.seen.observe(image);
    const at = this.row.querySelector('[aria-selected="true"]') ?? this.row.firstElementChild;
    if (at) {
      at.tabIndex = 0;
      this.row.scrollLeft = at.offsetLeft - this.row.clientWidth / 2;
    }
    if (had) at?.focus({ preventScroll: true });
  }

  key(event) {
    const items = [...this.row.children];
    const at = items.indexOf(document.activeElement);
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined || !items[next]) return;
    event.preventDefault();
    this.chosen(items[next].dataset.id);
  }
}
