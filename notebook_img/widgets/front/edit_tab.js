// The Edit tab's side: what to do, with which model and options, what it costs, and how it goes.

import { button, choices, differs, field, fill, h, icon, soon, unique } from "../../display/front/elements.js";
import { ModelChoice, Options } from "./options.js";

const ROUGH = 640; // pixels of the copy of a mask that an estimate is made with

export class EditTab {
  constructor(link, stage, progress, ways) {
    this.link = link;
    this.stage = stage;
    this.messages = ways.messages;
    this.kind = "edit";
    this.prompt = h("textarea", {
      class: "nbi-text",
      rows: "3",
      placeholder: "Say what to change",
      onkeydown: (event) => this.key(event),
      oninput: () => this.estimate(),
    });
    this.what = choices(
      "What to do",
      [
        ["edit", "Edit this picture"],
        ["generate", "New picture"],
      ],
      "edit",
      (kind) => this.setKind(kind),
    );
    this.model = new ModelChoice(link, "edit", () => {
      this.fail("");
      this.askAbilities();
    }, ways);
    this.options = new Options(() => this.estimate());
    this.references = h("div", { class: "nbi-references", role: "group", "aria-label": "Reference pictures" });
    this.note = h("div", { class: "nbi-hint", hidden: true });
    this.doubt = this.makeDoubt();
    this.cost = h("div", { class: "nbi-cost", role: "status" });
    this.runButton = button("Run", "play", { class: "nbi-button nbi-primary", title: "Run (Ctrl+Enter)", onclick: () => this.run() });
    this.error = h("div", { class: "nbi-error", role: "alert" });
    this.progress = progress;
    this.estimate = soon(() => this.estimateNow(), 350);
    this.more = h(
      "details",
      { class: "nbi-more" },
      h("summary", {}, "More"),
      h("div", { class: "nbi-side" }, this.what.element, this.model.element, this.options.element, this.references),
    );
    this.element = h(
      "div",
      { class: "nbi-side" },
      field("Prompt", this.prompt, { wide: true }),
      this.note,
      this.doubt,
      h("div", { class: "nbi-bar" }, this.runButton, progress.stopButton, this.cost),
      progress.element,
      this.error,
      this.more,
    );
    stage.oncut = () => this.runWords("cut out");
    stage.onprompt = (prompt) => {
      if (prompt !== undefined) this.prompt.value = prompt;
    };
    stage.onmask = () => {
      this.noteMask();
      this.stage.region(null);
      this.estimate();
    };
    progress.onended = () => this.runButton.focus();
    // Words dropped on a field are words for it; pictures and what leads to one become references.
    const words = (event) => !event.dataTransfer.types.includes("Files") && event.target.closest("textarea, input");
    this.element.addEventListener("dragover", (event) => words(event) || event.preventDefault());
    this.element.addEventListener("drop", (event) => words(event) || stage.sources.dropped(event, "reference"));
    link.on("abilities", (content) => {
      if (content.for !== this.kind || content.asked !== this.model.value) return;
      this.takes = content;
      this.model.take(content);
      this.options.draw(content);
      this.drawReferences();
      this.noteMask();
      this.estimate();
    });
    link.on("key kept", () => this.askAbilities());
    link.on("estimate", ({ token, text, problem, remedies, region, notes, smaller }) => {
      if (token !== this.asked) return;
      fill(this.cost, problem || text, this.messages.buttons(remedies));
      this.cost.classList.toggle("nbi-warning", Boolean(problem));
      this.stage.region(region);
      this.noteMask(notes, smaller);
    });
    link.on("done", ({ what }) => {
      if (what !== "ask") this.fail("");
    });
  }

  // With the mask tool open and nothing painted it is unclear what is meant.
  makeDoubt() {
    const close = () => (this.doubt.hidden = true);
    const whole = () => {
      close();
      this.run({ whole: true });
    };
    const paint = () => {
      close();
      this.stage.mask.canvas.focus({ preventScroll: true });
    };
    return h(
      "div",
      { class: "nbi-doubt", role: "alertdialog", "aria-label": "Nothing is painted", hidden: true },
      h("span", {}, "Nothing is painted. Change the whole picture?"),
      h("div", { class: "nbi-bar" }, button("Whole picture", null, { onclick: whole }), button("Paint first", "brush", { onclick: paint })),
    );
  }

  setKind(kind) {
    this.kind = kind;
    this.chosen = true;
    this.what.set(kind);
    this.prompt.placeholder = kind === "edit" ? "Say what to change" : "Describe the picture";
    this.model.setKind(kind);
    this.askAbilities();
    this.noteMask();
  }

