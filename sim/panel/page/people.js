// Everybody's phone and hands. A code in a message can be noted at the kiosk; a parcel in hand goes into an open cell.

import { h } from "./dom.js";
import { say } from "./texts.js";

export class People {
  /** `act(message)` sends what a person does, `note(code)` notes a code at the kiosk, `time(utcMs)` names a moment. */
  constructor(section, { act, note, time }) {
    Object.assign(this, { section, act, note, time, people: [], cells: [] });
  }

  update({ people = this.people, cells = this.cells }) {
    Object.assign(this, { people, cells });
    const focus = document.activeElement?.dataset?.key;
    this.section.replaceChildren(h("h2", {}, say("people.title")), ...people.map((person) => this.card(person)));
    for (const phone of this.section.querySelectorAll(".phone")) phone.scrollTop = phone.scrollHeight;
    if (focus) this.section.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  }

  card({ id, phone, hands }) {
    return h("article", { class: "person", "data-person": id },
      h("h3", {}, say(`person.${id}`)),
      h("ol", { class: "phone", tabindex: phone.length ? "0" : null, "aria-label": say(`person.${id}`) },
        phone.length ? phone.map((sms) => this.sms(sms)) : h("li", { class: "quiet" }, say("people.no_sms"))),
      h("div", { class: "hands" }, h("span", { class: "quiet" }, say("people.hands")),
        hands.length ? hands.map((parcel) => this.held(parcel)) : h("span", { class: "quiet" }, say("people.nothing"))));
  }

  /** The message as it came, its code large enough to be read across the page. */
  sms({ text, utc_ms, code }) {
    const [before, after] = code === null ? [text, ""] : text.split(code, 2);
    return h("li", { class: "sms", lang: "ru" }, before,
      code === null ? null : h("button", {
        class: "code", "data-key": `code ${code}`, "data-code": code, lang: "en",
        "aria-label": say("people.code", { code: [...code].join(" ") }), onclick: () => this.note(code),
      }, code),
      after, h("time", { lang: "en" }, this.time(utc_ms)));
  }

  held(parcel) {
    const open = this.cells.filter((cell) => cell.open && cell.parcel === undefined);
    return h("span", { class: "held", "data-parcel": parcel }, h("b", {}, parcel), open.map(({ number: cell }) => h("button", {
      "data-key": `put ${parcel} ${cell}`, "aria-label": say("people.put_label", { parcel, cell }),
      onclick: () => this.act({ type: "put", cell, parcel }),
    }, say("people.put", { cell }))));
  }
}
