// The page people see when an agent makes pictures: one session, its picture in the large, and what can be done with it.

import { button, fill, h } from "../../../display/front/elements.js";
import { Mask } from "../../../display/front/mask.js";
import { slider } from "../../../display/front/slider.js";
import { Zoom } from "../../../display/front/zoom.js";
import { History } from "./history.js";
import { NextEdit } from "./next_edit.js";
import { Gone, HostWire, Over, OwnWire, Refused } from "./wire.js";

const LARGE = 1600; // pixels of the copy that is shown; closer than that the original is read
const THUMBNAIL = 192;
const MOST_TURNS = 100;
const LOOK = 3000; // milliseconds between two looks at a session, which others may work on

const nameOf = (id) => id.split("/").pop();
const hashOf = (uri) => uri.split("/").pop();

function priced(cost) {
  if (cost < 0) return "price unknown";
  return cost === 0 ? "free" : `$${cost < 0.1 ? cost.toFixed(3) : cost.toFixed(2)}`;
}

// What the turns that are known here cost; those of unknown price are counted and not left out.
function spentWords({ turns, total }) {
  const sum = turns.reduce((before, { cost_usd }) => before + Math.max(cost_usd, 0), 0);
  const unknown = turns.filter(({ cost_usd }) => cost_usd < 0).length;
  const parts = [sum ? priced(sum) : "", unknown ? `${unknown} of unknown price` : ""].filter(Boolean);
  const where = total > turns.length ? `its last ${turns.length} turns` : "this session";
  return parts.length ? `${parts.join(" and ")} in ${where}` : "";
}

export class Page {
  constructor(root) {
    this.root = root;
    this.pictures = new Map(); // what was read, by its address
    this.turns = [];
    this.session = "";
    this.at = null; // the turn shown, and which of its pictures
    this.index = 0;
    this.head = "";
    this.chosen = ""; // the picture that was chosen here to go on from
    this.over = false; // whether this page is no longer answered
    const Wire = window.parent === window ? OwnWire : HostWire;
    this.wire = new Wire((kind, content) => this.heard(kind, content));
    this.build();
  }

  build() {
    this.title = h("h1", {}, "Pictures");
    this.sessions = h("select", { "aria-label": "Session", hidden: true, onchange: () => this.tried(() => this.load(this.sessions.value)) });
    this.spent = h("span", { class: "nbi-quiet" });
    this.image = h("img", { class: "nbi-picture", alt: "", draggable: "false" });
    this.mask = new Mask(() => this.maskChanged());
    this.frame = h("div", { class: "nbi-canvas", hidden: true }, this.image, this.mask.canvas, this.mask.pointer);
    this.empty = h("p", { class: "nbi-empty" }, "No picture yet.");
    this.beside = h("div", { class: "nbi-beside", hidden: true });
    const help = "Picture. + and − zoom, 0 shows all of it, arrow keys move it.";
    this.well = h("div", { class: "nbi-well", tabindex: "0", role: "group", "aria-label": help }, this.empty, this.frame, this.beside);
    this.alone = { holder: this.well, box: this.well, pane: this.well, frame: this.frame };
    this.zoom = new Zoom(this.well, {
      changed: (settled) => settled && this.closer(),
      painting: () => this.mask.on,
      stopPainting: () => this.mask.cancel(),
    });
    this.picks = h("div", { class: "nbi-picks", role: "group", "aria-label": "Pictures of this turn", hidden: true });
    this.compare = button("Before and after", "compare", { "aria-pressed": "false", disabled: true, onclick: () => this.toggleCompare() });
    this.maskButton = button("Mask", "brush", { "aria-pressed": "false", disabled: true, onclick: () => this.toggleMask() });
    this.goOn = button("Go on from here", "head", { disabled: true, onclick: () => this.choose() });
    this.save = button("Save", "download", { title: "Save the original file", disabled: true, onclick: () => this.keep() });
    this.tools = h("div", { class: "nbi-bar", role: "toolbar", "aria-label": "Picture" }, this.goOn, this.compare, this.maskButton, this.save, h("span", { class: "nbi-space" }), this.zoom.bar);
    this.caption = h("p", { class: "nbi-caption" });
    this.words = h("p", { class: "nbi-words", hidden: true });
    this.next = new NextEdit(this);
    this.error = h("p", { class: "nbi-error", role: "alert" });
    this.status = h("p", { class: "nbi-quiet nbi-said", role: "status" });
    this.history = new History((sha) => this.preview(sha, THUMBNAIL), (id) => this.tried(() => this.show(id)));
    const header = h("header", { class: "nbi-bar" }, this.title, this.sessions, h("span", { class: "nbi-space" }), this.spent);
    fill(this.root, header, this.error, this.mask.bar, this.well, this.picks, this.tools, this.caption, this.words, this.next.element, this.status, this.history.element);
    this.well.addEventListener("keydown", (event) => {
      const known = (this.mask.on && this.mask.shortcut(event)) || this.zoom.shortcut(event);
      if (known) event.preventDefault();
    });
    this.well.addEventListener("keyup", (event) => event.key === "h" && this.zoom.release());
    new ResizeObserver(() => this.zoom.lay()).observe(this.well);
  }

