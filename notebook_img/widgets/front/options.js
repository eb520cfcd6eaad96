// Which model, and only those options it has use for.

import { button, field, fill, h } from "../../display/front/elements.js";

const FOLDED = "\n"; // no model's name

function grouped(models) {
  const found = {};
  for (const model of models) (found[model.service] ??= []).push(model);
  return found;
}

const BUILT_IN = {
  generate: "Built-in engine, not AI: it draws shapes, gradients, patterns and text cards.",
  edit: "Built-in engine, not AI: it can crop, rotate, warm, blur, caption and the like.",
  ask: "Built-in engine, not AI: it tells size, format, colours, brightness and sharpness.",
};

// A choice of models for one or more kinds of work; models without a key stand apart and say what they need.
export class ModelChoice {
  constructor(link, kind, changed, { messages, can, setKey }) {
    this.link = link;
    this.kind = kind;
    this.messages = messages;
    this.changed = changed;
    this.select = h("select", { onchange: () => this.picked() });
    this.hint = h("div", { class: "nbi-hint" });
    const ways = h(
      "div",
      { class: "nbi-bar" },
      button("What can it do?", "info", { onclick: () => can(this.kind, this.value) }),
      button("Set a key", "key", { onclick: () => setKey(this.service) }),
    );
    this.element = h("div", { class: "nbi-model" }, field("Model", this.select, { wide: true }), this.hint, ways);
    link.on("models", ({ models }) => {
      this.models = models;
      this.draw();
    });
  }

  setKind(kind) {
    this.kind = kind;
    this.draw();
  }

  // By service; what cannot be used yet is folded away behind the last line.
  draw() {
    const chosen = this.select.value;
    const fitting = (this.models ?? []).filter((model) => model.kinds.includes(this.kind));
    const option = (model) => h("option", { value: model.name }, `${model.name.replace(/^[^:]*:/, "")}${model.price !== "unknown" ? `  (${model.price})` : ""}`);
    const groups = (models) => Object.entries(grouped(models)).map(([service, each]) => h("optgroup", { label: service }, each.map(option)));
    const others = fitting.filter((model) => !model.ready);
    const open = this.unfolded || others.some((model) => model.name === chosen);
    fill(
      this.select,
      h("option", { value: "" }, this.usual ? `Default: ${this.usual}` : "Default"),
      groups(fitting.filter((model) => model.ready)),
      open ? groups(others) : null,
      others.length && !open ? h("option", { value: FOLDED }, `${others.length} more that need a key or a server…`) : null,
    );
    this.select.value = fitting.some((model) => model.name === chosen) ? chosen : "";
  }

  picked() {
    if (this.select.value === FOLDED) {
      this.unfolded = true;
      this.draw();
      this.select.value = this.last ?? "";
      try {
        this.select.showPicker();
      } catch {
        // a browser that opens it only by hand
      }
      return;
    }
    this.last = this.select.value;
    this.changed();
  }

  get value() {
    return this.select.value;
  }

  choose(name) {
    this.unfolded ||= !(this.models ?? []).find((model) => model.name === name)?.ready;
    this.draw();
    this.select.value = name;
    this.picked();
  }

  take(abilities) {
    if (!abilities.asked && abilities.model) {
      this.usual = abilities.model;
      this.draw();
    }
    const words = [];
    this.service = abilities.remedies?.find((each) => each.do === "key")?.name ?? abilities.model?.split(":")[0];
    if (abilities.problem) words.push(h("span", { class: "nbi-warning" }, abilities.problem));
    else if (abilities.local) words.push(BUILT_IN[this.kind]);
    fill(this.hint, words);
    this.hint.hidden = !words.length;
  }
}

// An option's name as a label: "output_format" becomes "Output format".
function spoken(name) {
  return name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
}

export class Options {
  constructor(changed) {
    this.changed = changed;
    this.values = { own: {} };
    this.grid = h("div", { class: "nbi-grid" });
    this.summary = h("summary", {}, "Options");
    this.element = h("details", { class: "nbi-options" }, this.summary, this.grid);
  }

