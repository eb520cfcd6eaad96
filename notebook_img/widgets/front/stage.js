// The picture in the large, with what lies on it (mask, boxes) and the ways in and out: upload, paste, drop, open, download.

import { button, copyText, differs, fill, h, s, saveFile, seconds, shorten, unique } from "./elements.js";
import { Compare } from "./compare.js";
import { Mask } from "./mask.js";

const TALLEST = 560; // CSS pixels
const SMALL = 96; // pixels; what is smaller is enlarged in whole steps, with hard edges
const IMAGE_TYPES = "image/*,.heic,.heif,.avif,.tif,.tiff";

export class Stage {
  constructor(link, say, findBoxes) {
    this.link = link;
    this.say = say;
    this.base = { sha: "", width: 0, height: 0 };
    this.image = h("img", { class: "nbi-picture", alt: "", draggable: "false", hidden: true });
    this.overlay = s("svg", { class: "nbi-boxes", "aria-hidden": "true" });
    this.mask = new Mask(() => this.maskChanged(), findBoxes);
    this.compare = new Compare(link, () => this.arrange());
    this.frame = h("div", { class: "nbi-canvas", hidden: true }, this.image, this.overlay, this.mask.canvas, this.mask.pointer);
    this.empty = this.makeEmpty();
    this.wait = h("div", { class: "nbi-wait", hidden: true });
    this.newer = h("div", { class: "nbi-newer", role: "status", hidden: true });
    this.picks = h("div", { class: "nbi-picks", role: "group", "aria-label": "Pictures of this turn", hidden: true });
    this.caption = h("div", { class: "nbi-caption" });
    this.well = h("div", { class: "nbi-well" }, this.empty, this.frame, this.compare.body, this.wait);
    this.element = h(
      "section",
      { class: "nbi-stage", "aria-label": "Picture" },
      this.makeSources(),
      this.newer,
      this.mask.bar,
      this.compare.bar,
      this.well,
      this.picks,
      this.makeTools(),
      this.caption,
    );
    this.listen();
  }

  makeSources() {
    this.file = h("input", { type: "file", accept: IMAGE_TYPES, class: "nbi-hidden", tabindex: "-1", "aria-label": "Image file" });
    this.file.addEventListener("change", () => {
      this.bring([...this.file.files], this.role);
      this.file.value = "";
    });
    const list = unique("sources");
    this.names = h("datalist", { id: list });
    this.source = h("input", {
      type: "text",
      class: "nbi-text",
      list,
      placeholder: "Path, URL, sample:chelsea or a variable",
      "aria-label": "Path, address, sample or variable of the notebook",
      spellcheck: "false",
      onfocus: () => this.link.send("variables"),
      onkeydown: (event) => {
        if (event.key === "Enter") this.openNamed();
      },
    });
    return h(
      "div",
      { class: "nbi-bar nbi-sources" },
      button("Upload", "upload", { onclick: () => this.choose("base") }),
      button("Paste", "paste", { onclick: () => this.paste(), title: "Paste a picture from the clipboard (or press Ctrl+V here)" }),
      this.source,
      button("Open", null, { onclick: () => this.openNamed() }),
      this.names,
      this.file,
    );
  }

  makeEmpty() {
    const sample = (name) => button(name, null, { onclick: () => this.link.send("open", { text: `sample:${name}` }) });
    return h(
      "div",
      { class: "nbi-empty" },
      h("strong", {}, "No picture yet"),
      h("p", {}, "Drop one here, paste or upload it, or describe a new one in the prompt."),
      h("p", { class: "nbi-bar" }, "Try", sample("chelsea"), sample("coffee"), sample("astronaut")),
    );
  }

  makeTools() {
    this.maskButton = button("Mask", "brush", { "aria-pressed": "false", onclick: () => this.toggleMask() });
    this.compareButton = button("Compare", "compare", { "aria-pressed": "false", onclick: () => this.toggleCompare() });
    this.goOn = button("Go on from here", "head", { onclick: () => this.link.send("checkout", { turn: this.base.turn, pick: this.base.pick }) });
    this.downloadButton = button("Download", "download", { title: "Download the original file", onclick: () => this.link.send("download") });
    this.magicButton = button("Copy as magic", "copy", { title: "Copy the cell that repeats this turn", onclick: () => this.link.send("magic") });
    return h(
      "div",
      { class: "nbi-bar", role: "toolbar", "aria-label": "Picture" },
      this.maskButton,
      this.compareButton,
      this.goOn,
      h("span", { class: "nbi-space" }),
      this.downloadButton,
      this.magicButton,
    );
  }

