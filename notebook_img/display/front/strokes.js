// What is painted on a picture, as a list of steps in the picture's own pixels: undo is leaving out the last and painting the rest again.

import { h } from "./elements.js";

const MOST_PIXELS = 16_000_000; // Safari's largest canvas; the kernel brings a smaller mask to size.
const SEEN = 200_000; // pixels looked at to tell how much is painted

export class Strokes {
  constructor(canvas) {
    this.canvas = canvas;
    this.steps = [];
    this.undone = [];
    this.fresh = 0; // how many were added since the picture came: the last thing a person did
    this.kept = new Map(); // what was painted on pictures that are not shown now, by their hash
  }

  get context() {
    return this.canvas.getContext("2d", { willReadFrequently: true });
  }

  // Each picture keeps what was painted on it while the panel is open.
  lie(sha, width, height) {
    if (this.steps.length) this.kept.set(this.sha, this.steps);
    else this.kept.delete(this.sha);
    this.sha = sha;
    this.scale = Math.min(1, Math.sqrt(MOST_PIXELS / Math.max(1, width * height)));
    this.canvas.width = Math.max(1, Math.round(width * this.scale));
    this.canvas.height = Math.max(1, Math.round(height * this.scale));
    this.steps = this.kept.get(sha) ?? [];
    this.undone = [];
    this.fresh = 0;
    this.paint();
  }

  add(...steps) {
    this.steps.push(...steps);
    this.undone = [];
    this.fresh += steps.length;
    this.paint();
  }

  undo() {
    if (!this.steps.length) return false;
    this.undone.push(this.steps.pop());
    this.fresh = Math.max(0, this.fresh - 1);
    this.paint();
    return true;
  }

  redo() {
    if (!this.undone.length) return false;
    this.steps.push(this.undone.pop());
    this.fresh += 1;
    this.paint();
    return true;
  }

  // A mask that was used before, in place of what is painted; it can be undone like a stroke.
  async lay(blob) {
    const { canvas, sha } = this;
    const bitmap = await createImageBitmap(blob);
    if (sha !== this.sha) return;
    const layer = h("canvas");
    layer.width = canvas.width;
    layer.height = canvas.height;
    const context = layer.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    context.drawImage(bitmap, 0, 0, layer.width, layer.height);
    bitmap.close();
    const picture = context.getImageData(0, 0, layer.width, layer.height);
    const data = picture.data;
    for (let index = 0; index < data.length; index += 4) {
      const painted = data[index] > 127;
      data[index] = data[index + 2] = 255;
      data[index + 1] = 0;
      data[index + 3] = painted ? 255 : 0;
    }
    context.putImageData(picture, 0, 0);
    this.add({ kind: "mask", layer });
  }

  paint(unfinished = null) {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const step of this.steps) this.apply(step);
    if (unfinished) this.apply(unfinished);
  }

  apply(step) {
    const { context, scale } = this;
    const { width, height } = this.canvas;
    context.globalCompositeOperation = "source-over";
    context.fillStyle = context.strokeStyle = "#f0f";
    if (step.kind === "clear") context.clearRect(0, 0, width, height);
    else if (step.kind === "mask") {
      context.clearRect(0, 0, width, height);
      context.drawImage(step.layer, 0, 0);
    } else if (step.kind === "invert") {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, width, height);
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

  // Share of the picture that is painted, 0 to 1.
  share() {
    if (!this.steps.length) return 0;
    const { width, height } = this.canvas;
    const data = this.context.getImageData(0, 0, width, height).data;
    const stride = Math.max(1, Math.floor((width * height) / SEEN)) * 4;
    let seen = 0;
    let painted = 0;
    for (let index = 3; index < data.length; index += stride) {
      seen += 1;
      if (data[index] > 127) painted += 1;
    }
    return painted / Math.max(1, seen);
  }

  // White where it may change, black elsewhere, as PNG; no side longer than `most` pixels.
  async png(most = Infinity) {
    const scale = Math.min(1, most / Math.max(this.canvas.width, this.canvas.height));
    const copy = h("canvas");
    copy.width = Math.max(1, Math.round(this.canvas.width * scale));
    copy.height = Math.max(1, Math.round(this.canvas.height * scale));
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.canvas, 0, 0, copy.width, copy.height);
    const picture = context.getImageData(0, 0, copy.width, copy.height);
    const data = picture.data;
    for (let index = 0; index < data.length; index += 4) {
      const value = data[index + 3] > 127 ? 255 : 0;
      data[index] = data[index + 1] = data[index + 2] = value;
      data[index + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    const blob = await new Promise((resolve) => copy.toBlob(resolve, "image/png"));
    return blob.arrayBuffer();
  }
}
