// The panel: header, tabs, stage, history. anywidget calls `render` for every place it is shown in.

import { button, differs, fill, h, seconds, unique } from "../../display/front/elements.js";
import { AskTab } from "./ask_tab.js";
import { CanDialog, KeyDialog } from "./dialogs.js";
import { EditTab } from "./edit_tab.js";
import { GalleryTab } from "./gallery_tab.js";
import { Link } from "./link.js";
import { Messages } from "./messages.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";

const SILENCE = 8000; // milliseconds without an answer after which the kernel is taken to be gone

// How long it takes, what is waited for, and a way to stop it; one for each tab, told the same.
class Progress {
  constructor(link) {
    this.stopButton = button("Stop", "stop", { class: "nbi-button nbi-danger", hidden: true, onclick: () => link.send("stop") });
    this.bar = h("progress", { max: "1", "aria-label": "Progress" });
    this.words = h("span", {});
    this.clock = h("span", { class: "nbi-quiet", "aria-hidden": "true" });
    this.live = h("span", { role: "status" }, this.words);
    this.text = h("div", { class: "nbi-words" });
    this.element = h("div", { class: "nbi-progress", hidden: true }, this.bar, h("div", {}, this.live, " ", this.clock), this.text);
  }

  take(run) {
    this.running = run;
    this.began = performance.now() - run.elapsed * 1000;
    this.element.hidden = this.stopButton.hidden = false;
    const words = run.waiting || (run.message ? `${run.title}: ${run.message}` : run.title);
    if (this.words.textContent !== words) this.words.textContent = words;
    if (run.fraction === null) this.bar.removeAttribute("value");
    else this.bar.value = run.fraction;
    this.text.textContent = run.what === "ask" ? "" : run.text;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tick(), 200);
    this.tick();
  }

  tick() {
    this.clock.textContent = seconds((performance.now() - this.began) / 1000);
  }

  end() {
    this.running = null;
    clearInterval(this.timer);
    const focused = document.activeElement === this.stopButton;
    this.element.hidden = this.stopButton.hidden = true;
    if (focused) this.onended?.(); // a button that goes away would take the focus with it
  }
}

// Hides the picture this panel leaves for readers without it, and no other panel's: a page may show several notebooks.
function hidden(left) {
  const figure = `.${CSS.escape(left)}`;
  return h("style", {}, `${figure}, .jp-OutputArea-child:has(> .jp-OutputArea-output ${figure}) { display: none; }`);
}

class View {
  constructor(model, el) {
    this.link = new Link(model);
    this.messages = new Messages(this.link, this.remedies());
    this.keys = new KeyDialog(this.link);
    this.can = new CanDialog(this.link, (words) => this.edit.offer(words));
    const ways = { messages: this.messages, can: (kind, model) => this.can.ask(kind, model), setKey: (name) => this.keys.open(name) };
    this.progresses = [new Progress(this.link), new Progress(this.link), new Progress(this.link)];
    this.stage = new Stage(this.link, (text, tone) => this.say(text, tone), (words) => this.find(words));
    this.edit = new EditTab(this.link, this.stage, this.progresses[0], ways);
    this.ask = new AskTab(this.link, this.stage, this.progresses[1], ways);
    this.gallery = new GalleryTab(this.link, this.stage, this.progresses[2], this.messages, (tab) => this.show(tab));
    this.gallery.list.id = unique("gallery");
    this.strip = new Strip(this.link, () => this.show("ask"));
    this.tabs = this.makeTabs();
    this.side = h("div", { class: "nbi-sides" }, this.edit.element, this.ask.element);
    this.work = h("div", { class: "nbi-work" }, this.stage.element, this.side);
    this.root = h(
      "div",
      { class: "nbi", role: "region", "aria-label": "notebook_img panel" },
      (this.hiding = hidden(model.get("left_class"))),
      this.makeHeader(),
      this.elsewhere,
      h("div", { class: "nbi-headline" }, this.tabs.element, this.messages.line),
      this.work,
      this.gallery.element,
      this.strip.element,
      this.messages.toast,
      this.keys.element,
      this.can.element,
    );
    this.listen();
    el.append(this.root);
    this.show("edit");
    this.theme();
    this.link.send("hello");
    this.silence = setTimeout(() => {
      if (this.link.answered) return;
      this.hiding.remove();
      this.say("Nothing answers: the program behind the panel has ended. Run the cell again, or start the panel again.", "error");
    }, SILENCE);
  }