  async start() {
    await this.tried(async () => {
      const { session } = await this.wire.open();
      if (this.wire instanceof HostWire) return;
      await this.listSessions(session);
      this.looking = setInterval(() => document.hidden || this.next.busy || this.look(), LOOK);
    });
  }

  // Does something; an error is shown, and the page goes on.
  async tried(work) {
    if (!this.over) this.error.textContent = "";
    try {
      return await work();
    } catch (failure) {
      this.fail(failure);
      return null;
    }
  }

  fail(failure) {
    this.error.textContent = failure instanceof Refused ? failure.message : `Something went wrong in this page: ${failure.message}`;
    if (!(failure instanceof Over)) return;
    this.over = true;
    clearInterval(this.looking);
    this.arrange();
  }

  async call(name, given) {
    const result = await this.wire.call(name, given);
    if (result.isError) throw new Refused(result.content?.find((block) => block.type === "text")?.text ?? "The server refused it.");
    return result.structuredContent ?? {};
  }

  async read(uri) {
    const { contents } = await this.wire.read(uri);
    return contents[0];
  }

  preview(sha, side) {
    const uri = `nbimg://previews/${side}/${sha}`;
    if (!this.pictures.has(uri)) {
      const read = this.read(uri).then(({ mimeType, blob }) => `data:${mimeType};base64,${blob}`);
      read.catch(() => this.pictures.delete(uri));
      this.pictures.set(uri, read);
    }
    return this.pictures.get(uri);
  }

  // What the host tells, or the wire itself.

  heard(kind, content) {
    if (kind === "look") this.dress(content);
    else if (kind === "asked" && content.prompt) this.say(`The agent asks: ${content.prompt}`);
    else if (kind === "result") this.tried(() => this.take(content));
    else if (kind === "cancelled") this.say("The agent stopped it.");
  }

  dress({ theme, styles }) {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    if (theme) this.theme = theme;
    const apply = () => (this.root.dataset.theme = document.documentElement.dataset.theme = this.theme ?? (dark.matches ? "dark" : "light"));
    dark.onchange = apply;
    apply();
    for (const [name, value] of Object.entries(styles?.variables ?? {})) if (value) document.documentElement.style.setProperty(name, value);
  }

  // The result of a tool, the agent's or ours: the session it belongs to is shown, at what it made.
  async take(result) {
    if (result.isError) throw new Refused(result.content?.find((block) => block.type === "text")?.text ?? "The agent's call was refused.");
    let facts = result.structuredContent ?? {};
    while (facts.status === "running" && facts.job_id) {
      this.say("Still working…");
      facts = await this.call("get_job", { job_id: facts.job_id });
    }
    this.say("");
    const session = facts.sessionId || facts.name || (facts.id ?? "").split("/").slice(0, -1).join("/");
    if (session) await this.load(session, facts.id || facts.head);
  }

  async listSessions(first) {
    const { sessions } = await this.call("list_sessions", { limit: 100 });
    fill(this.sessions, sessions.map(({ name }) => h("option", { value: name }, name)));
    this.sessions.hidden = sessions.length < 2;
    const session = first || sessions[0]?.name;
    if (session) await this.load(session);
  }

