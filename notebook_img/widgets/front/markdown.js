// What models write, drawn: headings, lists, bold, italics, code. Elements only, nothing is read as HTML; the rest stays as written.

import { h } from "../../display/front/elements.js";

const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const FENCE = /^\s*(```|~~~)/;
const RULE = /^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$/; // between the head of a table and its rows
const MARKED = /`[^`\n]+`|\*\*[^*\n]+\*\*|\*[^*\s][^*\n]*\*/g;

const word = (sign) => sign !== undefined && /[\p{L}\p{N}*]/u.test(sign);

// Words with what is marked in them; 3*4*5 is no emphasis.
function inline(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(MARKED)) {
    const [mark] = found;
    const last = found.index + mark.length;
    const thin = mark[0] === "*" && mark[1] !== "*";
    if (mark[0] === "*" && (/\s/.test(mark.at(thin ? -2 : -3)) || (thin && (word(text[found.index - 1]) || word(text[last]))))) continue;
    parts.push(text.slice(end, found.index));
    if (mark[0] === "`") parts.push(h("code", {}, mark.slice(1, -1)));
    else parts.push(thin ? h("em", {}, mark.slice(1, -1)) : h("b", {}, mark.slice(2, -2)));
    end = last;
  }
  return [...parts, text.slice(end)].filter((part) => part !== "");
}

export function markdown(text) {
  const lines = text.split(/\r?\n/);
  const blocks = [];
  const take = (fits) => {
    const from = at;
    while (at < lines.length && fits(lines[at], at)) at += 1;
    return lines.slice(from, at);
  };
  const table = (line, index) => line.includes("|") && RULE.test(lines[index + 1] ?? "") && lines[index + 1].includes("|");
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const heading = HEADING.exec(line);
    if (!line.trim()) at += 1;
    else if (FENCE.test(line)) {
      at += 1;
      blocks.push(h("pre", {}, take((each) => !FENCE.test(each)).join("\n")));
      at += 1;
    } else if (heading) {
      blocks.push(h("div", { class: "nbi-title", role: "heading", "aria-level": String(Math.min(6, heading[1].length + 2)) }, inline(heading[2])));
      at += 1;
    } else if (table(line, at)) blocks.push(h("pre", {}, take((each) => each.includes("|")).join("\n")));
    else if (ITEM.test(line)) blocks.push(list(take((each) => ITEM.test(each))));
    else {
      const plain = (each, index) => each.trim() && !FENCE.test(each) && !HEADING.test(each) && !ITEM.test(each) && !table(each, index);
      blocks.push(h("p", {}, inline(take(plain).join("\n"))));
    }
  }
  return blocks;
}

// One list; what is indented stands further in. The numbers are those that were written.
function list(lines) {
  const items = lines.map((line) => {
    const [, indent, number, words] = ITEM.exec(line);
    const item = h("li", number ? { value: number } : { class: "nbi-point" }, inline(words));
    item.style.marginInlineStart = `${Math.min(6, Math.floor(indent.replaceAll("\t", "    ").length / 2)) * 1.2}em`;
    return item;
  });
  return h(/^\s*\d/.test(lines[0]) ? "ol" : "ul", {}, items);
}
