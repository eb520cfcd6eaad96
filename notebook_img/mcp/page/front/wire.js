// The page's line to the server: through the host of a conversation (MCP Apps), or straight to it where the page has its own address.
// Both have the same three ways: call a tool, read a resource, and hear what the agent's call led to.

import { saveFile } from "../../../display/front/elements.js";

const APPS_VERSION = "2026-01-26";
const VERSION = "2026-07-28";
const PAGE = { name: "notebook-img-page", title: "Pictures", version: "1" };

export class Refused extends Error {}
export class Gone extends Refused {} // the server: it may come back
export class Over extends Refused {} // this page's time: what it asks is no longer answered

const ANEW = "Ask the agent where its pictures can be seen: that names a new link. What was made is kept.";

// In a conversation: the host passes on what is asked, and says how it looks itself.
export class HostWire {
  constructor(heard) {
    this.heard = heard;
    this.asked = new Map();
    this.last = 0;
    this.can = {};
    window.addEventListener("message", (event) => event.source === window.parent && this.take(event.data));
  }

  async open() {
    const said = await this.request("ui/initialize", { appInfo: PAGE, appCapabilities: {}, protocolVersion: APPS_VERSION });
    this.can = said.hostCapabilities ?? {};
    this.heard("look", said.hostContext ?? {});
    this.send({ method: "ui/notifications/initialized", params: {} });
    const told = () => {
      const { width, height } = document.body.getBoundingClientRect();
      this.send({ method: "ui/notifications/size-changed", params: { width: Math.ceil(width), height: Math.ceil(height) } });
    };
    new ResizeObserver(told).observe(document.body);
    return { session: "" };
  }

  send(message) {
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  request(method, params) {
    this.last += 1;
    const id = this.last;
    return new Promise((done, failed) => {
      this.asked.set(id, { done, failed });
      this.send({ id, method, params });
    });
  }

  take(message) {
    if (message?.jsonrpc !== "2.0") return;
    const { id, method, params } = message;
    if (method && id !== undefined) {
      // Nothing is unsaved here: the host may take the page away at any time.
      const known = ["ping", "ui/resource-teardown"].includes(method);
      this.send(known ? { id, result: {} } : { id, error: { code: -32601, message: "This page has no such method." } });
    } else if (method === "ui/notifications/tool-input") this.heard("asked", params.arguments ?? {});
    else if (method === "ui/notifications/tool-result") this.heard("result", params);
    else if (method === "ui/notifications/tool-cancelled") this.heard("cancelled", params);
    else if (method === "ui/notifications/host-context-changed") this.heard("look", params);
    else if (this.asked.has(id)) {
      const { done, failed } = this.asked.get(id);
      this.asked.delete(id);
      if (message.error) failed(new Refused(message.error.message));
      else done(message.result);
    }
  }

  call(name, given) {
    return this.request("tools/call", { name, arguments: given });
  }

  read(uri) {
    return this.request("resources/read", { uri });
  }

  // What a person chose here, for the agent's next step.
  async tell(text) {
    if (this.can.updateModelContext) await this.request("ui/update-model-context", { content: [{ type: "text", text }] });
  }

  get saves() {
    return Boolean(this.can.downloadFile);
  }

  save(resource) {
    return this.request("ui/download-file", { contents: [{ type: "resource", resource }] });
  }
}

// On its own address: requests of the protocol, with the token that the link was changed for. It is kept for this tab only.
export class OwnWire {
  constructor(heard) {
    this.heard = heard;
    this.last = 0;
    this.saves = true;
  }

  async open() {
    const code = location.hash.slice(1);
    let kept = JSON.parse(sessionStorage.getItem("entered") ?? "null");
    if (code) {
      history.replaceState(null, "", location.pathname);
      const answer = await fetch("page/enter", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ code }) });
      if (answer.ok) {
        kept = await answer.json();
        sessionStorage.setItem("entered", JSON.stringify(kept));
      }
    }
    if (!kept) throw new Over(`This link was used before, or is too old. ${ANEW}`);
    this.token = kept.token;
    this.heard("look", {});
    return kept;
  }

  async request(method, name, params) {
    this.last += 1;
    const id = this.last;
    const meta = {
      "io.modelcontextprotocol/protocolVersion": VERSION,
      "io.modelcontextprotocol/clientInfo": PAGE,
      "io.modelcontextprotocol/clientCapabilities": { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html;profile=mcp-app"] } } },
    };
    const answer = await fetch("mcp", {
      method: "POST",
      headers: {
        authorization: `Bearer ${this.token}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": VERSION,
        "mcp-method": method,
        "mcp-name": name,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } }),
    }).catch(() => null);
    if (!answer) throw new Gone(`The server does not answer; it ends with the agent's program. ${ANEW}`);
    if (answer.status === 401) {
      sessionStorage.removeItem("entered");
      throw new Over(`This page's time is over: it was not used for hours, or the server was started anew. ${ANEW}`);
    }
    const text = await answer.text();
    const events = text.split(/\r?\n/).filter((line) => line.startsWith("data:"));
    const messages = text.startsWith("{") ? [JSON.parse(text)] : events.map((line) => JSON.parse(line.slice(5)));
    const message = messages.find((each) => each.id === id) ?? messages.at(-1);
    if (!message) throw new Refused(`The server answered with ${answer.status}.`);
    if (message.error) throw new Refused(message.error.message);
    return message.result;
  }

  call(name, given) {
    return this.request("tools/call", name, { name, arguments: given });
  }

  read(uri) {
    return this.request("resources/read", uri, { uri });
  }

  async tell() {}

  async save({ uri, mimeType, blob, name }) {
    const bytes = Uint8Array.from(atob(blob), (letter) => letter.charCodeAt(0));
    saveFile(new Blob([bytes], { type: mimeType }), name ?? uri.split("/").pop());
  }
}
