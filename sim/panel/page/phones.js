// Everybody's phone and hands: messages with codes, the app's list of parcels, and what somebody carries.

import { draggable } from "./drag.js";
import { be, glow, h, Rows, set, word } from "./dom.js";
import { has, named, say, time } from "./texts.js";

const COURIER = "courier";
const APP = "app.open"; // the line of the x-ray that a press in the app begins
const AGAIN = "opened"; // a parcel in this state can be had once more: its window runs

export class Phones {
  /** `act(message)` sends what a person does, `note(code)` notes a code at the kiosk, `light(cells)` shows where. */
  constructor(section, deeds) {
    Object.assign(this, deeds, { phones: new Map(), world: { people: [], cells: [], orders: [], parcels: [] } });
    this.list = h("div", { class: "phones" });
    section.replaceChildren(h("h2", { class: "unseen" }, say("people.title")), this.list);
    this.rows = new Rows(this.list, ({ id }) => id, ({ id }) => {
      const phone = new Phone(id, this);
      this.phones.set(id, phone);
      return phone;
    });
  }

  update(news) {
    const { people, cells, orders, parcels } = news;
    if (!people && !cells && !orders && !parcels) return;
    Object.assign(this.world, Object.fromEntries(Object.entries({ people, cells, orders, parcels }).filter(([, value]) => value)));
    this.rows.update(this.world.people);
  }

  /** What the locker answered to «Открыть ячейку» stands in the line that the touch began. */
  hear({ who, text_key: key, parameters, parts = [] }) {
    const outcome = parts.findLast(({ part }) => part === "told")?.parameters.outcome;
    if (key === APP && outcome) this.phones.get(who)?.answer(parameters.parcel, outcome);
  }

  /** Let parts of phones glow: `{sms: code, put: waybill}`. */
  glow({ sms = null, put = null }) {
    for (const phone of this.phones.values()) phone.glow(sms, put);
  }
}

class Phone {
  constructor(id, page) {
    Object.assign(this, { id, page, count: 0, answers: new Map(), next: {} });
    this.sms = h("ol", { class: "sms-list", tabindex: "0", "aria-label": say("people.sms_of", { person: say(`person.${id}`) }) });
    this.app = h("ul", { class: "app", hidden: "" });
    this.held = h("div", { class: "held-list" });
    this.nothing = h("span", { class: "quiet" }, say("people.nothing"));
    this.silent = h("p", { class: "quiet empty" }, say("people.no_sms"));
    this.tabs = id === COURIER ? [] : ["sms", "app"].map((name) => h("button", {
      class: "tab", "data-tab": name, "aria-pressed": String(name === "sms"), onclick: () => this.turn(name),
    }, say(`people.${name}`)));
    this.element = h("article", { class: "person", "data-person": id, "aria-label": say(`person.${id}`) },
      h("header", {}, h("i", { class: "face", "aria-hidden": "true" }, say(`person.${id}`)[0]), h("h3", {}, say(`person.${id}`)), this.tabs.length ? h("div", { class: "tabs-of" }, this.tabs) : null),
      this.silent, this.sms, this.app,
      h("footer", {}, h("span", { class: "quiet" }, say("people.hands")), this.nothing, this.held));
    this.messages = new Rows(this.sms, (sms) => `${sms.utc_ms} ${sms.text}`, (sms) => this.message(sms));
    this.parcels = new Rows(this.app, ({ waybill }) => waybill, (order) => this.parcel(order));
    this.hands = new Rows(this.held, (waybill) => waybill, (waybill) => this.carried(waybill));
  }

  turn(name) {
    for (const tab of this.tabs) set(tab, "aria-pressed", String(tab.dataset.tab === name));
    be(this.sms, "hidden", name !== "sms");
    be(this.app, "hidden", name !== "app");
    be(this.silent, "hidden", name !== "sms" || this.count > 0);
  }