  // With `follow` the newest is shown where its predecessor is looked at, unless an edit of that is being made ready.
  async load(session, id = "", { follow = false } = {}) {
    const info = await this.call("show_session", { session, limit: MOST_TURNS });
    const other = this.session !== info.name;
    const kept = follow && this.at?.id === this.head && !this.next.begun ? info.head : this.at?.id;
    this.session = info.name;
    this.title.textContent = info.name;
    this.title.hidden = !this.sessions.hidden;
    this.sessions.value = info.name;
    this.total = info.total;
    this.head = info.head;
    this.turns = info.turns.filter((turn) => turn.pictures.length);
    this.spent.textContent = spentWords(info);
    const wanted = [id, other ? "" : kept, this.head].find((each) => this.turns.some((turn) => turn.id === each));
    if (other || !wanted || wanted !== this.at?.id) return this.show(wanted ?? this.turns.at(-1)?.id);
    this.history.draw(this.turns, wanted, this.head);
    return this.arrange();
  }

  // Looks for what was made meanwhile: by the agent, in a notebook, on another page.
  async look() {
    try {
      if (!this.session) return await this.listSessions("");
      const { sessions } = await this.call("list_sessions", { search: this.session, limit: 50 });
      if (this.gone) this.error.textContent = "";
      this.gone = false;
      const turns = sessions.find(({ name }) => name === this.session)?.turns;
      if (turns === undefined || turns === this.total) return null;
      await this.load(this.session, "", { follow: true });
      return this.say(`${nameOf(this.turns.at(-1)?.id ?? "")} is new.`);
    } catch (failure) {
      this.gone = failure instanceof Gone;
      if (this.gone || failure instanceof Over) this.fail(failure);
      return null; // of anything else what is done next says why
    }
  }

  // One turn in the large.

  async show(id, index = 0) {
    const turn = this.turns.find((each) => each.id === id);
    this.history.draw(this.turns, id, this.head);
    this.at = turn ?? null;
    this.index = index;
    this.empty.hidden = Boolean(turn);
    this.frame.hidden = !turn;
    this.beside.hidden = true;
    if (!turn) {
      this.arrange();
      return;
    }
    const picture = this.picture;
    // Words of others stand by themselves (bdi): their direction is not that of the line.
    fill(this.caption, h("b", {}, nameOf(this.shownId)), " · ", h("bdi", {}, turn.prompt), h("br"), h("span", { class: "nbi-quiet" }, this.factsOf(turn, picture)));
    this.words.hidden = !turn.answer;
    fill(this.words, h("bdi", {}, turn.answer));
    this.drawPicks(turn);
    if (this.mask.sha && this.mask.sha !== picture.sha256) this.mask.show(false);
    // Its place is known before it comes: nothing moves under a pointer.
    if (this.mask.sha !== picture.sha256) this.image.removeAttribute("src");
    this.original = "";
    this.lay([this.alone]);
    this.mask.lie(picture.sha256, picture.width, picture.height);
    this.arrange();
    this.next.price();
    const url = await this.preview(picture.sha256, LARGE);
    if (this.picture !== picture) return; // another one was chosen meanwhile
    this.image.src = url;
    this.image.alt = `${turn.id}: ${turn.prompt}`;
  }

  // Where the picture lies, for zoom and pan.
  lay(places) {
    this.zoom.take(this.picture.sha256, this.picture.width, this.picture.height, places);
  }

  get picture() {
    return this.at?.pictures[this.index];
  }

  // The id of the picture that is edited next, within its session.
  get from() {
    return nameOf(this.shownId);
  }

  get shownId() {
    return this.picture?.id ?? "";
  }

  factsOf(turn, picture) {
    const by = turn.by ? [`by ${turn.by}`] : [];
    return [`${picture.width} × ${picture.height}`, turn.model, priced(turn.cost_usd), ...by].join(" · ");
  }

  drawPicks(turn) {
    this.picks.hidden = turn.pictures.length < 2;
    const picks = turn.pictures.map((picture, index) => {
      const image = h("img", { alt: "", draggable: "false" });
      this.preview(picture.sha256, THUMBNAIL).then((url) => (image.src = url), () => {});
      const attributes = { type: "button", class: "nbi-pick", "aria-pressed": String(index === this.index), "aria-label": `Picture ${index + 1}`, onclick: () => this.tried(() => this.pick(index)) };
      return h("button", attributes, image, h("span", { "aria-hidden": "true" }, `${index + 1}`));
    });
    fill(this.picks, picks);
  }

