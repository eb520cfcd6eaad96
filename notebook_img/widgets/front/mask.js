// The mask: painted over the picture with pointer (mouse, touch, pen) or keyboard, kept in the picture's own pixels.
// What was done is kept as a list, so that undo is leaving out the last and painting the rest again.

import { button, choices, h, icon, unique } from "./elements.js";

const MOST_PIXELS = 16_000_000; // Safari's largest canvas; the kernel brings a smaller mask to size.

export class Mask {
  constructor(changed, findBoxes) {
    this.changed = changed;
    this.done = [];
    this.kept = new Map(); // what was painted on pictures that are not shown now, by their hash
    this.tool = "brush";
    this.size = 40;
    this.at = null;
    this.corner = null;
    this.drawing = null;
    this.on = false;
    this.canvas = h("canvas", {
      class: "nbi-mask",
      tabindex: "0",
      role: "application",
      "aria-label": "Mask over the picture. Draw with the pointer, or move with the arrow keys and press Space to paint.",
      hidden: true,
    });
    this.pointer = h("div", { class: "nbi-brush", hidden: true, "aria-hidden": "true" });
    this.bar = this.makeBar(findBoxes);
    this.listen();
  }

  makeBar(findBoxes) {
    const id = unique("size");
    this.tools = choices(
      "Mask tool",
      [
        ["brush", [icon("brush"), "Brush"]],
        ["eraser", [icon("eraser"), "Eraser"]],
        ["rectangle", [icon("rectangle"), "Rectangle"]],
      ],
      this.tool,
      (tool) => {
        this.tool = tool;
        this.corner = null;
      },
    );
    this.slider = h("input", { type: "range", id, min: "2", max: "200", value: "40", oninput: () => this.setSize(+this.slider.value) });
    this.undoButton = button("Undo", "undo", { onclick: () => this.undo() });
    this.words = h("span", { class: "nbi-quiet", role: "status" });
    return h(
      "div",
      { class: "nbi-bar nbi-maskbar", role: "toolbar", "aria-label": "Mask", hidden: true },
      this.tools.element,
      h("label", { class: "nbi-inline", for: id }, "Size", this.slider),
      this.undoButton,
      button("Invert", "invert", { onclick: () => this.add({ kind: "invert" }) }),
      button("Clear", "clear", { onclick: () => this.add({ kind: "clear" }) }),
      button("Boxes", "boxes", { title: "Start from boxes that a model finds", onclick: findBoxes }),
      this.words,
    );
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("pointerleave", () => (this.pointer.hidden = true));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => {
      if (canvas.matches(":focus-visible")) this.hover(this.at);
    });
    canvas.addEventListener("blur", () => (this.pointer.hidden = true));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  // The picture it lies on; each picture keeps what was painted on it while the panel is open.
  lie(sha, width, height) {
    if (sha === this.sha) return;
    if (this.done.length) this.kept.set(this.sha, this.done);
    else this.kept.delete(this.sha);
    this.sha = sha;
    this.width = width;
    this.height = height;
    this.scale = Math.min(1, Math.sqrt(MOST_PIXELS / Math.max(1, width * height)));
    this.canvas.width = Math.max(1, Math.round(width * this.scale));
    this.canvas.height = Math.max(1, Math.round(height * this.scale));
    this.slider.max = String(Math.max(20, Math.round(Math.max(width, height) / 4)));
    this.setSize(Math.max(4, Math.round(Math.max(width, height) / 16)));
    this.slider.value = String(this.size);
    this.done = this.kept.get(sha) ?? [];
    this.at = { x: width / 2, y: height / 2 };
    this.corner = null;
    this.paint();
  }

  show(on) {
    this.on = on;
    this.canvas.hidden = !on;
    this.bar.hidden = !on;
    this.pointer.hidden = true;
    this.tell();
  }

  setSize(size) {
    this.size = size;
  }

  get empty() {
    return !this.share;
  }

  add(step) {
    this.done.push(step);
    this.apply(step);
    this.tell();
  }

  undo() {
    this.done.pop();
    this.paint();
  }

  boxes(found) {
    for (const box of found) {
      this.done.push({ kind: "rectangle", from: { x: box.left, y: box.top }, to: { x: box.right, y: box.bottom } });
    }
    this.paint();
  }