  askAbilities() {
    this.link.send("abilities", { for: this.kind, model: this.model.value });
  }

  update(state) {
    const first = !this.state;
    const other = this.state?.session.id !== state.session.id || this.state?.session.model !== state.session.model;
    // What was wrong with another picture or session is no longer true.
    if (this.state && (this.state.session.id !== state.session.id || this.state.base.sha !== state.base.sha)) this.fail("");
    this.state = state;
    this.what.enable("edit", Boolean(state.base.key));
    if (!state.base.key && this.kind === "edit") this.setKind("generate");
    else if (state.base.key && this.kind === "generate" && (first || this.bare)) this.setKind("edit");
    else if (other) this.askAbilities();
    else this.estimate();
    this.bare = !state.base.key;
    this.drawReferences();
  }

  drawReferences() {
    const items = this.state?.references ?? [];
    const most = this.takes?.references ?? 0;
    this.references.hidden = !most && !items.length;
    if (!differs(this, "references", items)) return;
    const tiles = items.map(({ sha, name }) => {
      const image = h("img", { alt: name });
      this.link.thumbnail(sha, (url) => (image.src = url));
      const remove = { type: "button", "aria-label": `Take away reference ${name}`, title: "Take away" };
      const drop = () => {
        this.link.send("drop_reference", { sha });
        this.dropped = true;
      };
      return h("span", { class: "nbi-reference" }, image, h("button", { ...remove, onclick: drop }, icon("close")));
    });
    const add = button("Reference", "plus", { title: "Add a picture the model should look at", onclick: () => this.stage.sources.choose("reference") });
    fill(this.references, tiles, add);
    if (this.dropped) add.focus();
    this.dropped = false;
  }

  // What will come back, before it is paid for: of a mask the part that is sent, of a whole picture that it will be smaller.
  noteMask(notes = "", smaller = "") {
    const { mask } = this.stage;
    const used = this.kind === "edit" && mask.on && !mask.empty;
    if (used || !mask.on) this.doubt.hidden = true;
    const larger = this.takes?.pixelSizes || this.takes?.sizes?.length > 1 ? "For a larger one choose a Size, under More and Options." : "";
    const said = used ? ["Only what is painted will change.", notes] : smaller ? [`The result will be smaller: ${smaller}.`, larger] : [];
    this.note.textContent = said.filter(Boolean).join(" ");
    this.note.hidden = !said.length;
  }

  message() {
    return { what: this.kind, prompt: this.prompt.value, model: this.model.value, options: this.options.value() };
  }

  // With the mask: what is sent of the picture, and what that costs, is known before it is paid for. A small copy is enough.
  async estimateNow() {
    if (!this.state || this.progress.running) return;
    const { mask, base } = this.stage;
    const used = this.kind === "edit" && mask.on && !mask.empty && base.sha;
    const token = (this.asked = unique("estimate"));
    const buffers = used ? [await mask.png(ROUGH)] : [];
    if (token === this.asked) this.link.send("estimate", { ...this.message(), token, mask: used ? { sha: base.sha } : null }, buffers);
  }

  async run({ whole = false } = {}) {
    if (this.progress.running) {
      this.fail("Still working. Wait until it is done, or stop it.");
      return;
    }
    this.fail("");
    const { mask, base } = this.stage;
    const masking = this.kind === "edit" && mask.on;
    const used = masking && !mask.empty;
    if (masking && !used && !whole && base.sha) {
      this.doubt.hidden = false;
      this.doubt.querySelector("button").focus();
      return;
    }
    this.estimate.cancel();
    const buffers = used ? [await mask.png()] : [];
    if (used) this.stage.held = false; // what is painted from now on is for the next edit, and is told anew
    this.cost.textContent = "";
    this.estimate(); // for when it is refused; while it runs nothing is asked
    this.link.send("run", { ...this.message(), mask: used ? { sha: base.sha } : null }, buffers);
  }

  // A button's own words: what stands in the prompt stays there.
  runWords(prompt) {
    if (this.progress.running) {
      this.fail("Still working. Wait until it is done, or stop it.");
      return;
    }
    this.fail("");
    this.link.send("run", { what: "edit", prompt, model: "", options: {}, mask: null });
  }

  key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.run();
    }
  }

  fail(text, remedies = []) {
    this.messages.put(this.error, text, remedies);
  }

  // Remedies: a model to take or to choose, and words to try.
  chooseModel(name) {
    this.fail("");
    this.more.open = true;
    if (name) this.model.choose(name);
    this.model.select.focus();
  }

  offer(text) {
    this.fail("");
    this.prompt.value = text;
    this.prompt.focus();
    this.estimate();
  }
}