  async pick(index) {
    await this.show(this.at.id, index);
    this.picks.children[index]?.focus();
  }

  // Where the view is closer than the copy is sharp, the original is read.
  async closer() {
    const picture = this.picture;
    const copied = Math.min(1, LARGE / Math.max(picture?.width ?? 1, picture?.height ?? 1));
    if (!picture || !this.beside.hidden || this.original === picture.sha256 || this.zoom.scale * devicePixelRatio <= copied) return;
    this.original = picture.sha256;
    const file = await this.read(picture.uri).catch(() => null);
    if (file && this.picture === picture) this.image.src = `data:${file.mimeType};base64,${file.blob}`;
  }

  arrange() {
    const { at, over } = this;
    const many = (at?.pictures.length ?? 0) > 1;
    const here = Boolean(at) && at.id === this.head && (!many || this.chosen === this.shownId);
    this.goOn.disabled = !at || here || this.next.busy || over;
    this.goOn.querySelector("span").textContent = here ? "The agent goes on from here" : "Go on from here";
    this.compare.disabled = !at?.inputs.length || this.mask.on || over;
    this.compare.setAttribute("aria-pressed", String(!this.beside.hidden));
    this.maskButton.disabled = !at || !this.beside.hidden || over;
    this.maskButton.setAttribute("aria-pressed", String(this.mask.on));
    this.save.hidden = !this.wire.saves;
    this.save.disabled = !at || over;
    this.next.arrange();
    this.root.setAttribute("aria-busy", String(this.next.busy));
  }

  maskChanged() {
    if (!this.next) return;
    this.arrange();
    this.next.price();
  }

  toggleMask() {
    this.mask.show(!this.mask.on);
    this.arrange();
    if (this.mask.on) this.mask.canvas.focus({ preventScroll: true });
  }

  async toggleCompare() {
    await this.tried(async () => {
      const on = this.beside.hidden;
      const { at } = this;
      if (on) {
        const [before, after] = await Promise.all([this.preview(hashOf(at.inputs[0]), LARGE), this.preview(this.picture.sha256, LARGE)]);
        if (at !== this.at) return;
        const shown = (url, words) => ({ words, element: h("img", { src: url, alt: words, class: "nbi-picture nbi-whole", draggable: "false" }) });
        const { holder, places } = slider(shown(before, "Before"), shown(after, "After"));
        fill(this.beside, holder);
        this.places = places;
      }
      this.beside.hidden = !on;
      this.frame.hidden = on;
      this.lay(on ? this.places : [this.alone]);
      if (on) this.beside.querySelector("input").focus({ preventScroll: true });
      this.arrange();
    });
  }

  // What is done.

  async choose() {
    await this.tried(async () => {
      const id = this.shownId;
      const { head } = await this.call("choose_on_page", { image: id });
      this.head = head;
      this.chosen = id;
      await this.wire.tell(
        `The person chose ${id} to go on from. The next continue_image_session with sessionId ${JSON.stringify(this.session)} and fromId ${JSON.stringify(nameOf(id))} edits it.`,
      );
      this.say(`The agent goes on from ${nameOf(id)}.`);
      this.history.draw(this.turns, this.at.id, head);
      this.arrange();
    });
  }

  // The answer to an edit that was asked for here.
  async made(result, { prompt, fromId }) {
    await this.take(result);
    this.mask.show(false);
    const made = nameOf(this.shownId).split(".")[0];
    const count = this.at.pictures.length;
    await this.wire.tell(`The person edited ${fromId} on the page: ${JSON.stringify(prompt)}. That made ${this.session}/${made}, from which the session goes on.`);
    this.say(`${made} is made, ${priced(this.at.cost_usd)}.${count > 1 ? ` Pick one of the ${count}.` : ""}`);
  }

  async keep() {
    await this.tried(async () => {
      const { uri, mimeType, blob } = await this.read(this.picture.uri);
      const name = `${this.shownId.replace(/[^\w.-]+/g, "-")}.${mimeType.split("/")[1].replace("jpeg", "jpg")}`;
      await this.wire.save({ uri, mimeType, blob, name });
      this.say(`Saved ${name}.`);
    });
  }

  say(words) {
    this.status.textContent = words;
  }
}

new Page(document.getElementById("page")).start();
