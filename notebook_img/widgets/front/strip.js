// The history as a film strip: one row for each line of the tree, branches joined, questions as marks on the turn they are about.
// What a line starts from is its first node. Looking is one click or an arrow key; going on from there a double click or Enter.

import { differs, fill, h, s, shorten, unique } from "../../display/front/elements.js";

const STEP_X = 108;
const STEP_Y = 100;
const SIDE = 76;

// Columns by distance from where a line starts; a first child stays in its parent's row, further ones get rows of their own.
// A node is known by its key: t7 for a turn, the hash of a picture that a line starts from.
export function layOut(nodes) {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  const shown = nodes.filter((node) => node.kind !== "ask");
  const children = new Map();
  const roots = [];
  for (const node of shown) {
    if (byKey.has(node.after)) {
      if (!children.has(node.after)) children.set(node.after, []);
      children.get(node.after).push(node);
    } else roots.push(node);
  }
  const placed = new Map();
  let rows = 0;
  const stack = roots.map((node) => ({ node, column: 0, row: null })).reverse();
  while (stack.length) {
    const { node, column, row } = stack.pop();
    const own = row ?? rows++;
    placed.set(node.key, { node, column, row: own, questions: [] });
    const [first, ...others] = children.get(node.key) ?? [];
    for (const other of others.reverse()) stack.push({ node: other, column: column + 1, row: null });
    if (first) stack.push({ node: first, column: column + 1, row: own });
  }
  for (const node of nodes) {
    if (node.kind !== "ask") continue;
    let about = node;
    while (about?.kind === "ask") about = byKey.get(about.after);
    placed.get(about?.key)?.questions.push(node);
  }
  return { placed, rows };
}

export class Strip {
  constructor(link, askAbout) {
    this.link = link;
    this.askAbout = askAbout;
    this.name = unique("turn");
    this.placed = new Map();
    this.lines = s("svg", { class: "nbi-branches", "aria-hidden": "true" });
    this.list = h("div", {
      class: "nbi-strip",
      role: "listbox",
      tabindex: "0",
      "aria-label": "History of the session. Arrow keys look at a turn, Enter goes on from it.",
      onkeydown: (event) => this.key(event),
    });
    this.seen = new IntersectionObserver((entries) => this.load(entries), { root: this.list, rootMargin: "200px" });
    this.note = h("p", { class: "nbi-quiet" });
    this.element = h("section", { class: "nbi-history", "aria-label": "History" }, this.note, this.list);
  }

  close() {
    this.seen.disconnect();
  }

  update(state) {
    this.state = state;
    if (this.going === this.chosen()) this.stay();
    if (!differs(this, "tree", [state.nodes, state.head, state.base.key, state.hidden])) return;
    const { placed, rows } = layOut(state.nodes);
    this.placed = placed;
    this.seen.disconnect();
    const columns = Math.max(0, ...[...placed.values()].map((each) => each.column + 1));
    const inner = h("div", { class: "nbi-stripe", role: "presentation" });
    inner.style.cssText = `width:${columns * STEP_X}px;height:${rows * STEP_Y}px`;
    this.lines.setAttribute("width", columns * STEP_X);
    this.lines.setAttribute("height", rows * STEP_Y);
    this.lines.replaceChildren(...[...placed.values()].flatMap((each) => this.branch(each)));
    inner.append(this.lines, ...[...placed.values()].map((each) => this.frame(each)));
    const left = this.list.scrollLeft;
    fill(this.list, inner);
    this.list.scrollLeft = left;
    this.list.hidden = !placed.size;
    this.list.style.maxHeight = `${Math.min(rows, 3) * STEP_Y + 18}px`;
    this.note.textContent = placed.size
      ? state.hidden
        ? `The latest ${state.nodes.length} turns; ${state.hidden} earlier ones are not shown.`
        : ""
      : "The history of the session appears here, with every branch.";
    this.note.hidden = !this.note.textContent;
    this.reveal(this.chosen() ?? this.current());
    for (const element of this.list.querySelectorAll("[data-sha]")) this.seen.observe(element);
  }

  chosen() {
    return this.state.base.key || null;
  }

  current() {
    return this.state.head === null ? null : `t${this.state.head}`;
  }

  branch({ node, column, row }) {
    const from = this.placed.get(node.after);
    if (!from) return [];
    const x1 = from.column * STEP_X + SIDE + 4;
    const y1 = from.row * STEP_Y + SIDE / 2 + 4;
    const x2 = column * STEP_X + 4;
    const y2 = row * STEP_Y + SIDE / 2 + 4;
    const middle = (x1 + x2) / 2;
    const d = y1 === y2 ? `M${x1} ${y1}H${x2}` : `M${x1} ${y1}C${middle} ${y1} ${middle} ${y1} ${middle} ${y1 + 12}V${y2 - 12}C${middle} ${y2} ${middle} ${y2} ${x2} ${y2}`;
    return [s("path", { d })];
  }

