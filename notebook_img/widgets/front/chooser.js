// The pictures of a turn that made several: large ones to choose from, and a row of small ones to change one's mind.

import { button, differs, fill, h } from "../../display/front/elements.js";

export class Chooser {
  constructor(link) {
    this.link = link;
    this.urls = new Map();
    this.words = h("p", { class: "nbi-quiet" });
    this.grid = h("div", { class: "nbi-choose-grid" });
    this.large = h("div", { class: "nbi-choose", role: "group", "aria-label": "Choose the picture to go on from", hidden: true }, this.words, this.grid);
    this.small = h("div", { class: "nbi-picks", role: "group", "aria-label": "Pictures of this turn", hidden: true });
    link.on("choice", (content, buffers) => this.take(content, buffers[0]));
  }

  close() {
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
    this.urls.clear();
  }

  get open() {
    return !this.large.hidden;
  }

  take({ sha, type }, data) {
    if (!this.urls.has(sha)) this.urls.set(sha, URL.createObjectURL(new Blob([data], { type })));
    const image = this.grid.querySelector(`img[data-sha="${sha}"]`);
    if (image) image.src = this.urls.get(sha);
  }

  look(turn, pick) {
    this.link.send("look", { turn, pick });
  }

  update({ base, turn }) {
    const choices = base.choices;
    this.large.hidden = !choices.length;
    if (differs(this, "choices", [choices, base.turn])) {
      for (const [sha, url] of this.urls) {
        if (choices.includes(sha)) continue;
        URL.revokeObjectURL(url);
        this.urls.delete(sha);
      }
      this.words.textContent = `${base.name} has ${choices.length} pictures. Choose the one to go on from.`;
      this.grid.style.setProperty("--nbi-columns", String(choices.length > 4 ? 3 : 2));
      fill(
        this.grid,
        choices.map((sha, index) => {
          const attributes = { "data-sha": sha, alt: "", ...(this.urls.has(sha) && { src: this.urls.get(sha) }) };
          const image = h("img", attributes);
          const pick = index + 1;
          const label = `Choose picture ${pick} of ${choices.length}`;
          return h("button", { type: "button", class: "nbi-choice-picture", "aria-label": label, onclick: () => this.look(base.turn, pick) }, image, h("span", {}, `.${pick}`));
        }),
      );
    }
    this.drawSmall(base, turn?.pictures ?? []);
  }

  drawSmall(base, pictures) {
    this.small.hidden = pictures.length < 2 || base.choices.length > 0;
    if (!differs(this, "small", [pictures, base.key, base.pick]) || this.small.hidden) return;
    fill(
      this.small,
      pictures.map(({ sha }, index) => {
        const image = h("img", { alt: "" });
        this.link.thumbnail(sha, (url) => (image.src = url));
        const pick = index + 1;
        const label = `Picture ${pick} of ${pictures.length}`;
        const pressed = String(pick === base.pick);
        return h("button", { type: "button", class: "nbi-pick", "aria-pressed": pressed, "aria-label": label, onclick: () => this.look(base.turn, pick) }, image, h("span", {}, `.${pick}`));
      }),
    );
  }
}
