// The picture in the large, with what lies on it (mask, boxes, the original) and the tools under it.

import { button, copyText, fill, h, s, saveFile, seconds, shorten } from "../../display/front/elements.js";
import { Chooser } from "./chooser.js";
import { Compare } from "./compare.js";
import { Layer } from "./layer.js";
import { Mask } from "../../display/front/mask.js";
import { Sources } from "./sources.js";
import { Zoom } from "../../display/front/zoom.js";

const ORIGINAL = "o"; // the key that shows the original while it is held

export class Stage {
  constructor(link, say, find) {
    this.link = link;
    this.say = say;
    this.base = { key: "", sha: "", width: 0, height: 0, choices: [] };
    this.sources = new Sources(link, say);
    this.layer = new Layer(link);
    this.before = h("img", { class: "nbi-before", alt: "", draggable: "false", hidden: true });
    this.plate = h("span", { class: "nbi-plate nbi-left", hidden: true });
    this.overlay = s("svg", { class: "nbi-boxes", "aria-hidden": "true" });
    this.sent = s("svg", { class: "nbi-boxes", "aria-hidden": "true" });
    this.mask = new Mask(() => this.maskChanged(), { find, lastMask: () => link.send("last_mask") });
    this.compare = new Compare(link, () => this.arrange());
    this.chooser = new Chooser(link);
    const lying = [this.layer.element, this.overlay, this.sent, this.mask.canvas, this.mask.pointer, this.before];
    this.frame = h("div", { class: "nbi-canvas", hidden: true }, lying);
    this.empty = this.sources.makeEmpty();
    this.wait = h("div", { class: "nbi-wait", hidden: true });
    this.well = h(
      "div",
      { class: "nbi-well", tabindex: "-1", role: "group", "aria-label": "Picture. + and − zoom, 0 shows all of it, arrow keys move it, O held shows the original." },
      this.empty,
      this.chooser.large,
      this.frame,
      this.compare.body,
      this.plate,
      this.wait,
    );
    this.zoom = new Zoom(this.well, {
      changed: (settled) => this.zoomChanged(settled),
      painting: () => this.mask.on,
      stopPainting: () => this.mask.cancel(),
    });
    this.newer = h("div", { class: "nbi-newer", role: "status", hidden: true });
    this.caption = h("div", { class: "nbi-caption" });
    this.element = h(
      "section",
      { class: "nbi-stage", "aria-label": "Picture" },
      this.newer,
      this.mask.bar,
      this.compare.bar,
      this.well,
      this.chooser.small,
      this.makeTools(),
      this.caption,
      this.makeMore(),
    );
    this.listen();
  }

  makeTools() {
    this.undo = button("Undo", "undo", { onclick: () => this.takeBack() });
    this.redo = button("Redo", "redo", { onclick: () => this.bringBack() }, { quiet: true });
    this.maskButton = button("Mask", "brush", { "aria-pressed": "false", onclick: () => this.toggleMask() });
    this.compareButton = button("Compare", "compare", { "aria-pressed": "false", onclick: () => this.toggleCompare() });
    this.eye = button("Original", "eye", { title: "Hold to see the original (O)" }, { quiet: true });
    return h(
      "div",
      { class: "nbi-bar nbi-tools", role: "toolbar", "aria-label": "Picture" },
      this.undo,
      this.redo,
      this.maskButton,
      this.compareButton,
      this.eye,
      h("span", { class: "nbi-space" }),
      this.zoom.bar,
    );
  }

