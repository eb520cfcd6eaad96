// The mask tool: painting over the picture with pointer (mouse, touch, pen) or keyboard. What is painted is kept in strokes.js.

import { button, choices, h, icon, unique } from "./elements.js";
import { Strokes } from "./strokes.js";

const GROWTH = 1.25; // how much [ and ] change the brush

export class Mask {
  // `actions` are what a page can do beside painting: `find` what words name, and bring back the `lastMask`.
  constructor(changed, actions = {}) {
    this.changed = changed;
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
      "aria-label": "Mask over the picture. Draw with the pointer, or move with the arrow keys and press Space to paint. [ and ] change the brush, Ctrl+Z takes back.",
      hidden: true,
    });
    this.strokes = new Strokes(this.canvas);
    this.pointer = h("div", { class: "nbi-brush", hidden: true, "aria-hidden": "true" });
    this.bar = this.makeBar(actions);
    this.listen();
  }

  makeBar({ find, lastMask }) {
    const id = unique("size");
    this.tools = choices(
      "Mask tool",
      [
        ["brush", [icon("brush"), "Brush"]],
        ["eraser", [icon("eraser"), "Eraser"]],
        ["rectangle", [icon("rectangle"), "Rectangle"]],
      ],
      this.tool,
      (tool) => this.choose(tool),
    );
    const title = "Size of the brush, in pixels of the picture ([ and ])";
    this.slider = h("input", { type: "range", id, title, min: "2", max: "200", value: "40", oninput: () => this.setSize(+this.slider.value) });
    this.words = h("span", { class: "nbi-quiet", role: "status" });
    this.wanted = h("input", {
      type: "text",
      class: "nbi-text nbi-wanted",
      placeholder: "the cup",
      "aria-label": "What to find and paint",
      onkeydown: (event) => event.key === "Enter" && !event.isComposing && find(this.wanted.value),
    });
    this.last = button("Last mask", "mask", { title: "Paint what was painted for the last run", hidden: true, onclick: lastMask });
    return h(
      "div",
      { class: "nbi-bar nbi-maskbar", role: "toolbar", "aria-label": "Mask", hidden: true },
      this.tools.element,
      h("label", { class: "nbi-inline", for: id }, "Size", this.slider),
      button("Invert", "invert", { onclick: () => this.add({ kind: "invert" }) }),
      button("Clear", "clear", { onclick: () => this.add({ kind: "clear" }) }),
      lastMask && this.last,
      find &&
        h("span", { class: "nbi-inline" }, this.wanted, button("Find", "boxes", { title: "A model looks for it, and its shape is painted", onclick: () => find(this.wanted.value) })),
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

  get sha() {
    return this.strokes.sha;
  }

  lie(sha, width, height) {
    if (sha === this.sha) return;
    this.width = width;
    this.height = height;
    this.slider.max = String(Math.max(20, Math.round(Math.max(width, height) / 4)));
    this.setSize(Math.max(4, Math.round(Math.max(width, height) / 16)));
    this.at = { x: width / 2, y: height / 2 };
    this.corner = this.drawing = null;
    this.strokes.lie(sha, width, height);
    this.tell();
  }

  // A mask that was used before. Without `anew` only where nothing is painted.
  async lay(blob, anew) {
    if (anew || !this.strokes.steps.length) await this.strokes.lay(blob);
    if (!anew) this.strokes.fresh = 0;
    this.tell();
  }

  show(on) {
    this.on = on;
    this.canvas.hidden = !on;
    this.bar.hidden = !on;
    this.pointer.hidden = true;
    this.tell();
  }

  choose(tool) {
    this.tool = tool;
    this.tools.set(tool);
    this.corner = null;
  }

  setSize(size) {
    this.size = Math.min(+this.slider.max, Math.max(+this.slider.min, size));
    this.slider.value = String(this.size);
    if (!this.pointer.hidden) this.hover(this.at);
  }

  get empty() {
    return !this.share;
  }

  add(...steps) {
    this.strokes.add(...steps);
    this.tell();
  }

  undo() {
    const done = this.strokes.undo();
    this.tell();
    return done;
  }

  redo() {
    const done = this.strokes.redo();
    this.tell();
    return done;
  }

  boxes(found) {
    this.add(...found.map((box) => ({ kind: "rectangle", from: { x: box.left, y: box.top }, to: { x: box.right, y: box.bottom } })));
  }

  // From a point of the screen to a pixel of the picture, at any zoom of the stage or the browser.
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
    this.strokes.paint(this.drawing);
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
    this.strokes.paint(this.drawing);
  }

  up(event) {
    if (!this.drawing) return;
    if (this.drawing.kind === "rectangle") this.drawing.to = this.place(event);
    const step = this.drawing;
    this.drawing = null;
    this.add(step);
  }

  cancel() {
    this.drawing = null;
    this.strokes.paint();
    this.tell();
  }

  hover(at) {
    this.at = at;
    const diameter = this.tool === "rectangle" ? 9 : (this.size / this.width) * this.canvas.offsetWidth;
    this.pointer.hidden = !this.on;
    this.pointer.style.cssText = `width:${diameter}px;height:${diameter}px;left:${(at.x / this.width) * 100}%;top:${(at.y / this.height) * 100}%`;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (event.shiftKey ? 4 : 1) * Math.max(1, this.size / 3);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      const [x, y] = moves[event.key];
      this.hover({ x: Math.min(this.width, Math.max(0, this.at.x + x)), y: Math.min(this.height, Math.max(0, this.at.y + y)) });
    } else if (event.key === " " || event.key === "Enter") this.press();
    else if (event.key === "Escape" && (this.corner || this.drawing)) {
      this.corner = null;
      this.cancel();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Keys that hold wherever the focus is on the stage; tells whether this was one.
  shortcut(event) {
    const control = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (control && letter === "z") (event.shiftKey ? this.redo() : this.undo());
    else if (control && letter === "y") this.redo();
    else if (!control && event.key === "[") this.setSize(Math.min(this.size - 1, this.size / GROWTH));
    else if (!control && event.key === "]") this.setSize(Math.max(this.size + 1, this.size * GROWTH));
    else return false;
    return true;
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

  tell() {
    this.share = this.strokes.share();
    const painted = this.share;
    this.words.textContent = painted ? `${painted < 0.01 ? "less than 1" : Math.round(painted * 100)} % may change` : "Paint what may change.";
    this.changed();
  }

  png(most) {
    return this.strokes.png(most);
  }
}
