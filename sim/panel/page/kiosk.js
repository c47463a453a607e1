// The real kiosk in its frame. Nothing types for a person: a note keeps the code in sight, and the keyboard goes to it.

import { h } from "./dom.js";
import { say } from "./texts.js";

export class Kiosk {
  constructor(section, address) {
    this.address = address;
    this.frame = h("iframe", { src: address, title: say("kiosk.frame") });
    this.note = h("p");
    section.replaceChildren(h("h2", {}, say("kiosk.title")), this.frame, this.note);
    this.forget();
  }

  /** Note a code below the screen. */
  keep(code) {
    this.note.className = "note";
    this.note.replaceChildren(h("span", {}, say("kiosk.note")), h("b", {}, code),
      h("button", { "aria-label": say("kiosk.forget"), onclick: () => this.forget() }, "×"));
    this.frame.focus();
  }

  forget() {
    this.note.className = "hint";
    this.note.replaceChildren(say("kiosk.how"));
  }
}