  // What is not needed at first sight.
  makeMore() {
    const { link } = this;
    this.goOn = button("Go on from here", "head", { onclick: () => link.send("checkout", { turn: this.base.turn, pick: this.base.pick }) });
    this.again = button("Again with this mask", "mask", {
      title: "Back to what this was made from, with its mask and prompt",
      onclick: () => link.send("again_masked", { turn: this.base.turn }),
    });
    this.cut = button("Cut out", "cut", { title: "Make everything but what the picture is of transparent", onclick: () => this.oncut?.() });
    this.delivered = button("As delivered", "compare", {
      title: "What the service sent, before it was pasted inside the mask",
      onclick: () => link.send("delivered", { turn: this.base.turn }),
    });
    this.downloadButton = button("Download", "download", { title: "Download the original file", onclick: () => link.send("download") });
    this.magicButton = button("Copy as magic", "copy", { title: "Copy the cell that repeats this turn", onclick: () => link.send("magic") });
    this.moreTools = h("div", { class: "nbi-bar", role: "group", "aria-label": "More for this picture" }, this.goOn, this.again, this.delivered, this.cut, this.downloadButton, this.magicButton);
    this.more = h("details", { class: "nbi-more" }, h("summary", {}, "More"), this.moreTools, this.sources.element);
    return this.more;
  }

  listen() {
    const { link, well } = this;
    link.on("picture", (content, buffers) => this.show(content, buffers));
    link.on("progress", (content, buffers) => this.partial(content, buffers));
    link.on("mask", (content, buffers) => this.takeMask(content, buffers[0]));
    link.on("detail", (content, buffers) => [this.layer, ...this.compare.layers].forEach((layer) => layer.takeDetail(content, buffers[0])));
    link.on("original", (content, buffers) => this.takeOriginal(content, buffers[0]));
    link.on("done", ({ what }) => what !== "ask" && this.mask.choose("brush")); // the eraser would leave the next mask empty
    link.on("whole file", ({ name, blob }) => {
      saveFile(blob, name);
      this.say(`Downloaded ${name}.`);
    });
    link.on("magic", async ({ text, turn }) => {
      this.say((await copyText(text)) ? `Copied the cell that repeats ${turn}.` : text);
    });
    well.addEventListener("dragover", (event) => {
      event.preventDefault();
      well.classList.add("nbi-drop");
    });
    well.addEventListener("dragleave", () => well.classList.remove("nbi-drop"));
    well.addEventListener("drop", (event) => {
      well.classList.remove("nbi-drop");
      this.sources.dropped(event, "base");
    });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("keyup", (event) => this.keyUp(event));
    this.element.addEventListener("focusout", (event) => this.element.contains(event.relatedTarget) || this.original(false));
    this.eye.addEventListener("pointerdown", () => this.original(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) this.eye.addEventListener(end, () => this.original(false));
    this.eye.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && this.original(true));
    this.resized = new ResizeObserver(() => this.zoom.lay());
    this.resized.observe(well);
  }

  close() {
    this.resized.disconnect();
    this.zoom.settled.cancel();
    this.compare.release();
    this.chooser.close();
    this.layer.release();
    for (const url of [this.url, this.early, this.beforeUrl]) if (url) URL.revokeObjectURL(url);
  }

