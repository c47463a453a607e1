// The real kiosk in its frame. Nothing types for a person: a note keeps the code in sight, and the keyboard goes to the kiosk.

import { h } from "./dom.js";
import { say } from "./texts.js";

export class Kiosk {
  constructor(section, address) {
    this.frame = h("iframe", { src: address, title: say("kiosk.frame") });
    this.note = h("p", { class: "note", hidden: "" });
    section.replaceChildren(h("h2", {}, say("kiosk.title")), this.note, this.frame);
  }

  /** Note a code above the screen. */
  keep(code) {
    this.note.replaceChildren(h("span", {}, say("kiosk.note")), h("b", {}, code),
      h("button", { "aria-label": say("kiosk.unpin"), onclick: () => { this.note.hidden = true; } }, "×"));
    this.note.hidden = false;
    this.frame.focus();
  }
}
