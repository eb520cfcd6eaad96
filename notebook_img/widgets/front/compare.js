// Two pictures against each other: a slider, side by side, or where they differ.

import { button, choices, differs, fill, h } from "../../display/front/elements.js";
import { slider } from "../../display/front/slider.js";
import { Layer } from "./layer.js";

const GALLERY = "gallery"; // stands for a picture that was sent from there

export class Compare {
  constructor(link, changed) {
    this.link = link;
    this.changed = changed;
    this.layers = [];
    this.places = []; // see zoom.js
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
    this.summary = h("span", { role: "status" });
    this.numbers = h("p", { class: "nbi-quiet" });
    this.words = h("details", { class: "nbi-numbers", hidden: true }, h("summary", {}, this.summary), this.numbers);
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

  // What can be compared with: what the picture was made from, unless another one is chosen; the photographs, and the session's turns.
  offer({ nodes, base, turn }) {
    const made = Boolean(turn?.comparable);
    if (!differs(this, "offer", [nodes.map((node) => node.key), base.key, made])) return;
    const gallery = this.select.value === GALLERY ? this.select.selectedOptions[0] : null;
    const others = nodes.filter((node) => node.shas.length && node.key !== base.key);
    const option = (node) => h("option", { value: node.key }, node.kind === "source" ? node.prompt : `${node.key}: ${node.prompt.slice(0, 40)}`);
    fill(
      this.select,
      gallery,
      h("option", { value: "" }, made ? "what it was made from" : "choose a picture"),
      others.filter((node) => node.kind === "source").map(option),
      others.filter((node) => node.kind !== "source").reverse().map(option),
    );
    this.made = made;
    this.select.value = gallery ? GALLERY : "";
    this.possible = made || others.length > 0;
  }

  request(key) {
    if (key) this.link.send("compare", /^t\d+$/.test(key) ? { with: +key.slice(1) } : { source: key });
    else if (this.made) this.link.send("compare");
  }

  open() {
    this.select.value = "";
    if (this.made) this.request("");
    else this.wait();
  }

  // It has not been said yet what to compare with.
  wait() {
    this.on = true;
    this.bar.hidden = this.body.hidden = false;
    this.lay([], h("p", {}, "Choose above what to compare it with."));
    this.select.focus();
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
    this.select.value = "";
    this.bar.hidden = this.body.hidden = true;
    this.release();
    this.lay([]);
  }

  // Draws a view; what of it zooms and moves together is told.
  lay(places, ...parts) {
    this.places = places;
    fill(this.body, parts);
    this.changed();
  }

  // The parts of both pictures that are in sight, as sharp as they are.
  look() {
    for (const { pane, layer } of this.places) layer?.look(pane);
  }

  release() {
    for (const url of this.urls) URL.revokeObjectURL(url);
    for (const layer of this.layers) layer.release();
    this.urls = [];
    this.layers = [];
    this.heat = this.labels = null;
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
    this.layers = content.labels.map((alt, index) => {
      const layer = new Layer(this.link);
      const url = this.address(buffers[index], content.types[index]);
      const [width, height] = content.sizes[index];
      layer.take({ sha: content.shas[index], url, sharp: content.wide[index], width, height, alt }, { width: content.sizes[1][0], height: content.sizes[1][1] });
      return layer;
    });
    this.words.hidden = true;
    this.bar.hidden = this.body.hidden = false;
    this.draw();
  }

  takeDifference(content, buffers) {
    if (!this.on || content.shas.join(" ") !== this.shas) return;
    this.heat = this.address(buffers[0], content.type);
    this.words.hidden = false;
    this.summary.textContent = content.summary;
    this.numbers.textContent = [...content.numbers, ...content.notes].join(" · ");
    if (this.view === "difference") this.draw();
  }

  draw() {
    if (!this.on || !this.labels) return;
    const [before, after] = this.layers;
    if (this.view === "slider") this.slider(before, after);
    else if (this.view === "side") {
      const sides = [before, after].map((layer, index) => this.place(layer, h("figure", {}), h("figcaption", {}, this.labels[index])));
      this.lay(sides, h("div", { class: "nbi-pair" }, sides.map(({ holder }) => holder)), this.words);
    } else {
      const legend = h("p", { class: "nbi-quiet" }, "Dark: the same. Light: differs most.");
      if (!this.heat) {
        this.lay([], h("p", {}, "Comparing…"), this.words, legend);
        return;
      }
      const [one, other] = this.labels;
      const heat = new Layer(this.link);
      heat.take({ url: this.heat, width: after.width, height: after.height, alt: `Where ${one} and ${other} differ: ${this.summary.textContent}` });
      const place = this.place(heat, h("div", { class: "nbi-hold" }));
      this.lay([place], place.holder, this.words, legend);
    }
  }

  // A frame with a picture in a pane of its own.
  place(layer, holder, ...under) {
    const frame = h("div", { class: "nbi-sheet" }, layer.element);
    const pane = h("div", { class: "nbi-over" }, frame);
    holder.append(pane, ...under);
    return { holder, pane, box: pane, frame, layer };
  }

  // One over the other, up to a line.
  slider(before, after) {
    const [name, other] = this.labels;
    const { holder, places } = slider({ element: before.element, words: name }, { element: after.element, words: other });
    this.lay([{ ...places[0], layer: after }, { ...places[1], layer: before }], holder, this.words);
  }
}