  makeHeader() {
    this.sessions = h("select", { class: "nbi-session", "aria-label": "Session", onchange: () => this.pickSession() });
    for (const look of ["pointerdown", "focus"]) this.sessions.addEventListener(look, () => this.link.send("sessions"));
    this.elsewhere = h("div", { class: "nbi-newer", role: "status", hidden: true });
    this.name = h("input", { type: "text", class: "nbi-text", "aria-label": "Name of the session", onkeydown: (event) => this.nameKey(event) });
    this.naming = h(
      "span",
      { class: "nbi-bar", hidden: true },
      this.name,
      button("Save", null, { onclick: () => this.saveName() }),
      button("Cancel", null, { onclick: () => this.rename(null) }),
    );
    this.renameButton = button("Rename", "edit", { onclick: () => this.rename("rename") }, { quiet: true });
    this.spent = h("span", { class: "nbi-quiet nbi-spent" });
    return h(
      "header",
      { class: "nbi-bar nbi-header" },
      this.sessions,
      this.renameButton,
      this.naming,
      h("span", { class: "nbi-space" }),
      this.spent,
    );
  }

  makeTabs() {
    const names = [
      ["edit", "Edit"],
      ["ask", "Ask"],
      ["gallery", "Gallery"],
    ];
    const tabs = names.map(([name, words]) =>
      h("button", { type: "button", role: "tab", id: unique("tab"), class: "nbi-tab", "data-tab": name, onclick: () => this.show(name) }, words),
    );
    const element = h("div", { class: "nbi-tabs", role: "tablist", "aria-label": "What to do" }, tabs);
    element.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
      this.show(next.dataset.tab);
      next.focus();
      event.preventDefault();
      event.stopPropagation();
    });
    const panels = { edit: this.edit.element, ask: this.ask.element, gallery: this.gallery.element };
    for (const tab of tabs) {
      const panel = panels[tab.dataset.tab];
      panel.id = unique("tabpanel");
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.setAttribute("aria-controls", panel.id);
    }
    return { element, tabs, panels };
  }

  listen() {
    const link = this.link;
    link.on("state", (state) => this.update(state));
    link.on("sessions", ({ sessions }) => {
      if (this.state) this.drawSessions((this.state.sessions = sessions), this.state.session);
    });
    link.on("gone", ({ sessions }) => this.drawSessions(sessions, null));
    link.on("progress", ({ run }) => this.progresses.forEach((progress) => progress.take(run)));
    link.on("notice", ({ text, tone }) => this.say(text, tone));
    link.on("done", ({ text }) => {
      this.progresses.forEach((progress) => progress.end());
      this.say(text, "done");
    });
    link.on("error", (content) => this.fail(content));
    this.root.addEventListener("paste", (event) => this.stage.sources.pasted(event));
    // A file dropped beside its place would make the browser leave the page.
    this.root.addEventListener("dragover", (event) => {
      if (event.dataTransfer.types.includes("Files")) event.preventDefault();
    });
    this.root.addEventListener("drop", (event) => {
      if (event.dataTransfer.types.includes("Files")) this.stage.sources.dropped(event, "base");
    });
    // A notebook's command mode would take single keys for its own (dd deletes cells); Ctrl+S and the like stay with it.
    this.root.addEventListener("keydown", (event) => {
      const shared = (event.ctrlKey || event.metaKey) && !["Enter", "z", "y", "v", "c", "x", "a"].includes(event.key);
      if (!shared) event.stopPropagation();
    });
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => this.theme();
    this.system.addEventListener("change", this.recolour);
    // Style sheets of a theme can come later than the panel.
    this.root.addEventListener("transitionend", this.recolour);
    window.addEventListener("load", this.recolour);
    this.watching = new MutationObserver(this.recolour);
    for (const element of [document.body, document.documentElement]) {
      this.watching.observe(element, { attributes: true, attributeFilter: ["class", "theme", "style", "data-jp-theme-light", "data-jp-theme-name"] });
    }
  }

  // Light or dark as the page is: by what its own variables say, else by what is behind the panel, else by the system.
  theme() {
    let dark = this.system.matches;
    const own = getComputedStyle(this.root);
    const told = ["--jp-layout-color1", "--vscode-editor-background"].some((name) => own.getPropertyValue(name).trim());
    for (let element = told ? this.root : this.root.parentElement; element; element = element.parentElement) {
      const [red, green, blue, alpha = 1] = (getComputedStyle(element).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
      if (blue !== undefined && alpha > 0.5) {
        dark = red * 0.299 + green * 0.587 + blue * 0.114 < 128;
        break;
      }
    }
    if (this.root.dataset.theme !== (dark ? "dark" : "light")) this.root.dataset.theme = dark ? "dark" : "light";
  }

  close() {
    clearTimeout(this.silence);
    window.removeEventListener("load", this.recolour);
    this.system.removeEventListener("change", this.recolour);
    this.watching.disconnect();
    this.messages.close();
    this.stage.close();
    this.strip.close();
    this.gallery.close();
    this.progresses.forEach((progress) => progress.end());
    this.link.close();
  }

  show(name) {
    this.tab = name;
    for (const tab of this.tabs.tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      this.tabs.panels[tab.dataset.tab].hidden = !chosen;
    }
    this.work.hidden = name === "gallery";
    this.strip.element.hidden = name === "gallery";
    if (name === "gallery") this.gallery.open();
    else {
      this.gallery.batches.look(false);
      this.stage.forQuestions(name === "ask");
      this.stage.fit();
    }
  }

  update(state) {
    this.state = state;
    this.theme();
    this.drawSessions(state.sessions, state.session);
    this.spent.textContent = state.spent;
    this.elsewhere.hidden = !state.cells;
    if (state.cells) {
      const go = button("Show it here", null, { onclick: () => this.link.send("session", { name: state.cells }) });
      fill(this.elsewhere, h("span", {}, "The cells work in session ", h("b", {}, state.cells), "."), go);
    }
    this.stage.update(state);
    this.strip.update(state);
    this.edit.update(state);
    this.ask.update(state);
    if (state.running) this.progresses.forEach((progress) => progress.take(state.running));
    else this.progresses.forEach((progress) => progress.end());
  }

  drawSessions(sessions, current, again = false) {
    if (!differs(this, "sessions", [sessions, current]) && !again) return;
    fill(
      this.sessions,
      current ? null : h("option", { value: "" }, "Choose a session"),
      sessions.map(({ id, name, turns }) => h("option", { value: name, selected: id === current?.id }, `${name} · ${turns} turn${turns === 1 ? "" : "s"}`)),
      h("option", { value: "\n" }, "New session…"),
    );
    this.renameButton.disabled = !current;
  }

  pickSession() {
    if (this.sessions.value === "\n") this.rename("new");
    else if (this.sessions.value) this.link.send("session", { name: this.sessions.value });
  }

  rename(how) {
    this.how = how;
    this.naming.hidden = !how;
    this.sessions.hidden = this.renameButton.hidden = Boolean(how);
    if (how) {
      this.name.value = how === "rename" ? this.state.session.name : "";
      this.name.focus();
      this.name.select();
    } else if (this.state) this.drawSessions(this.state.sessions, this.state.session, true);
    if (!how) (this.renameButton.disabled ? this.sessions : this.renameButton).focus();
  }

  nameKey(event) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault(); // the same key would press the button that gets the focus now
    if (event.key === "Enter") this.saveName();
    else this.rename(null);
  }

  saveName() {
    this.link.send(this.how === "rename" ? "rename" : "session", { name: this.name.value });
    this.rename(null);
  }

  // A question to a model, like those of the Ask tab; what it finds is painted.
  find(words) {
    if (this.progresses[0].running) this.say("Still working. Wait until it is done, or stop it.", "error");
    else this.link.send("find", { words, model: this.ask.model.value });
  }

  say(text, tone = "info", remedies = []) {
    this.messages.say(text, tone, remedies);
  }

  // What a remedy's button does.
  remedies() {
    return {
      key: ({ name }) => this.keys.open(name),
      model: ({ model }) => this.edit.chooseModel(model),
      models: () => this.edit.chooseModel(),
      prompt: ({ text }) => this.edit.offer(text),
      reference: () => this.stage.sources.choose("reference"),
      session: ({ name }) => this.link.send("session", { name }),
      "new-session": () => this.rename("new"),
      resume: ({ job }) => this.link.send("resume", { job }),
    };
  }

  // An error stands where it belongs: under the button that was pressed, or in the line at the bottom.
  fail(content) {
    if (content.token) this.link.refuse(content);
    const ended = ["run", "ask"].includes(content.about);
    const running = this.progresses[0].running;
    if (this.link.lost) this.progresses.forEach((progress) => progress.end());
    if (ended && !content.text.startsWith("Still working")) this.progresses.forEach((progress) => progress.end());
    if (!running || this.link.lost) this.stage.forgetPartial();
    this.strip.stay();
    if (content.about === "run" && this.tab === "edit") this.edit.fail(content.text, content.remedies);
    else if (content.about === "ask" && this.tab === "ask") this.ask.fail(content.text, content.remedies);
    else if (["gallery", "send", "resume_batch", "retry_batch", "stop_batch"].includes(content.about) && this.tab === "gallery") this.gallery.fail(content.text, content.remedies);
    else {
      this.say(content.text, "error", content.remedies);
      return;
    }
    this.say("");
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
