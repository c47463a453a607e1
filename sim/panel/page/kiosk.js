// The real kiosk in its frame. A note keeps a code in sight for whoever types it, and the keyboard goes to the screen.

import { h } from "./dom.js";
import { say } from "./texts.js";

export class Kiosk {
  constructor(section, address) {
    this.address = address;
    this.title = h("h2");
    this.frame = h("iframe", { src: address });
    this.note = h("p");
    section.replaceChildren(this.title, h("div", { class: "bezel", "data-camera": "" }, this.frame), this.note);
    this.translate();
  }

  /** The frame stays, whatever the language of the page. */
  translate() {
    this.title.textContent = say("kiosk.title");
    this.frame.title = say("kiosk.frame");
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
