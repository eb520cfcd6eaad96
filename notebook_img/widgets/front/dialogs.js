// What opens over the panel: setting a key, and what a model can do.

import { button, field, fill, h, unique } from "../../display/front/elements.js";

function dialog(words, ...children) {
  const id = unique("dialog");
  const title = h("h2", { id, class: "nbi-title" }, words);
  const element = h("dialog", { class: "nbi-dialog", "aria-labelledby": id }, title, children);
  element.addEventListener("click", (event) => event.target === element && element.close()); // beside it
  return { element, title };
}

// The key goes to the kernel as bytes beside a message and is forgotten here at once; nothing of it is a part of the widget's state.
export class KeyDialog {
  constructor(link) {
    this.link = link;
    this.service = h("select", { onchange: () => this.note() });
    this.key = h("input", { type: "password", class: "nbi-text", autocomplete: "off", spellcheck: "false", onkeydown: (event) => event.key === "Enter" && this.keep(event) });
    this.words = h("p", { class: "nbi-hint" });
    this.keepButton = button("Keep it", "key", { class: "nbi-button nbi-primary", onclick: (event) => this.keep(event) });
    const { element } = dialog(
      "Set a key",
      field("Service", this.service, { wide: true }),
      field("Key", this.key, { wide: true }),
      this.words,
      h("div", { class: "nbi-bar" }, this.keepButton, button("Cancel", null, { onclick: () => this.close() })),
    );
    this.element = element;
    element.addEventListener("close", () => (this.key.value = ""));
    link.on("keys", ({ services }) => {
      this.services = services;
      fill(
        this.service,
        services.map(({ name, title }) => h("option", { value: name }, title)),
      );
      if (services.some(({ name }) => name === this.wanted)) this.service.value = this.wanted;
      this.note();
    });
  }

  open(name) {
    this.wanted = name;
    this.key.value = "";
    this.link.send("keys");
    this.element.showModal();
    this.key.focus();
  }

  close() {
    this.element.close();
  }

  note() {
    const service = this.services?.find(({ name }) => name === this.service.value);
    if (!service) return;
    const place = service.where ? `A key is set already: ${service.where}.` : "";
    const link = service.page.startsWith("https:") ? h("a", { href: service.page, target: "_blank", rel: "noopener noreferrer" }, service.page) : service.page;
    fill(this.words, place, place && service.page ? " " : "", service.page ? ["Get one at ", link, ". "] : "", " It is kept in the keyring of the computer the kernel runs on, never in the notebook.");
  }

  keep(event) {
    event.preventDefault();
    const bytes = new TextEncoder().encode(this.key.value);
    this.key.value = "";
    this.link.send("key", { name: this.service.value }, [bytes.buffer]);
    this.close();
  }
}

export class CanDialog {
  constructor(link, offer) {
    this.link = link;
    this.offer = offer;
    this.body = h("div", { class: "nbi-can" });
    const made = dialog("What can it do?", this.body, h("div", { class: "nbi-bar" }, button("Close", null, { onclick: () => this.element.close() })));
    this.element = made.element;
    this.title = made.title;
    link.on("can", (content) => this.take(content));
  }

  ask(kind, model) {
    this.link.send("can", { for: kind, model });
  }

  take({ title, lines, rows }) {
    this.title.textContent = title;
    const example = (words) => button(words, null, { title: "Put this into the prompt", onclick: () => this.choose(words) });
    fill(
      this.body,
      lines.map((line) => h("p", {}, line)),
      rows.length
        ? h(
            "table",
            {},
            rows.map(([name, help, words]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, help), h("td", {}, words ? example(words) : null))),
          )
        : null,
    );
    this.element.showModal();
    this.body.scrollTop = 0;
  }

  choose(words) {
    this.element.close();
    this.offer(words);
  }
}