  control(name, words, control, more) {
    const own = name.startsWith("own.");
    const store = own ? this.values.own : this.values;
    const key = own ? name.slice(4) : name;
    control.value = store[key] ?? "";
    if (control.type === "checkbox") control.checked = Boolean(store[key]);
    const keep = () => {
      store[key] = control.type === "checkbox" ? control.checked : control.value;
      this.count();
      this.changed();
    };
    control.addEventListener(control.tagName === "SELECT" || control.type === "checkbox" ? "change" : "input", keep);
    return field(words, control, more);
  }

  // `nothing` says what choosing nothing means: a picture that is edited keeps its shape, everything else is the model's choice.
  select(values, nothing = "default") {
    return h("select", {}, h("option", { value: "" }, nothing), values.map((value) => h("option", { value }, value)));
  }

  draw(takes) {
    const kept = takes.for === "edit" ? "as it is" : "default";
    const text = (attributes = {}) => h("input", { type: "text", class: "nbi-text", spellcheck: "false", ...attributes });
    const number = (attributes) => h("input", { type: "number", class: "nbi-text", ...attributes });
    const rows = [];
    if (takes.ratios?.length) rows.push(this.control("aspect_ratio", "Aspect ratio", this.select(takes.ratios, kept)));
    else if (takes.ratios === null) rows.push(this.control("aspect_ratio", "Aspect ratio", text({ placeholder: "16:9" })));
    if (takes.sizes?.length && !takes.pixelSizes) rows.push(this.control("size", "Size", this.select(takes.sizes, kept)));
    else if (takes.sizes === null || takes.pixelSizes) rows.push(this.control("size", "Size", text({ placeholder: takes.sizes?.[1] ?? "1024x768" })));
    if (takes.count > 1) rows.push(this.control("n", "Pictures", number({ min: "1", max: String(takes.count), placeholder: "1" })));
    if (takes.seed) rows.push(this.control("seed", "Seed", number({ min: "0", placeholder: "random" })));
    if (takes.strength) rows.push(this.control("strength", "Strength", number({ min: "0", max: "1", step: "0.05", placeholder: "0 to 1" })));
    if (takes.negative) rows.push(this.control("negative_prompt", "Not in the picture", text(), { wide: true }));
    if (takes.align) {
      const title = "Undo what the model moved or scaled; colours stay as they came";
      rows.push(this.control("align", "Align", h("input", { type: "checkbox", title })));
    }
    for (const own of takes.own ?? []) {
      const control = own.flag ? h("input", { type: "checkbox" }) : own.choices.length ? this.select(own.choices) : text();
      control.title = own.help;
      rows.push(this.control(`own.${own.name}`, spoken(own.name), control));
    }
    this.names = new Set(rows.length ? [...(takes.own ?? []).map((own) => own.name)] : []);
    this.takes = takes;
    fill(this.grid, rows);
    this.element.hidden = !rows.length;
    this.count();
  }

  count() {
    const set = Object.keys(this.value()).filter((name) => name !== "own").length + Object.keys(this.value().own).length;
    this.summary.textContent = set ? `Options (${set} set)` : "Options";
  }

  // Only what the chosen model has a control for: what was typed for another one stays there for when it is chosen again.
  value() {
    const takes = this.takes ?? {};
    const allowed = {
      aspect_ratio: takes.ratios === null || takes.ratios?.length,
      size: takes.sizes === null || takes.sizes?.length || takes.pixelSizes,
      n: takes.count > 1,
      seed: takes.seed,
      strength: takes.strength,
      negative_prompt: takes.negative,
      align: takes.align,
    };
    const chosen = { own: {} };
    for (const [name, value] of Object.entries(this.values)) if (name !== "own" && allowed[name] && value && !(name === "n" && +value === 1)) chosen[name] = value;
    for (const [name, value] of Object.entries(this.values.own)) if (this.names?.has(name) && value) chosen.own[name] = value;
    return chosen;
  }
}
