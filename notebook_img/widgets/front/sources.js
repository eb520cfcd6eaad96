// The ways a picture comes in: upload, paste, drop, and a field that takes a path, an address, a sample, a variable or a turn.

import { button, fill, h, unique } from "../../display/front/elements.js";

const IMAGE_TYPES = "image/*,.heic,.heif,.avif,.tif,.tiff";
const SAMPLES = ["chelsea", "coffee", "astronaut"];

export class Sources {
  constructor(link, say) {
    this.link = link;
    this.say = say;
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
      placeholder: "Path, URL, sample:chelsea, t1, fox/t1 or a variable",
      "aria-label": "Path, address, sample, turn or variable of the notebook",
      spellcheck: "false",
      onfocus: () => this.link.send("variables"),
      onkeydown: (event) => {
        if (event.key === "Enter") this.openNamed();
      },
    });
    this.element = h(
      "div",
      { class: "nbi-bar nbi-sources", role: "group", "aria-label": "Bring in a picture" },
      button("Upload", "upload", { onclick: () => this.choose("base") }),
      button("Paste", "paste", { onclick: () => this.paste(), title: "Paste a picture from the clipboard (or press Ctrl+V here)" }),
      this.source,
      button("Open", null, { onclick: () => this.openNamed() }),
      this.names,
      this.file,
    );
    link.on("variables", ({ names }) => {
      fill(
        this.names,
        [...names, ...SAMPLES.map((name) => `sample:${name}`)].map((value) => h("option", { value })),
      );
    });
  }

  makeEmpty() {
    const sample = (name) => button(name, null, { onclick: () => this.link.send("open", { text: `sample:${name}` }) });
    return h(
      "div",
      { class: "nbi-empty" },
      h("strong", {}, "No picture yet"),
      h("p", {}, "Drop one here, paste or upload it, or describe a new one in the prompt."),
      h("p", { class: "nbi-bar" }, "Try", SAMPLES.map(sample)),
    );
  }

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
    const writes = event.target.closest("input[type=text], input[type=password], input[type=search], textarea");
    if (files.length) this.bring(files.slice(0, 1), "base");
    else if (writes) return;
    else this.say("The clipboard holds no picture.", "error");
    event.preventDefault();
    event.stopPropagation();
  }
}
