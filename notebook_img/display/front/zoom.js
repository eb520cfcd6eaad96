// Zoom and pan of the picture on the stage: wheel, pinch, drag, keys and buttons. It places the frame in its pane; what lies in the frame
// (mask, boxes) is measured in shares of it, and so stays where it is on the picture. Two pictures that are compared are two frames, moved
// as one: each in a pane of its own, or both in one.

import { button, h, soon } from "./elements.js";

const TALLEST = 560; // CSS pixels
const SMALL = 96; // pixels; what is smaller is enlarged in whole steps, with hard edges
const MOST = 16; // CSS pixels for one of the picture's
const CLOSER = 1.25;
const HARD = 3; // from this many screen pixels for one of the picture's on, its edges are shown hard

export class Zoom {
  constructor(well, { changed, painting, stopPainting }) {
    this.well = well; // takes the pointer
    this.places = []; // { pane, box, holder, frame }: the box around a pane is as wide as the picture or, zoomed in, as its holder
    this.changed = changed;
    this.painting = painting;
    this.stopPainting = stopPainting;
    this.scale = 0;
    this.center = null; // the point of the picture in the middle of its pane, in shares; null while it fits
    this.touches = new Map();
    this.settled = soon(() => changed(true), 200);
    this.percent = h("span", { class: "nbi-percent", role: "status", "aria-label": "Zoom" });
    const small = (words, name, does, key) => button(words, name, { title: `${words} (${key})`, onclick: does }, { quiet: true });
    this.bar = h(
      "div",
      { class: "nbi-bar nbi-zoom", role: "group", "aria-label": "Zoom" },
      small("Zoom out", "minus", () => this.by(1 / CLOSER), "−"),
      this.percent,
      small("Zoom in", "plus", () => this.by(CLOSER), "+"),
      small("Fit", "fit", () => this.reset(), "0"),
      button("1:1", null, { title: "One pixel of the picture for one of the screen (1)", onclick: () => this.whole() }),
    );
    this.listen();
  }

  listen() {
    const { well } = this;
    well.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    // Before the mask sees them: two fingers, the middle button and a held H move the picture while a mask is painted too.
    well.addEventListener("pointerdown", (event) => this.down(event), { capture: true });
    well.addEventListener("pointermove", (event) => this.move(event), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) well.addEventListener(end, (event) => this.up(event), { capture: true });
    // What the middle button does elsewhere: scrolling by itself, and pasting on Linux.
    for (const kind of ["mousedown", "mouseup", "auxclick"]) well.addEventListener(kind, (event) => event.button === 1 && event.preventDefault());
    well.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    well.addEventListener("dblclick", (event) => !this.painting() && this.pane(event) && this.by(this.zoomed ? 1e-6 : 2, event));
  }

  // The picture to show, its size in pixels, and where; another one is shown whole. No places: there is nothing to look at closely.
  take(sha, width, height, places) {
    if (sha !== this.sha || width !== this.width) this.center = null;
    Object.assign(this, { sha, width, height, places, shown: Boolean(width) && places.length > 0 });
    this.lay();
  }

  // The pane a pointer is in.
  pane(event) {
    return this.shown ? this.places.find(({ pane }) => pane.contains(event.target))?.pane : undefined;
  }

  // CSS pixels for one of the picture's when all of it is shown: as large as there is room for, at most twice its size.
  get fitting() {
    const room = Math.max(40, this.places[0].holder.clientWidth - 2);
    const scale = Math.min(room / this.width, TALLEST / this.height);
    if (scale <= 1) return scale;
    const longest = Math.max(this.width, this.height);
    return longest <= SMALL ? Math.max(1, Math.min(Math.floor(scale), Math.ceil(320 / longest))) : Math.min(scale, 2);
  }

  get zoomed() {
    return this.center !== null;
  }

  lay() {
    this.bar.hidden = !this.shown;
    this.well.classList.toggle("nbi-zoomed", this.shown && this.zoomed);
    if (this.places[0]?.pane !== this.well) this.well.style.height = "";
    if (!this.shown) return;
    const fit = this.fitting;
    if (!this.zoomed) this.scale = fit;
    const wide = Math.max(1, this.width * this.scale);
    const high = Math.max(1, this.height * this.scale);
    const alone = this.places[0].pane === this.well;
    const [tall, room] =
      alone || this.zoomed ? [Math.max(220, Math.ceil(this.height * fit) + 2), this.places[0].holder.clientWidth] : [Math.ceil(high), Math.ceil(wide)];
    // Where it is larger than the well no edge of it comes inside; where it is smaller it stands in the middle.
    const along = (share, size, space) => (size <= space ? (space - size) / 2 : Math.min(0, Math.max(space - size, space / 2 - share * size)));
    const left = along(this.center?.x ?? 0.5, wide, room);
    const top = along(this.center?.y ?? 0.5, high, tall);
    if (this.zoomed) this.center = { x: (room / 2 - left) / wide, y: (tall / 2 - top) / high };
    this.size = { wide, high, left, top, room, tall };
    const hard = this.scale * devicePixelRatio >= HARD || (Math.max(this.width, this.height) <= SMALL && this.scale > 1);
    for (const { pane, box, frame } of this.places) {
      pane.style.height = `${tall}px`;
      if (!alone) box.style.width = `${room}px`;
      frame.style.cssText = `left:${left}px;top:${top}px;width:${wide}px;height:${high}px`;
      frame.classList.toggle("nbi-pixels", hard);
    }
    const words = `${Math.round(this.scale * devicePixelRatio * 100)} %`;
    if (this.percent.textContent !== words) this.percent.textContent = words;
    this.changed(false);
    this.settled();
  }

