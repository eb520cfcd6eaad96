// Two pictures against each other: a slider, side by side, or where they differ.

import { button, choices, differs, fill, h } from "./elements.js";

const GALLERY = "gallery"; // stands for a picture that was sent from there

export class Compare {
  constructor(link, closed) {
    this.link = link;
    this.closed = closed;
    this.view = "slider";
    this.urls = [];
    this.on = false;
    this.choice = choices(
      "How to compare",
      [
        ["slider", "Slider"],
        ["side", "Side by side"],
        ["difference", "Difference"],
      ],
      this.view,
      (view) => {
        this.view = view;
        this.draw();
      },
    );
    this.select = h("select", { "aria-label": "Compare with", onchange: () => this.select.value !== GALLERY && this.request(this.select.value) });
    this.words = h("p", { class: "nbi-quiet", role: "status" });
    this.bar = h(
      "div",
      { class: "nbi-bar", role: "toolbar", "aria-label": "Compare", hidden: true },
      this.choice.element,
      h("label", { class: "nbi-inline" }, "with", this.select),
      button("Close", "close", { onclick: () => this.close() }),
    );
    this.body = h("div", { class: "nbi-compare", hidden: true });
    link.on("compare", (content, buffers) => this.take(content, buffers));
    link.on("difference", (content, buffers) => this.takeDifference(content, buffers));
  }

  // What can be compared with: what the picture was made from, and the session's turns.
  offer(nodes, base, fromParent) {
    if (!differs(this, "offer", [nodes.map((node) => node.number), base.turn, fromParent])) return;
    const chosen = this.select.value;
    const brought = chosen === GALLERY ? this.select.selectedOptions[0] : null;
    const options = nodes
      .filter((node) => node.shas.length && node.number !== base.turn)
      .reverse()
      .map((node) => h("option", { value: String(node.number) }, `t${node.number}: ${node.prompt.slice(0, 40)}`));
    fill(this.select, brought, fromParent ? h("option", { value: "" }, "what it was made from") : null, options);
    if ([...this.select.options].some((option) => option.value === chosen)) this.select.value = chosen;
    this.possible = this.select.options.length > 0;
  }

  request(number) {
    this.link.send("compare", number ? { with: +number } : {});
  }

  open() {
    this.request(this.select.value);
  }

  // A picture of the gallery is a choice of its own as long as it is the one compared with.
  name(content) {
    for (const option of [...this.select.options]) if (option.value === GALLERY) option.remove();
    if (!content.brought) return;
    this.select.prepend(h("option", { value: GALLERY }, content.labels[0]));
    this.select.value = GALLERY;
  }

  close() {
    this.on = false;
    this.name({});
    this.bar.hidden = this.body.hidden = true;
    this.release();
    this.closed();
  }

  release() {
    for (const url of this.urls) URL.revokeObjectURL(url);
    this.urls = [];
    this.heat = null;
  }

  address(data, type) {
    const url = URL.createObjectURL(new Blob([data], { type }));
    this.urls.push(url);
    return url;
  }

  take(content, buffers) {
    this.release();
    this.on = true;
    this.labels = content.labels;
    this.name(content);
    this.shas = content.shas.join(" ");
    this.before = this.address(buffers[0], content.types[0]);
    this.after = this.address(buffers[1], content.types[1]);
    this.words.textContent = "";
    this.bar.hidden = this.body.hidden = false;
    this.closed();
    this.draw();
  }

  takeDifference(content, buffers) {
    if (!this.on || content.shas.join(" ") !== this.shas) return;
    this.heat = this.address(buffers[0], content.type);
    this.words.textContent = [...content.numbers, ...content.notes].join(" · ");
    if (this.view === "difference") this.draw();
  }

  draw() {
    if (!this.on) return;
    const [before, after] = this.labels;
    const picture = (url, words, extra = "") => h("img", { src: url, alt: words, class: `nbi-picture ${extra}`, draggable: "false" });
    const plate = (words, side) => h("span", { class: `nbi-plate nbi-${side}`, "aria-hidden": "true" }, words);
    if (this.view === "slider") fill(this.body, this.slider(picture, plate, before, after), this.words);
    else if (this.view === "side") {
      const cell = (url, words) => h("figure", {}, picture(url, words), h("figcaption", {}, words));
      fill(this.body, h("div", { class: "nbi-pair" }, cell(this.before, before), cell(this.after, after)), this.words);
    } else {
      const drawn = () => h("div", { class: "nbi-over" }, picture(this.heat, `Where ${before} and ${after} differ: ${this.words.textContent}`));
      const legend = h("p", { class: "nbi-quiet" }, "Dark: the same. Light: differs most.");
      fill(this.body, this.heat ? drawn() : h("p", {}, "Comparing…"), this.words, legend);
    }
  }

  slider(picture, plate, before, after) {
    const top = picture(this.before, before, "nbi-top");
    const line = h("div", { class: "nbi-line", "aria-hidden": "true" });
    const range = h("input", {
      type: "range",
      class: "nbi-slide",
      min: "0",
      max: "100",
      step: "0.5",
      value: "50",
      "aria-label": `Share of ${before} that is shown over ${after}`,
    });
    const move = () => {
      top.style.clipPath = `inset(0 ${100 - range.value}% 0 0)`;
      line.style.left = `${range.value}%`;
      range.setAttribute("aria-valuetext", `${Math.round(range.value)} percent ${before}`);
    };
    range.addEventListener("input", move);
    move();
    const names = [plate(before, "left"), plate(after, "right")];
    return h("div", { class: "nbi-slider" }, h("div", { class: "nbi-over" }, picture(this.after, after), top, range, line), ...names);
  }
}
