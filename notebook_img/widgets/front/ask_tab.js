// The Ask tab's side: a conversation about the picture on the stage.

import { button, differs, field, fill, h } from "../../display/front/elements.js";
import { markdown } from "./markdown.js";
import { ModelChoice } from "./options.js";

export class AskTab {
  constructor(link, stage, progress, ways) {
    this.link = link;
    this.stage = stage;
    this.messages = ways.messages;
    this.progress = progress;
    this.log = h("div", { class: "nbi-chat", role: "log", "aria-label": "Questions and answers", tabindex: "0" });
    this.question = h("textarea", {
      class: "nbi-text",
      rows: "2",
      placeholder: "What do you want to know?",
      onkeydown: (event) => this.key(event),
    });
    this.model = new ModelChoice(link, "ask", () => this.askAbilities(), ways);
    this.anew = h("input", { type: "checkbox", id: `${this.question.id || "nbi"}-anew-${Math.random().toString(36).slice(2)}` });
    this.boxes = h("input", { type: "checkbox", id: `nbi-find-${Math.random().toString(36).slice(2)}` });
    this.findRow = h("label", { class: "nbi-inline", for: this.boxes.id }, this.boxes, "Draw boxes");
    this.askButton = button("Ask", "ask", { class: "nbi-button nbi-primary", title: "Ask (Enter; Shift+Enter begins a line)", onclick: () => this.ask() });
    this.error = h("div", { class: "nbi-error", role: "alert" });
    this.element = h(
      "div",
      { class: "nbi-side" },
      this.log,
      field("Question", this.question, { wide: true }),
      h("div", { class: "nbi-bar" }, this.askButton, progress.stopButton),
      progress.element,
      this.error,
      h("div", { class: "nbi-bar" }, h("label", { class: "nbi-inline", for: this.anew.id }, this.anew, "New conversation"), this.findRow),
      this.model.element,
    );
    link.on("abilities", (content) => {
      if (content.for !== "ask" || content.asked !== this.model.value) return;
      this.model.take(content);
      this.findRow.hidden = !content.boxes;
      if (!content.boxes) this.boxes.checked = false;
    });
    link.on("key kept", () => this.askAbilities());
    link.on("progress", ({ run }) => {
      if (run.what === "ask") this.stream(run);
    });
    progress.onended = () => this.askButton.focus();
    stage.onboxes = () => this.noteBoxes();
    link.on("done", ({ what, boxes, turn }) => {
      if (what !== "ask") return;
      this.fail("");
      this.anew.checked = false;
      if (boxes) this.drawLatest(turn);
    });
  }

  askAbilities() {
    this.link.send("abilities", { for: "ask", model: this.model.value });
  }

  update(state) {
    const other = this.state?.session.id !== state.session.id || this.state?.session.model !== state.session.model;
    this.state = state;
    if (other) this.askAbilities();
    this.draw();
  }

  draw() {
    const { chat, base } = this.state;
    const shown = [chat, base.name];
    if (!differs(this, "chat", shown) && !this.streaming) return;
    this.streaming = null;
    const empty = base.sha ? `Ask anything about ${base.name}. Answers change no picture.` : "Bring in a picture first.";
    this.shows = [];
    fill(this.log, chat.length ? chat.map((each) => this.entry(each)) : h("p", { class: "nbi-quiet" }, empty));
    this.noteBoxes();
    this.log.scrollTop = this.log.scrollHeight;
    this.anew.parentElement.hidden = !chat.length;
  }

  entry({ id, prompt, text, boxes, model, cost, warnings }) {
    const words = `Show ${boxes.length} box${boxes.length > 1 ? "es" : ""}`;
    const toggle = () => this.stage.boxes(this.lying(boxes) ? [] : boxes);
    const show = boxes.length ? button(words, "boxes", { "aria-pressed": "false", onclick: toggle }) : null;
    if (show) this.shows.push([show, boxes]);
    const mask = boxes.length ? button("Use as mask", "brush", { onclick: () => this.toMask(boxes) }) : null;
    return h(
      "div",
      { class: "nbi-entry" },
      h("div", { class: "nbi-said" }, prompt),
      h("div", { class: "nbi-answer" }, markdown(text || (boxes.length ? `${boxes.length} found.` : "(no words)"))),
      warnings.map((warning) => h("div", { class: "nbi-warning" }, warning)),
      show ? h("div", { class: "nbi-bar" }, show, mask) : null,
      h("div", { class: "nbi-quiet" }, [id, model, cost].filter(Boolean).join(" · ")),
    );
  }

  stream(run) {
    if (!this.streaming) {
      this.streaming = h("div", { class: "nbi-answer" });
      if (!this.state?.chat.length) fill(this.log);
      this.log.append(h("div", { class: "nbi-entry" }, h("div", { class: "nbi-said" }, run.prompt), this.streaming));
    }
    fill(this.streaming, markdown(run.text || "…"));
    this.log.scrollTop = this.log.scrollHeight;
  }

  stopped() {
    if (this.state) this.draw();
  }

  lying(boxes) {
    return JSON.stringify(this.stage.found) === JSON.stringify(boxes);
  }

  // Which answer's boxes lie on the picture.
  noteBoxes() {
    for (const [show, boxes] of this.shows ?? []) show.setAttribute("aria-pressed", String(this.lying(boxes)));
  }

  toMask(boxes) {
    this.stage.boxes([]);
    if (!this.stage.mask.on) this.stage.toggleMask();
    this.stage.mask.boxes(boxes);
  }

  drawLatest(turn) {
    const latest = this.state?.chat.at(-1);
    if (latest?.id === turn && latest.boxes.length) this.stage.boxes(latest.boxes);
  }

  ask() {
    if (this.progress.running) {
      this.fail("Still working. Wait until it is done, or stop it.");
      return;
    }
    this.fail("");
    if (this.question.value.trim()) this.stage.boxes([]);
    const prompt = this.question.value;
    const boxes = this.boxes.checked ? prompt : null;
    this.link.send("ask", { prompt, model: this.model.value, anew: this.anew.checked, boxes });
    if (prompt.trim()) this.question.value = "";
    this.asked = prompt;
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.ask();
    }
  }

  // What was asked is given back, so that it need not be typed again.
  fail(text, remedies = []) {
    this.messages.put(this.error, text, remedies);
    if (text && this.asked && !this.question.value) this.question.value = this.asked;
    if (text) this.stopped();
  }
}