  update({ phone, hands }) {
    this.messages.update(phone);
    if (phone.length > this.count) {
      if (this.count) this.turn("sms");
      requestAnimationFrame(() => { this.sms.scrollTop = this.sms.scrollHeight; }); // once it has a height
    }
    this.count = phone.length;
    be(this.silent, "hidden", this.count > 0 || this.sms.hidden);
    this.parcels.update(this.page.world.orders.filter(({ person }) => person === this.id).toReversed());
    this.hands.update(hands);
    be(this.nothing, "hidden", hands.length > 0);
    this.glow(this.next.sms, this.next.put);
  }

  /** The message as it came, its code large enough to be read across the page. */
  message({ text, utc_ms, code }) {
    const [before, after] = code ? text.split(code, 2) : [text, ""];
    const element = h("li", { class: "sms" },
      h("p", { lang: "ru" }, before, code ? h("button", {
        class: "code", "data-code": code, lang: document.documentElement.lang, title: say("people.note"),
        "aria-label": say("people.code", { code: [...code].join(" ") }), onclick: () => this.page.note(code),
      }, code) : null, after),
      h("p", { class: "under" }, h("time", {}, time(utc_ms)), code ? h("button", {
        class: "type", "data-type": code, onclick: () => this.page.act({ type: "type", person: this.id, code }),
      }, say("people.type")) : null));
    return { element };
  }

  /** One of «Мои отправления»: waybill, state, and the button that sends a signed command. */
  parcel({ waybill }) {
    const state = h("span", { class: "stage" });
    const told = h("span", { class: "told", role: "status" });
    const open = h("button", { onclick: () => this.page.act({ type: "app", person: this.id, parcel: waybill, verb: "open" }) });
    const element = h("li", { "data-app": waybill }, h("b", {}, waybill), state, open, told);
    const update = ({ stage, cell }) => {
      const at = this.page.world.parcels.find((parcel) => parcel.waybill === waybill)?.state;
      const again = at === AGAIN;
      word(state, say("people.app_row", { cell, state: at && has(`parcel.${at}`) ? say(`parcel.${at}`) : named("stage", stage) }));
      word(open, say(again ? "people.open_again" : "people.open"));
      be(open, "hidden", stage !== "stored" && !again);
      word(told, this.answers.has(waybill) ? named("outcome", this.answers.get(waybill)) : "");
    };
    return { element, update };
  }

  answer(parcel, outcome) {
    this.answers.set(parcel, outcome);
    this.parcels.update(this.page.world.orders.filter(({ person }) => person === this.id).toReversed());
  }

  /** Something in hand: it goes into the cell that is open for it, or into any other open one. */
  carried(waybill) {
    const buttons = h("span", { class: "into" });
    const into = new Rows(buttons, (cell) => cell, (cell) => ({ element: h("button", {
      "data-put": waybill, "aria-label": say("people.put_label", { parcel: waybill, cell }),
      onclick: () => this.page.act({ type: "put", cell, parcel: waybill }),
    }, say("people.put", { cell })) }));
    const update = () => {
      const open = this.page.world.cells.filter((cell) => cell.open && !cell.parcel).map((cell) => cell.number);
      const own = this.page.world.orders.find((order) => order.waybill === waybill)?.cell;
      into.update(open.sort((a, b) => Number(b === own) - Number(a === own)));
    };
    const element = h("span", { class: "held", "data-parcel": waybill,
      onclick: (event) => event.target.closest("button") ?? buttons.querySelector("button")?.click() }, h("b", {}, waybill), buttons);
    draggable(element, { what: () => waybill, over: "[data-cell]",
      dropped: ({ dataset }) => this.page.act({ type: "put", cell: Number(dataset.cell), parcel: waybill }) });
    return { element, update };
  }

  glow(sms, put) {
    this.next = { sms, put };
    for (const button of this.sms.querySelectorAll(".type")) glow(button, button.dataset.type === sms);
    for (const held of this.held.children) {
      const first = held.querySelector("button");
      if (first) glow(first, held.dataset.parcel === put);
    }
  }
}
