// One picture in a frame: a smaller copy, and over it the part in sight, as sharp as the picture is, once it is zoomed in.

import { h } from "../../display/front/elements.js";

export class Layer {
  constructor(link) {
    this.link = link;
    this.image = h("img", { class: "nbi-picture", alt: "", draggable: "false" });
    this.detail = h("img", { class: "nbi-detail", alt: "", draggable: "false", hidden: true });
    this.element = h("div", { class: "nbi-layer" }, this.image, this.detail);
  }

  // `sharp`: pixels the copy at `url` is wide. In a frame of another ratio, `within`, all of the picture stands in the middle.
  take({ sha, url, sharp, width, height, alt = this.image.alt }, within = null) {
    Object.assign(this, { sha, sharp, width, height });
    this.detail.hidden = true;
    this.image.alt = alt;
    if (url) this.image.src = url;
    const ratio = within ? width / height / (within.width / within.height) : 1;
    const [wide, high] = [100 * Math.min(1, ratio), 100 * Math.min(1, 1 / ratio)];
    this.element.style.cssText = `left:${(100 - wide) / 2}%;top:${(100 - high) / 2}%;width:${wide}%;height:${high}%`;
  }

  // Fetches the part that is in sight in the pane, if the copy is not sharp enough for it.
  look(pane) {
    const [mine, seen] = [this.element, pane].map((element) => element.getBoundingClientRect());
    const wide = mine.width * devicePixelRatio;
    if (!this.sharp || this.sharp >= this.width || wide <= this.sharp * 1.1) {
      this.detail.hidden = true;
      return;
    }
    const share = (value, size) => Math.min(1, Math.max(0, value / size));
    const left = share(seen.left - mine.left, mine.width);
    const top = share(seen.top - mine.top, mine.height);
    const right = share(seen.right - mine.left, mine.width);
    const bottom = share(seen.bottom - mine.top, mine.height);
    if (right <= left || bottom <= top) return;
    const { sha, width, height } = this;
    const box = [Math.floor(left * width), Math.floor(top * height), Math.ceil(right * width), Math.ceil(bottom * height)];
    this.link.send("detail", { sha, box, wide: Math.round((right - left) * wide) });
  }

  takeDetail(content, data) {
    if (content.sha !== this.sha) return;
    this.release();
    this.url = URL.createObjectURL(new Blob([data], { type: content.type }));
    const { width, height } = this;
    const [left, top, right, bottom] = content.box;
    this.detail.src = this.url;
    const places = { left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height };
    for (const [name, value] of Object.entries(places)) this.detail.style[name] = `${value * 100}%`;
    this.detail.hidden = false;
  }

  release() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }
}
