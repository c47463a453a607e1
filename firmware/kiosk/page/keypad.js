// The keypad: the digits live here and nowhere else, and the last one submits.

import { h } from "./dom.js";
import { eraseIcon } from "./pictures.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "corner", "0", "erase"];

export class Keypad {
  /** `submit(code)` is called once with all digits; then the keypad is deaf until `clear`. */
  constructor(length, submit) {
    this.length = length;
    this.submit = submit;
    this.digits = "";
    this.submitted = false;
  }

  clear() {
    this.digits = "";
    this.submitted = false;
    this.paint();
  }

  /** A key as the keyboard names it; whether it was one of ours. */
  press(key) {
    if (key === "Backspace" || key === "erase") return this.change(this.digits.slice(0, -1));
    if (/^[0-9]$/.test(key)) return this.change(this.digits + key);
    return false;
  }

  change(digits) {
    if (this.submitted || digits.length > this.length) return true;
    this.digits = digits;
    this.submitted = digits.length === this.length;
    this.paint();
    if (this.submitted) this.submit(digits);
    return true;
  }

  /** The elements, in the language of `texts`; `corner` goes where a telephone has its star. */
  element(texts, corner) {
    this.texts = texts;
    this.slots = h("div", { class: "slots", role: "img" }, Array.from({ length: this.length }, () => h("span")));
    const keys = KEYS.map((key) => {
      if (key === "corner") return h("span", {}, corner);
      const label = key === "erase" ? { "aria-label": texts.say("keypad.erase") } : {};
      return h("button", { class: "key", "data-key": key, ...label, onclick: () => this.press(key) },
        key === "erase" ? eraseIcon() : key);
    });
    this.paint();
    return h("div", { class: "keypad" }, this.slots, h("div", { class: "keys" }, keys));
  }

  paint() {
    if (!this.slots) return;
    [...this.slots.children].forEach((slot, index) => {
      slot.textContent = this.digits[index] ?? "";
      slot.classList.toggle("next", index === this.digits.length);
    });
    this.slots.setAttribute("aria-label",
      this.texts.say("keypad.typed", { n: this.digits.length, total: this.length }));
    this.slots.classList.toggle("sent", this.submitted);
  }
}
