// What is said to the user: a line beside the tabs, and the same words over the page where that line is scrolled out of sight.
// What helps is a button: remedies come from the kernel as data, and each kind is done in one place.

import { button, fill, h } from "../../display/front/elements.js";

const SHOWN_FOR = 8000; // milliseconds that words over the page stay

export class Messages {
  constructor(link, does) {
    this.link = link;
    this.does = does;
    this.line = h("div", { class: "nbi-live", role: "status" });
    // A popover lies above everything, whatever scrolls, clips or transforms the output it belongs to.
    this.toast = h("div", { class: "nbi-toast", popover: "manual", "aria-hidden": "true" });
  }

  close() {
    clearTimeout(this.timer);
  }

  say(text, tone = "info", remedies = []) {
    this.line.className = `nbi-live nbi-${tone}`;
    fill(this.line, text, this.buttons(remedies));
    this.over(text, tone);
  }

  // Words in a place of their own, such as under Run; over the page too where that place is out of sight.
  put(place, text, remedies = []) {
    fill(place, text, text ? this.buttons(remedies) : null);
    if (text) requestAnimationFrame(() => isSeen(place) || this.over(text, "error", true));
  }

  buttons(remedies) {
    const shown = remedies.filter((each) => this.does[each.do]);
    if (!shown.length) return null;
    return h(
      "span",
      { class: "nbi-bar nbi-remedies" },
      shown.map((each) => button(each.words, null, { onclick: () => this.does[each.do](each) })),
    );
  }

  over(text, tone, anyway = false) {
    clearTimeout(this.timer);
    this.hide();
    if (!text || !this.toast.showPopover || !this.toast.isConnected) return;
    requestAnimationFrame(() => {
      if (!this.toast.isConnected || (!anyway && isSeen(this.line))) return;
      this.toast.className = `nbi-toast nbi-${tone}`;
      this.toast.textContent = text;
      this.toast.showPopover();
      this.timer = setTimeout(() => this.hide(), SHOWN_FOR);
    });
  }

  hide() {
    if (this.toast.matches(":popover-open")) this.toast.hidePopover();
  }
}

// Whether a place can be seen where the page is scrolled to now.
function isSeen(place) {
  const box = place.getBoundingClientRect();
  if (!box.height || box.bottom < 8 || box.top > innerHeight - 8) return false;
  const under = document.elementFromPoint(Math.min(innerWidth - 1, Math.max(0, box.left + 4)), Math.min(innerHeight - 1, Math.max(0, box.top + box.height / 2)));
  return under !== null && (place.contains(under) || under.contains(place));
}
