// The next edit: what should change, by which model, how many pictures, and what that would cost before it is asked for.

import { button, differs, fill, h, seconds, soon, unique } from "../../../display/front/elements.js";

const MOST_MASK = 2048; // pixels of a mask's longest side
const ROUGH_MASK = 640; // of the copy that a price is asked with
const COUNTS = [1, 2, 3, 4];

export class NextEdit {
  constructor(page) {
    this.page = page;
    this.busy = false;
    const id = unique("prompt");
    this.prompt = h("textarea", { class: "nbi-text", rows: "2", id, placeholder: "make it night" });
    // No form: hosts show the page in a sandbox that submits none.
    this.run = button("Edit", "play", { class: "nbi-button nbi-primary", disabled: true, onclick: () => this.edit() });
    this.models = h("select", { onchange: () => this.price() });
    this.count = h("select", { onchange: () => this.price() }, COUNTS.map((number) => h("option", { value: number }, `${number}`)));
    this.modelField = this.labelled("Model", this.models);
    this.modelField.hidden = true;
    this.note = h("p", { class: "nbi-quiet", id: unique("price") });
    this.run.setAttribute("aria-describedby", this.note.id); // read out with the button, also to those who reach it by keyboard
    const bar = h("div", { class: "nbi-bar" }, this.run, this.modelField, this.labelled("Pictures", this.count));
    this.element = h("section", { class: "nbi-ask", "aria-label": "Edit" }, h("label", { for: id }, "What should change?"), this.prompt, bar, this.note);
    this.priceSoon = soon(() => this.priceNow(), 400);
    this.prompt.addEventListener("input", () => {
      this.arrange();
      this.price();
    });
    this.prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.run.disabled) this.edit();
    });
  }

  labelled(words, control) {
    control.id = unique("field");
    return h("span", { class: "nbi-inline" }, h("label", { for: control.id }, words), control);
  }

  arrange() {
    const { at, over } = this.page;
    this.run.disabled = !at || this.busy || over || !this.prompt.value.trim();
    for (const control of [this.models, this.count, this.prompt]) control.disabled = over;
  }

  // Whether a person has begun to say what to change.
  get begun() {
    return this.page.mask.on || Boolean(this.prompt.value.trim());
  }

  get masked() {
    const { mask } = this.page;
    return mask.on && !mask.empty;
  }

  // What an edit is asked with.
  async given(mostMask) {
    const { session, from, mask } = this.page;
    const given = { sessionId: session, fromId: from, prompt: this.prompt.value.trim(), model: this.models.value, count: +this.count.value };
    if (!this.masked) return given;
    let text = "";
    for (const byte of new Uint8Array(await mask.png(mostMask))) text += String.fromCharCode(byte);
    return { ...given, mask: `data:image/png;base64,${btoa(text)}` };
  }

  // Something has changed: a price that stands there, or is on its way, is that of another edit.
  price() {
    if (!this.page.at || this.busy || this.page.over) return;
    this.asked = "";
    this.note.classList.remove("nbi-warning");
    this.note.textContent = "Looking up the price…";
    this.priceSoon();
  }

  async priceNow() {
    if (this.busy) return;
    const asked = (this.asked = unique("price"));
    const given = await this.given(ROUGH_MASK);
    const found = await this.page.call("price_on_page", given).catch((failure) => ({ problem: failure.message }));
    if (asked !== this.asked) return;
    if (found.model && !given.prompt && !given.model) this.usual = found.model; // some words are done by the built-in engine, whatever the model
    if (found.models) this.listModels(found.models);
    const masked = this.masked ? ["only what is painted may change"] : [];
    this.note.classList.toggle("nbi-warning", Boolean(found.problem));
    this.note.textContent = found.problem || [found.model, found.price, ...masked, ...found.notes].join(" · ");
  }

  listModels(models) {
    this.modelField.hidden = models.length < 2;
    if (!differs(this, "models", [models, this.usual])) return;
    const chosen = this.models.value;
    const choices = models.map(({ name, price }) => h("option", { value: name }, `${name}, ${price}`));
    fill(this.models, h("option", { value: "" }, `${this.usual ?? "default"}, as before`), choices);
    this.models.value = models.some(({ name }) => name === chosen) ? chosen : "";
  }

  async edit() {
    const { page } = this;
    this.busy = true;
    page.arrange();
    const began = performance.now();
    const tick = setInterval(() => page.say(`Working, ${seconds((performance.now() - began) / 1000)}…`), 1000);
    await page.tried(async () => {
      page.say("Working…");
      const given = await this.given(MOST_MASK);
      await page.made(await page.wire.call("edit_on_page", given), given);
      if (this.prompt.value.trim() === given.prompt) this.prompt.value = ""; // else the next one is being typed already
      this.models.value = ""; // a model that was chosen is the session's now
      this.count.value = "1";
    });
    clearInterval(tick);
    this.busy = false;
    if (page.error.textContent) page.say("");
    page.arrange();
    this.price();
  }
}
