// The panel's line to the kernel: messages with buffers, thumbnails that are fetched when they are seen, uploads in pieces.

import { soon, unique } from "../../display/front/elements.js";

const PIECE = 512 * 1024; // Jupyter Server takes 10 MiB in one message, Colab about 1.
const MOST_URLS = 3000;

export class Link {
  constructor(model) {
    this.model = model;
    this.id = unique("view"); // The panel's other views hear the same messages; answers say whose question they are for.
    this.listeners = new Map();
    this.urls = new Map();
    this.waiting = new Map();
    this.wanted = new Set();
    this.uploads = new Map();
    this.files = new Map();
    this.answered = false;
    this.ask = soon(() => this.askNow(), 40);
    this.receive = (content, buffers) => this.take(content, buffers);
    model.on("msg:custom", this.receive);
  }

  close() {
    this.model.off("msg:custom", this.receive);
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
    this.urls.clear();
  }

  send(action, data = {}, buffers = []) {
    try {
      this.model.send({ do: action, view: this.id, ...data }, undefined, buffers);
      this.lost = false;
    } catch {
      // The line to a kernel that was restarted is closed for good. What waited for an answer gets this one.
      this.lost = true;
      const text = "The kernel was restarted. Run the cell again to use the panel.";
      this.emit("error", { kind: "error", text, about: action, token: data.token ?? "" });
    }
  }

  on(kind, listener) {
    if (!this.listeners.has(kind)) this.listeners.set(kind, []);
    this.listeners.get(kind).push(listener);
  }

  emit(kind, content, buffers = []) {
    for (const listener of this.listeners.get(kind) ?? []) listener(content, buffers);
  }

  take(content, buffers) {
    this.answered = true;
    if (content.view && content.view !== this.id) return;
    if (content.kind === "thumbs") content.shas.forEach((sha, index) => this.keep(sha, content.types[index], buffers[index]));
    else if (content.kind === "taken") this.uploads.get(content.token)?.(content);
    else if (content.kind === "file") this.collect(content, buffers[0]);
    this.emit(content.kind, content, buffers ?? []);
  }

  // Thumbnails: `show` is called with an address as soon as there is one.

  thumbnail(sha, show) {
    const known = this.urls.get(sha);
    if (known) {
      show(known);
      return;
    }
    if (!this.waiting.has(sha)) this.waiting.set(sha, []);
    this.waiting.get(sha).push(show);
    this.wanted.add(sha);
    this.ask();
  }

  forget(sha) {
    this.wanted.delete(sha);
    this.waiting.delete(sha);
  }

  // The kernel drops what it was asked before and is not asked again, so all that is still missing is named, the newest first.
  askNow() {
    const missing = [...this.wanted].reverse().slice(0, 200);
    if (missing.length) this.send("thumbs", { shas: missing });
  }

  keep(sha, type, data) {
    this.wanted.delete(sha);
    if (!this.urls.has(sha)) this.urls.set(sha, URL.createObjectURL(new Blob([data], { type })));
    for (const show of this.waiting.get(sha) ?? []) show(this.urls.get(sha));
    this.waiting.delete(sha);
    if (this.urls.size > MOST_URLS) {
      const [oldest, url] = this.urls.entries().next().value;
      URL.revokeObjectURL(url);
      this.urls.delete(oldest);
    }
  }

  // Uploads: one piece after the other, each acknowledged; a refusal ends it.

  async upload(file, role, progress) {
    const token = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
    const count = Math.max(1, Math.ceil(file.size / PIECE));
    try {
      for (let index = 0; index < count; index += 1) {
        const piece = await file.slice(index * PIECE, (index + 1) * PIECE).arrayBuffer();
        const answer = new Promise((resolve) => this.uploads.set(token, resolve));
        this.send("upload", { token, index, count, name: file.name || "pasted.png", size: file.size, role }, [piece]);
        const taken = await answer;
        if (taken.kind === "error") return false;
        progress?.((index + 1) / count);
      }
      return true;
    } finally {
      this.uploads.delete(token);
    }
  }

  refuse(content) {
    this.uploads.get(content.token)?.(content);
  }

  collect(content, data) {
    const key = content.token;
    if (content.index === 0) this.files.set(key, []);
    const pieces = this.files.get(key);
    pieces?.push(data);
    if (pieces && pieces.length === content.count) {
      this.files.delete(key);
      this.emit("whole file", { name: content.name, blob: new Blob(pieces, { type: content.type }) });
    }
  }
}
