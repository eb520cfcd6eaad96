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
    fill(this.body, h("p", {}, "Choose above what to compare it with."));
    this.closed();
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
    this.closed();
  }

  release() {
    for (const url of this.urls) URL.revokeObjectURL(url);
    this.urls = [];
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
    this.before = this.address(buffers[0], content.types[0]);
    this.after = this.address(buffers[1], content.types[1]);
    this.words.hidden = true;
    this.bar.hidden = this.body.hidden = false;
    this.closed();
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
    const [before, after] = this.labels;
    const picture = (url, words, extra = "") => h("img", { src: url, alt: words, class: `nbi-picture ${extra}`, draggable: "false" });
    const plate = (words, side) => h("span", { class: `nbi-plate nbi-${side}`, "aria-hidden": "true" }, words);
    if (this.view === "slider") fill(this.body, this.slider(picture, plate, before, after), this.words);
    else if (this.view === "side") {
      const cell = (url, words) => h("figure", {}, picture(url, words), h("figcaption", {}, words));
      fill(this.body, h("div", { class: "nbi-pair" }, cell(this.before, before), cell(this.after, after)), this.words);
    } else {
      const drawn = () => h("div", { class: "nbi-over" }, picture(this.heat, `Where ${before} and ${after} differ: ${this.summary.textContent}`));
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