  listen() {
    const link = this.link;
    link.on("picture", (content, buffers) => this.show(content, buffers));
    link.on("progress", (content, buffers) => this.partial(content, buffers));
    link.on("whole file", ({ name, blob }) => {
      saveFile(blob, name);
      this.say(`Downloaded ${name}.`);
    });
    link.on("magic", async ({ text, turn }) => {
      this.say((await copyText(text)) ? `Copied the cell that repeats ${turn}.` : text);
    });
    link.on("variables", ({ names }) => {
      const samples = ["sample:chelsea", "sample:coffee", "sample:astronaut"];
      fill(
        this.names,
        [...names, ...samples].map((value) => h("option", { value })),
      );
    });
    const well = this.well;
    well.addEventListener("dragover", (event) => {
      event.preventDefault();
      well.classList.add("nbi-drop");
    });
    well.addEventListener("dragleave", () => well.classList.remove("nbi-drop"));
    well.addEventListener("drop", (event) => {
      well.classList.remove("nbi-drop");
      this.dropped(event, "base");
    });
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(well);
  }

  close() {
    this.resized.disconnect();
    this.compare.release();
    if (this.url) URL.revokeObjectURL(this.url);
    if (this.early) URL.revokeObjectURL(this.early);
  }

  // In ----------------------------------------------------------------------------------------------

  choose(role) {
    this.role = role;
    this.file.click();
  }

  openNamed() {
    this.link.send("open", { text: this.source.value });
  }

  async bring(files, role) {
    for (const file of files) {
      this.say(`Bringing in ${file.name || "the picture"}…`);
      const done = await this.link.upload(file, role, (share) => {
        if (share < 1) this.say(`Bringing in ${file.name}: ${Math.round(share * 100)} %`);
      });
      if (!done) return;
    }
  }

  dropped(event, role) {
    event.preventDefault();
    event.stopPropagation();
    const files = [...event.dataTransfer.files];
    const address = event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain");
    if (files.length) this.bring(role === "base" ? files.slice(0, 1) : files, role);
    else if (address.trim()) this.link.send("open", { text: address.split("\n")[0], role });
    else this.say("Nothing that could be a picture was dropped.", "error");
  }

