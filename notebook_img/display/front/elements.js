// Small pieces the rest is built of: elements, icons, waiting, files. Nothing here knows about pictures or sessions.

const SVG = "http://www.w3.org/2000/svg";
let counted = 0;

// An id that is unique in the page: a panel can be shown several times.
export function unique(word) {
  counted += 1;
  return `nbi-${word}-${counted}-${Math.random().toString(36).slice(2, 7)}`;
}

// An element with attributes, listeners (onclick: ...) and children; nothing is ever read as HTML.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "disabled" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const ICONS = {
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "m15 14 5-5-5-5m5 5H10a6 6 0 0 0 0 12h3",
  upload: "M12 16V4m0 0L7 9m5-5 5 5M4 20h16",
  download: "M12 4v12m0 0 5-5m-5 5-5-5M4 20h16",
  paste: "M9 4h6v3H9zM9 5H5v16h14V5h-4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  compare: "M12 3v18M4 6h5v12H4zm11 0h5v12h-5z",
  brush: "M4 20c3 0 5-1 5-4a2.5 2.5 0 0 0-2.500-2.500C4.500 13.500 5 17 4 20ZM9 14 19 4l2 2-9 9",
  eraser: "m7 20-4-4L14 5l6 6-9 9zm0 0h13M9 10l6 6",
  rectangle: "M4 6h16v12H4z",
  invert: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  clear: "M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13",
  boxes: "M4 4h9v9H4zm7 7h9v9h-9z",
  close: "m6 6 12 12M18 6 6 18",
  edit: "m4 20 1-4L16 5l3 3L8 19z",
  ask: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.7.3-1 .8-1 1.700m0 2.800v.2",
  plus: "M12 5v14M5 12h14",
  play: "M7 5v14l11-7z",
  stop: "M6 6h12v12H6z",
  head: "m5 12 5 5 9-10",
  minus: "M5 12h14",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5m11-5v5h-5",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12Zm10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  mask: "M4 4h16v16H4zm8 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z",
  key: "M14 10a4 4 0 1 0-1.500 3.100L15 15.500l2-1v-2l2-.5.500-1.500M8.500 9.500h.01",
  star: "m12 4 2.500 5.200 5.700.8-4.100 4 1 5.700-5.100-2.700-5.100 2.700 1-5.700-4.100-4 5.700-.8z",
  cut: "M6 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0 12a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8.500 8 20 19M8.500 16 20 5",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-9v4m0-8v.01",
};

export function icon(name) {
  return s("svg", { viewBox: "0 0 24 24", class: "nbi-icon", "aria-hidden": "true", focusable: "false" }, s("path", { d: ICONS[name] }));
}

// A button with an icon and words; `quiet` keeps the words for screen readers and the tooltip only.
export function button(words, name, attributes = {}, { quiet = false } = {}) {
  const label = quiet ? { "aria-label": words } : {};
  const title = attributes.title ?? (quiet ? words : undefined);
  return h(
    "button",
    { type: "button", class: "nbi-button", ...label, ...attributes, title },
    name ? icon(name) : null,
    quiet ? null : h("span", {}, words),
  );
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

// Whether a part has to be drawn again: drawing takes away the focus and closes what is open.
export function differs(owner, part, value) {
  owner.drawn ??= {};
  const text = JSON.stringify(value);
  const other = owner.drawn[part] !== text;
  owner.drawn[part] = text;
  return other;
}

export function soon(work, milliseconds) {
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), milliseconds);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

export function seconds(value) {
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
}

export function shorten(text, most) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

export function saveFile(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// Pages that are not secure contexts have no clipboard of their own; selecting works everywhere.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "nbi-hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// A row of choices of which one holds: radio buttons that look like one control.
export function choices(legend, options, chosen, changed) {
  const name = unique("choice");
  const inputs = options.map(([value, words, attributes = {}]) => {
    const input = h("input", { type: "radio", name, value, checked: value === chosen, ...attributes, onchange: () => changed(value) });
    return [input, h("label", { class: "nbi-choice" }, input, h("span", {}, words))];
  });
  const element = h("div", { class: "nbi-choices", role: "radiogroup", "aria-label": legend }, inputs.map(([, label]) => label));
  return {
    element,
    set(value) {
      for (const [input] of inputs) input.checked = input.value === value;
    },
    enable(value, on) {
      for (const [input] of inputs) if (input.value === value) input.disabled = !on;
    },
  };
}

export function field(words, control, { note = "", wide = false } = {}) {
  control.id ||= unique("field");
  return h(
    "div",
    { class: wide ? "nbi-field nbi-wide" : "nbi-field" },
    h("label", { for: control.id }, words),
    control,
    note ? h("small", {}, note) : null,
  );
}