  frame({ node, column, row, questions }) {
    const isHead = node.key === this.current();
    const chosen = node.key === this.chosen();
    const source = node.kind === "source";
    const name = source ? node.prompt.replace(/^.*[\\/]/, "").replace(/^sample:/, "") : node.key;
    const does = source ? "What this row began with. Click to begin another from it" : "Double click to go on from here";
    const marks = [
      node.shas.length > 1 ? `${node.shas.length} pictures` : "",
      questions.length ? `${questions.length} question${questions.length > 1 ? "s" : ""}` : "",
      node.who && !["cell", "panel", "python", "script"].includes(node.who) ? `by ${node.who}` : "",
    ].filter(Boolean);
    const image = h("img", { alt: "", draggable: "false" });
    const element = h(
      "div",
      {
        class: `nbi-frame${isHead ? " nbi-head" : ""}${chosen ? " nbi-chosen" : ""}${source ? " nbi-source" : ""}`,
        role: "option",
        id: `${this.name}-${node.key}`,
        "aria-selected": String(chosen),
        title: [source ? node.prompt : `${name} · ${shorten(node.prompt, 120)}`, node.model, does].filter(Boolean).join("\n"),
        onclick: () => this.look(node.key),
        ondblclick: () => this.goOn(node.key),
      },
      h("span", { class: "nbi-thumb", "data-sha": node.shas[0] ?? "" }, image),
      h("span", { class: "nbi-name" }, h("span", {}, name), isHead ? h("b", {}, "current") : null),
      h("span", { class: "nbi-hidden" }, `: ${source ? "the picture this row began with" : node.prompt}${marks.length ? ` (${marks.join(", ")})` : ""}`),
      node.shas.length > 1 ? h("span", { class: "nbi-count", "data-words": `×${node.shas.length}` }) : null,
      questions.length ? h("span", { class: "nbi-asked", "data-words": `? ${questions.length}`, onclick: () => this.askAbout() }) : null,
    );
    element.style.cssText = `left:${column * STEP_X}px;top:${row * STEP_Y}px`;
    return element;
  }

  load(entries) {
    for (const entry of entries) {
      const sha = entry.target.dataset.sha;
      if (!entry.isIntersecting || !sha) continue;
      this.seen.unobserve(entry.target);
      this.link.thumbnail(sha, (url) => (entry.target.firstChild.src = url));
    }
  }

  reveal(key) {
    const element = this.list.querySelector(".nbi-chosen");
    if (element) this.list.setAttribute("aria-activedescendant", element.id);
    else this.list.removeAttribute("aria-activedescendant");
    const place = this.placed.get(key);
    if (!place || this.revealed === key) return;
    this.revealed = key;
    const x = place.column * STEP_X;
    if (x < this.list.scrollLeft || x + STEP_X > this.list.scrollLeft + this.list.clientWidth) {
      this.list.scrollLeft = Math.max(0, x - this.list.clientWidth / 2);
    }
    const y = place.row * STEP_Y;
    if (y < this.list.scrollTop || y + STEP_Y > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = Math.max(0, y - STEP_Y);
  }

  look(key) {
    const node = this.placed.get(key)?.node;
    if (!node || key === (this.going ?? this.chosen())) return;
    this.going = key;
    this.link.send("look", node.kind === "source" ? { source: key } : { turn: node.number });
  }

  // Where one is on the way to is no longer of interest: one is there, or it did not work out.
  stay() {
    this.going = null;
  }

  goOn(key) {
    const node = this.placed.get(key)?.node;
    if (node?.kind === "source") this.look(key);
    else if (node && key !== this.current()) this.link.send("checkout", { turn: node.number });
  }

  key(event) {
    // Keys come faster than answers: the next one goes on from where the last one leads.
    const current = this.state && (this.placed.get(this.going ?? this.chosen()) ?? this.placed.get(this.current()));
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && current) this.goOn(current.node.key);
    else if (!event.key.startsWith("Arrow") && event.key !== "Home" && event.key !== "End") return;
    else if (current) {
      const all = [...this.placed.values()];
      const next = {
        ArrowLeft: () => this.placed.get(current.node.after),
        ArrowRight: () => all.find((each) => each.node.after === current.node.key),
        ArrowUp: () => this.nearest(all, current, -1),
        ArrowDown: () => this.nearest(all, current, 1),
        Home: () => all[0],
        End: () => this.placed.get(this.current()) ?? all.at(-1),
      }[event.key]();
      if (next) this.look(next.node.key);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  nearest(all, current, direction) {
    const others = all.filter((each) => (each.row - current.row) * direction > 0);
    const far = (each) => Math.abs(each.row - current.row) * 1000 + Math.abs(each.column - current.column);
    return others.sort((one, other) => far(one) - far(other))[0];
  }
}