  // The button; a page may ask for permission, and an insecure page has no clipboard.
  async paste() {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((each) => each.startsWith("image/"));
        if (type) {
          const blob = await item.getType(type);
          await this.bring([new File([blob], `pasted.${type.split("/")[1]}`, { type })], "base");
          return;
        }
      }
      this.say("The clipboard holds no picture.", "error");
    } catch {
      this.say("The browser does not let a button read the clipboard here. Click the panel and press Ctrl+V instead.", "error");
    }
  }

  // Ctrl+V anywhere in the panel; text that is pasted into a field is left alone.
  pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    const writes = event.target.closest("input[type=text], textarea");
    if (files.length) this.bring(files.slice(0, 1), "base");
    else if (writes) return;
    else this.say("The clipboard holds no picture.", "error");
    event.preventDefault();
    event.stopPropagation();
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
    if (content.sha) {
      this.url = URL.createObjectURL(new Blob([buffers[0]], { type: content.type }));
      this.image.src = this.url;
    }
    this.take(content.base);
    if (this.compare.on) this.compare.close();
  }

  update(state) {
    this.state = state;
    this.take(state.base);
    const fromParent = Boolean(state.turn?.comparable);
    this.compare.offer(state.nodes, state.base, fromParent);
    this.goOn.hidden = state.base.turn === null || state.base.turn === state.head;
    this.maskButton.disabled = !state.base.sha;
    this.compareButton.disabled = !state.base.sha || !this.compare.possible;
    this.downloadButton.disabled = !state.base.sha;
    this.magicButton.disabled = state.base.turn === null;
    this.drawCaption(state);
    this.drawPicks(state);
    this.newer.hidden = !state.newer;
    if (state.newer) {
      const show = button(`Show ${state.newer}`, null, { onclick: () => this.link.send("head") });
      fill(this.newer, h("span", {}, `${state.newer} is the head now.`, this.mask.empty ? "" : " The mask stays with the picture it is painted on."), show);
    }
  }

  take(base) {
    this.base = base;
    const shown = Boolean(base.sha);
    this.image.alt = shown ? `${base.name}${this.state?.turn ? `: ${this.state.turn.prompt}` : ""}` : "";
    this.image.hidden = !shown;
    if (this.mask.sha !== base.sha) this.held = false; // the kernel holds no picture either when another one is shown
    if (shown) this.mask.lie(base.sha, base.width, base.height);
    else if (this.mask.on) this.toggleMask();
    this.arrange();
    this.fit();
  }

  arrange() {
    const comparing = this.compare.on;
    this.frame.hidden = !this.base.sha || comparing;
    this.empty.hidden = Boolean(this.base.sha) || comparing;
    this.compareButton?.setAttribute("aria-pressed", String(comparing));
    this.fit();
  }

  // As large as there is room for, at most twice its size.
  fit() {
    const { width, height } = this.base;
    if (!width) return;
    const room = this.well.clientWidth - 2;
    let scale = Math.min(room / width, TALLEST / height);
    const icon = Math.max(width, height) <= SMALL;
    if (scale > 1) scale = icon ? Math.max(1, Math.min(Math.floor(scale), Math.ceil(320 / Math.max(width, height)))) : Math.min(scale, 2);
    const size = `width:${Math.max(1, Math.round(width * scale))}px;aspect-ratio:${width}/${height}`;
    this.frame.style.cssText = size;
    this.image.classList.toggle("nbi-pixels", icon && scale > 1);
    this.well.style.setProperty("--nbi-ratio", `${width}/${height}`);
    this.well.style.setProperty("--nbi-wide", `${Math.round(width * scale)}px`);
  }

  drawCaption(state) {
    const { base, turn } = state;
    if (!base.sha) {
      fill(this.caption);
      return;
    }
    const size = `${base.width} × ${base.height}`;
    if (!turn) {
      const kind = base.mime.replace("image/", "");
      fill(this.caption, h("div", {}, h("b", {}, base.name), h("span", { class: "nbi-quiet" }, ` ${size} · ${kind} · brought in, starts a new line`)));
      return;
    }
    const facts = [turn.model, size, seconds(turn.seconds), turn.cost, turn.masked ? "inside a mask" : "", turn.when].filter(Boolean);
    fill(
      this.caption,
      h("div", {}, h("b", {}, base.id), ` ${shorten(turn.prompt, 400)}`),
      h("div", { class: "nbi-quiet" }, facts.join(" · ")),
      turn.text ? h("div", { class: "nbi-words" }, turn.text) : null,
      turn.warnings.map((warning) => h("div", { class: "nbi-warning" }, warning)),
    );
  }

  drawPicks(state) {
    const pictures = state.turn?.pictures ?? [];
    this.picks.hidden = pictures.length < 2;
    if (!differs(this, "picks", [pictures, state.base]) || this.picks.hidden) return;
    fill(
      this.picks,
      pictures.map(({ sha }, index) => {
        const image = h("img", { alt: "" });
        this.link.thumbnail(sha, (url) => (image.src = url));
        const pick = index + 1;
        return h(
          "button",
          {
            type: "button",
            class: "nbi-pick",
            "aria-pressed": String(pick === (state.base.pick ?? 1)),
            "aria-label": `Picture ${pick} of ${pictures.length}`,
            onclick: () => this.link.send("look", { turn: state.turn.number, pick }),
          },
          image,
          h("span", {}, `.${pick}`),
        );
      }),
    );
  }

  // Mask, boxes, partial pictures -------------------------------------------------------------------

  toggleMask() {
    const on = !this.mask.on;
    if (on && this.compare.on) this.compare.close();
    this.mask.show(on);
    this.maskButton.setAttribute("aria-pressed", String(on));
    if (on) this.mask.canvas.focus({ preventScroll: true });
  }

  toggleCompare() {
    if (this.compare.on) this.compare.close();
    else {
      if (this.mask.on) this.toggleMask();
      this.compare.open();
    }
  }

  maskChanged() {
    const held = Boolean(this.mask.on && this.mask.share);
    if (held !== this.held) this.link.send("pin", { on: held });
    this.held = held;
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
}