  key(event) {
    if (event.target.closest("input:not([type=radio], [type=range]), textarea, select")) return;
    if (!(this.mask.on && this.mask.shortcut(event)) && !this.zoom.shortcut(event)) {
      if (event.key.toLowerCase() !== ORIGINAL || event.ctrlKey || event.metaKey || event.altKey || this.frame.hidden) return;
      if (!event.repeat) this.original(true);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  keyUp(event) {
    if (event.key.toLowerCase() === ORIGINAL) this.original(false);
    this.zoom.release();
  }

  // On the stage ------------------------------------------------------------------------------------

  show(content, buffers) {
    this.forgetPartial();
    if (this.url && content.sha === this.shown) {
      this.take(content.base);
      return;
    }
    this.shown = content.sha;
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    this.boxes([]);
    if (content.sha) this.url = URL.createObjectURL(new Blob([buffers[0]], { type: content.type }));
    this.layer.take({ sha: content.sha, url: this.url, sharp: content.width, width: content.base.width, height: content.base.height });
    this.take(content.base);
    if (this.compare.on) this.compare.close();
  }

  update(state) {
    this.state = state;
    this.chooser.update(state);
    this.take(state.base);
    this.compare.offer(state);
    const { base, turn } = state;
    this.goOn.hidden = base.turn === null || base.turn === state.head;
    this.again.hidden = !turn?.masked;
    this.delivered.hidden = !turn?.delivered;
    this.mask.last.hidden = !state.masked;
    this.maskButton.disabled = this.eye.disabled = this.cut.disabled = this.downloadButton.disabled = !base.sha;
    this.compareButton.disabled = !base.sha || !this.compare.possible;
    this.magicButton.disabled = base.turn === null;
    this.noteUndo();
    this.drawCaption(state);
    this.newer.hidden = !state.newer;
    if (state.newer) {
      const show = button(`Show ${state.newer}`, null, { onclick: () => this.link.send("head") });
      fill(this.newer, h("span", {}, `${state.newer} is the current turn now.`, this.mask.empty ? "" : " The mask stays with the picture it is painted on."), show);
    }
  }

  take(base) {
    this.base = base;
    const shown = Boolean(base.sha);
    this.layer.image.alt = shown ? `${base.name}${this.state?.turn ? `: ${this.state.turn.prompt}` : ""}` : "";
    if (this.mask.sha !== base.sha) this.held = false; // the kernel holds no picture either when another one is shown
    if (shown) this.mask.lie(base.sha, base.width, base.height);
    else if (this.mask.on) this.toggleMask();
    // Before there is a picture, the ways in come first; afterwards they wait under "More".
    const place = shown || base.choices.length ? this.more : this.element;
    if (this.sources.element.parentElement !== place) place === this.more ? place.append(this.sources.element) : place.prepend(this.sources.element);
    this.more.hidden = !shown && !base.choices.length;
    this.arrange();
  }

  arrange() {
    const comparing = this.compare.on;
    const shown = Boolean(this.base.sha) && !comparing;
    this.frame.hidden = !shown;
    this.well.tabIndex = shown || comparing ? 0 : -1;
    this.empty.hidden = Boolean(this.base.sha) || this.base.choices.length > 0 || comparing;
    this.compareButton.setAttribute("aria-pressed", String(comparing));
    const places = comparing ? this.compare.places : shown ? [{ holder: this.well, box: this.well, pane: this.well, frame: this.frame }] : [];
    this.zoom.take(this.base.sha, this.base.width, this.base.height, places);
  }

  fit() {
    this.zoom.lay();
  }

  drawCaption(state) {
    const { base, turn } = state;
    if (!base.sha && !turn) {
      fill(this.caption);
      return;
    }
    const size = `${base.width} × ${base.height}`;
    if (!turn) {
      const kind = base.mime.replace("image/", "");
      fill(this.caption, h("div", {}, h("b", {}, base.name), h("span", { class: "nbi-quiet" }, ` ${size} · ${kind} · brought in; the next edit starts from it`)));
      return;
    }
    const facts = [turn.model, base.sha && size, seconds(turn.seconds), turn.cost, turn.masked ? "inside a mask" : "", turn.when].filter(Boolean);
    fill(
      this.caption,
      h("div", {}, h("b", {}, base.id), ` ${shorten(turn.prompt, 400)}`),
      h("div", { class: "nbi-quiet" }, facts.join(" · ")),
      turn.text ? h("div", { class: "nbi-words" }, turn.text) : null,
      turn.warnings.map((warning) => h("div", { class: "nbi-warning" }, warning)),
    );
  }

  // Undo ---------------------------------------------------------------------------------------------

  // One button for both: the last stroke while there is one on this picture, else the last turn.
  noteUndo() {
    if (!this.state) return;
    const { fresh, undone } = this.mask.strokes;
    const stroke = this.mask.on && fresh > 0;
    const again = this.mask.on && undone.length > 0;
    const label = (element, words) => {
      if (element.querySelector("span")) element.querySelector("span").textContent = words;
      else element.setAttribute("aria-label", words);
      element.title = words;
    };
    label(this.undo, stroke ? "Undo stroke" : "Undo");
    label(this.redo, again ? "Redo stroke" : "Redo");
    this.undo.disabled = !stroke && this.state.head === null;
    this.redo.disabled = !again && !this.state.redo;
  }

  takeBack() {
    if (this.mask.on && this.mask.strokes.fresh > 0) this.mask.undo();
    else this.link.send("undo");
  }

  bringBack() {
    if (!(this.mask.on && this.mask.redo())) this.link.send("redo");
  }

  // Mask, boxes, partial pictures -------------------------------------------------------------------

  toggleMask() {
    const on = !this.mask.on;
    if (on && this.compare.on) this.compare.close();
    this.mask.show(on);
    this.maskButton.setAttribute("aria-pressed", String(on));
    if (on) this.mask.canvas.focus({ preventScroll: true });
  }

  // A question takes no mask: the brush rests, and what is painted stays.
  forQuestions(asking) {
    if (asking && this.mask.on) this.toggleMask();
    this.maskButton.hidden = asking;
  }

  toggleCompare() {
    if (this.compare.on) this.compare.close();
    else {
      if (this.mask.on) this.toggleMask();
      this.compare.open();
    }
  }

  async takeMask(content, data) {
    if (content.sha !== this.base.sha) return;
    if (!this.mask.on) this.toggleMask();
    await this.mask.lay(new Blob([data], { type: content.type }), content.anew);
    this.onprompt?.(content.prompt);
  }

  maskChanged() {
    const held = Boolean(this.mask.on && this.mask.share);
    if (held !== this.held) this.link.send("pin", { on: held });
    this.held = held;
    this.noteUndo();
    this.onmask?.();
  }

  boxes(found) {
    this.found = found;
    this.onboxes?.();
    const { width, height } = this.base;
    this.overlay.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
    const unit = Math.max(width, height) / 100;
    this.overlay.replaceChildren(
      ...found.flatMap((box) => {
        const place = { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top };
        const words = s("text", { x: box.left + unit * 0.6, y: box.top + unit * 2.6, "font-size": unit * 2.4 });
        words.textContent = box.label ?? "";
        return [s("rect", { ...place, class: "nbi-box-back" }), s("rect", { ...place, class: "nbi-box" }), words];
      }),
    );
  }

  // The part of the picture that an edit inside the mask sends to its service.
  region(box) {
    const { width, height } = this.base;
    this.sent.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
    if (!box || !this.mask.on || this.mask.empty) {
      this.sent.replaceChildren();
      return;
    }
    const [left, top, right, bottom] = box;
    const place = { x: left, y: top, width: right - left, height: bottom - top };
    this.sent.replaceChildren(s("rect", { ...place, class: "nbi-box-back" }), s("rect", { ...place, class: "nbi-region" }));
  }

  partial(content, buffers) {
    if (!content.partial) return;
    if (this.early) URL.revokeObjectURL(this.early);
    this.early = URL.createObjectURL(new Blob([buffers[0]], { type: content.partial }));
    fill(this.wait, h("img", { src: this.early, alt: "Partial picture, not finished" }), h("span", { class: "nbi-plate nbi-left" }, "not finished"));
    this.wait.hidden = false;
  }

  forgetPartial() {
    this.wait.hidden = true;
    fill(this.wait);
  }

  // Closer, and before -------------------------------------------------------------------------------

  zoomChanged(settled) {
    if (!settled || !this.base.sha) return;
    if (this.compare.on) this.compare.look();
    else if (!this.frame.hidden) this.layer.look(this.well);
  }

  original(on) {
    this.holding = on;
    if (!on || this.frame.hidden) this.before.hidden = this.plate.hidden = true;
    else if (this.originalOf === this.base.key + this.base.sha) this.showOriginal();
    else this.link.send("original", { sha: this.base.sha });
  }

  takeOriginal(content, data) {
    if (this.beforeUrl) URL.revokeObjectURL(this.beforeUrl);
    this.beforeUrl = URL.createObjectURL(new Blob([data], { type: content.type }));
    this.before.src = this.beforeUrl;
    this.before.alt = `The original, ${content.name}`;
    this.plate.textContent = `Original: ${content.name}`;
    this.originalOf = content.key + content.sha;
    if (this.holding && this.originalOf === this.base.key + this.base.sha) this.showOriginal();
  }

  showOriginal() {
    this.before.hidden = this.plate.hidden = false;
  }
}