  // From a point of the screen to a pixel of the picture.
  place(event) {
    const frame = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - frame.left) / frame.width) * this.width, y: ((event.clientY - frame.top) / frame.height) * this.height };
  }

  down(event) {
    if (event.button > 0) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that is gone again, or one a script made up
    }
    const at = this.place(event);
    if (this.tool === "rectangle") this.drawing = { kind: "rectangle", from: at, to: at };
    else this.drawing = { kind: "stroke", erase: this.tool === "eraser", size: this.weigh(event), points: [at] };
    this.preview();
  }

  // A pen presses harder for a broader stroke; a mouse always says 0.5.
  weigh(event) {
    return event.pointerType === "pen" && event.pressure ? this.size * (0.5 + event.pressure) : this.size;
  }

  move(event) {
    const at = this.place(event);
    this.hover(at);
    if (!this.drawing) return;
    if (this.drawing.kind === "rectangle") this.drawing.to = at;
    else for (const each of event.getCoalescedEvents?.() ?? [event]) this.drawing.points.push(this.place(each));
    if (this.drawing.kind === "stroke") this.drawing.points.push(at);
    this.preview();
  }

  up(event) {
    if (!this.drawing) return;
    if (this.drawing.kind === "rectangle") this.drawing.to = this.place(event);
    const step = this.drawing;
    this.drawing = null;
    this.done.push(step);
    this.paint();
  }

  cancel() {
    this.drawing = null;
    this.paint();
  }

  hover(at) {
    this.at = at;
    const frame = this.canvas.getBoundingClientRect();
    const diameter = this.tool === "rectangle" ? 9 : (this.size / this.width) * frame.width;
    this.pointer.hidden = !this.on;
    this.pointer.style.cssText = `width:${diameter}px;height:${diameter}px;left:${(at.x / this.width) * 100}%;top:${(at.y / this.height) * 100}%`;
  }

  key(event) {
    const step = (event.shiftKey ? 4 : 1) * Math.max(1, this.size / 3);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      const [x, y] = moves[event.key];
      this.hover({ x: Math.min(this.width, Math.max(0, this.at.x + x)), y: Math.min(this.height, Math.max(0, this.at.y + y)) });
    } else if (event.key === " " || event.key === "Enter") {
      if (event.ctrlKey || event.metaKey) return;
      this.press();
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.undo();
    else if (event.key === "Escape" && (this.corner || this.drawing)) {
      this.corner = null;
      this.cancel();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  press() {
    if (this.tool !== "rectangle") this.add({ kind: "stroke", erase: this.tool === "eraser", size: this.size, points: [this.at] });
    else if (this.corner) {
      this.add({ kind: "rectangle", from: this.corner, to: this.at });
      this.corner = null;
    } else {
      this.corner = this.at;
      this.words.textContent = "First corner set; move and press Space for the other.";
    }
  }

  preview() {
    this.paintNow();
    this.apply(this.drawing);
  }

  paint() {
    this.paintNow();
    this.tell();
  }

  paintNow() {
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const step of this.done) this.apply(step);
  }

  apply(step) {
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    const scale = this.scale;
    context.globalCompositeOperation = "source-over";
    context.fillStyle = context.strokeStyle = "#f0f";
    if (step.kind === "clear") context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    else if (step.kind === "invert") {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    } else if (step.kind === "rectangle") {
      const left = Math.round(Math.min(step.from.x, step.to.x) * scale);
      const top = Math.round(Math.min(step.from.y, step.to.y) * scale);
      const right = Math.round(Math.max(step.from.x, step.to.x) * scale);
      const bottom = Math.round(Math.max(step.from.y, step.to.y) * scale);
      context.fillRect(left, top, right - left, bottom - top);
    } else {
      context.globalCompositeOperation = step.erase ? "destination-out" : "source-over";
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = Math.max(1, step.size * scale);
      context.beginPath();
      const [first, ...rest] = step.points;
      context.moveTo(first.x * scale, first.y * scale);
      if (!rest.length) context.lineTo(first.x * scale + 0.01, first.y * scale);
      for (const point of rest) context.lineTo(point.x * scale, point.y * scale);
      context.stroke();
    }
    context.globalCompositeOperation = "source-over";
  }

  tell() {
    const { width, height } = this.canvas;
    let painted = 0;
    if (this.done.length) {
      const data = this.canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height).data;
      const stride = Math.max(1, Math.floor((width * height) / 200_000)) * 4;
      let seen = 0;
      for (let index = 3; index < data.length; index += stride) {
        seen += 1;
        if (data[index] > 127) painted += 1;
      }
      painted /= Math.max(1, seen);
    }
    this.share = painted;
    this.undoButton.disabled = !this.done.length;
    this.words.textContent = painted ? `${painted < 0.01 ? "less than 1" : Math.round(painted * 100)} % may change` : "Paint what may change.";
    this.changed();
  }

  // White where it may change, black elsewhere, as PNG.
  async png() {
    const { width, height } = this.canvas;
    const picture = this.canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height);
    const data = picture.data;
    for (let index = 0; index < data.length; index += 4) {
      const value = data[index + 3] > 127 ? 255 : 0;
      data[index] = data[index + 1] = data[index + 2] = value;
      data[index + 3] = 255;
    }
    const copy = h("canvas");
    copy.width = width;
    copy.height = height;
    copy.getContext("2d").putImageData(picture, 0, 0);
    const blob = await new Promise((resolve) => copy.toBlob(resolve, "image/png"));
    return blob.arrayBuffer();
  }
}