  // Where a point of the screen is in a pane, in its own CSS pixels, however large the page is shown.
  inside(event, pane = this.pane(event) ?? this.places[0].pane) {
    const box = pane.getBoundingClientRect();
    const zoom = box.width / pane.offsetWidth || 1;
    return { x: (event.clientX - box.left) / zoom - pane.clientLeft, y: (event.clientY - box.top) / zoom - pane.clientTop };
  }

  by(factor, event) {
    this.to(this.scale * factor, event && this.inside(event));
  }

  // The point under the pointer stays under it; without one, the middle.
  to(scale, at) {
    if (!this.shown) return;
    const fit = this.fitting;
    const least = Math.min(fit, 1 / devicePixelRatio);
    const next = Math.min(Math.max(MOST, fit), Math.max(least, scale));
    if (Math.abs(next - fit) < 0.001 * fit) {
      this.reset();
      return;
    }
    const { wide, high, left, top, room, tall } = this.size;
    const spot = at ?? { x: room / 2, y: tall / 2 };
    this.scale = next;
    this.center = {
      x: (spot.x - left) / wide + (room / 2 - spot.x) / (this.width * next),
      y: (spot.y - top) / high + (tall / 2 - spot.y) / (this.height * next),
    };
    this.lay();
  }

  reset() {
    this.center = null;
    this.lay();
  }

  whole() {
    this.to(1 / devicePixelRatio);
  }

  pan(x, y) {
    if (!this.zoomed) return;
    this.center = { x: this.center.x - x / this.size.wide, y: this.center.y - y / this.size.high };
    this.lay();
  }

  // The page scrolls as usual until the picture has the focus (after a click into it) or Ctrl is held.
  wheel(event) {
    const pinched = event.ctrlKey || event.metaKey;
    if (!this.pane(event) || !(pinched || this.zoomed || this.well.contains(document.activeElement))) return;
    const turned = event.deltaY * (event.deltaMode ? 33 : 1);
    if (!pinched && !this.zoomed && turned > 0) return;
    event.preventDefault();
    const most = pinched ? 25 : 120;
    this.by(Math.exp(-Math.min(most, Math.max(-most, turned)) * (pinched ? 0.01 : 0.0018)), event);
  }

  down(event) {
    const pane = this.pane(event);
    if (!pane || event.target.closest(".nbi-line")) return; // the line between two pictures is moved by itself
    if (!this.touches.size) this.held = pane;
    if (event.pointerType === "touch") this.touches.set(event.pointerId, this.inside(event, this.held));
    const two = this.touches.size === 2;
    const grabbed = event.button === 1 || this.hand || (event.button === 0 && !this.painting() && this.zoomed);
    if (!two && !grabbed) return;
    if (two) this.stopPainting();
    this.dragged = two ? null : { id: event.pointerId, at: this.inside(event, this.held) };
    this.well.classList.add("nbi-grabbed");
    event.stopPropagation();
    if (event.button === 1) event.preventDefault();
    if (!two) this.well.setPointerCapture?.(event.pointerId);
  }

  move(event) {
    if (!this.dragged && !this.touches.size) return;
    const at = this.inside(event, this.held);
    if (this.touches.size === 2 && this.touches.has(event.pointerId)) {
      const before = [...this.touches.values()];
      this.touches.set(event.pointerId, at);
      const after = [...this.touches.values()];
      const middle = ([one, two]) => ({ x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 });
      const span = ([one, two]) => Math.max(1, Math.hypot(one.x - two.x, one.y - two.y));
      const spot = middle(after);
      this.to((this.scale * span(after)) / span(before), spot);
      this.pan(spot.x - middle(before).x, spot.y - middle(before).y);
      event.stopPropagation();
    } else if (this.dragged?.id === event.pointerId) {
      this.pan(at.x - this.dragged.at.x, at.y - this.dragged.at.y);
      this.dragged.at = at;
      event.stopPropagation();
    }
  }

  up(event) {
    const pinching = this.touches.size === 2;
    this.touches.delete(event.pointerId);
    if (!pinching && this.dragged?.id !== event.pointerId) return;
    this.dragged = null;
    this.well.classList.remove("nbi-grabbed");
    event.stopPropagation();
  }

  // Keys on the stage; tells whether this was one.
  shortcut(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.shown) return false;
    const far = 60;
    const does = {
      "+": () => this.by(CLOSER),
      "=": () => this.by(CLOSER),
      "-": () => this.by(1 / CLOSER),
      0: () => this.reset(),
      1: () => this.whole(),
      h: () => (this.hand = true),
      ...(this.zoomed && event.target.type !== "range" && {
        ArrowLeft: () => this.pan(far, 0),
        ArrowRight: () => this.pan(-far, 0),
        ArrowUp: () => this.pan(0, far),
        ArrowDown: () => this.pan(0, -far),
      }),
    }[event.key];
    if (!does) return false;
    does();
    return true;
  }

  release() {
    this.hand = false;
  }
}
