// The keypad: the digits live here and nowhere else, and the last one submits.
//
// What is asked for has groups of digits: a code, or a code and then the last digits of a phone number.

import { h } from "./dom.js";
import { eraseIcon } from "./pictures.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "corner", "0", "erase"];

export class Keypad {
  /** `submit(digits)` is called with all of them; then the keypad is deaf until `clear`. */
  constructor(submit) {
    this.submit = submit;
    this.digits = "";
    this.submitted = false;
    this.groups = [];
  }

  /** Ask for groups of so many digits each, in this order; what was typed for another question is gone. */
  ask(groups) {
    if (groups.join() === this.groups.join()) return;
    this.groups = groups;
    this.length = groups.reduce((sum, digits) => sum + digits);
    this.slots = null; // until `element` makes as many
    this.clear();
  }

  clear() {
    this.digits = "";
    this.submitted = false;
    this.paint();
  }

  /** Submit the same once more. */
  again() {
    this.submit(this.digits);
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
    const slots = this.groups.flatMap((digits) => Array.from({ length: digits }, (_, index) => index));
    this.slots = h("div", { class: "slots", role: "img" },
      slots.map((index) => h("span", { class: index === 0 ? "group" : null })));
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
