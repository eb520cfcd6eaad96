// Two pictures of one place, one over the other up to a line that is moved by pointer or keys. Both frames lie in one pane, and the line
// stays in it while they are zoomed and moved.

import { h } from "./elements.js";

// Each picture is an element and words for it. Returns what holds it all, and the places `Zoom` takes: `after`'s, then `before`'s.
export function slider(before, after) {
  const [under, over] = [after, before].map(({ element }) => h("div", { class: "nbi-sheet" }, element));
  const top = h("div", { class: "nbi-top" }, over);
  const line = h("div", { class: "nbi-line", "aria-hidden": "true" });
  const range = h("input", {
    type: "range",
    class: "nbi-slide",
    min: "0",
    max: "100",
    step: "0.5",
    value: "50",
    "aria-label": `Share of ${before.words} that is shown over ${after.words}`,
  });
  const pane = h("div", { class: "nbi-over" }, under, top, range, line);
  const move = () => {
    top.style.clipPath = `inset(0 ${100 - range.value}% 0 0)`;
    line.style.left = `${range.value}%`;
    range.setAttribute("aria-valuetext", `${Math.round(range.value)} percent ${before.words}`);
  };
  range.addEventListener("input", move);
  // Zoomed in, a drag beside the line moves the pictures.
  line.addEventListener("pointerdown", (event) => line.setPointerCapture(event.pointerId));
  line.addEventListener("pointermove", (event) => {
    if (!line.hasPointerCapture(event.pointerId)) return;
    const seen = pane.getBoundingClientRect();
    range.value = (100 * (event.clientX - seen.left)) / seen.width;
    move();
  });
  move();
  const plate = ({ words }, side) => h("span", { class: `nbi-plate nbi-${side}`, "aria-hidden": "true" }, words);
  const box = h("div", { class: "nbi-slider" }, pane, plate(before, "left"), plate(after, "right"));
  const place = { holder: h("div", { class: "nbi-hold" }, box), box, pane };
  return { holder: place.holder, places: [{ ...place, frame: under }, { ...place, frame: over }] };
}
