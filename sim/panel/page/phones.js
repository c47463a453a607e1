// Everybody's phone and hands: messages with codes, the buyer's app, and what somebody carries.

import { App } from "./app.js";
import { Camera } from "./camera.js";
import { draggable } from "./drag.js";
import { be, glow, h, Rows, set } from "./dom.js";
import { say, time } from "./texts.js";

const LINK = /https?:\/\/\S+\/q\/([^/\s]+)\/\S+$/; // this page's own server answers for its host

export class Phones {
  /** `apps`: person → token; `act(message)` sends what a person does, `note(code)` notes a code at the kiosk. */
  constructor(section, apps, deeds) {
    Object.assign(this, deeds, { apps, phones: new Map(), world: { people: [], cells: [], orders: [], qr: null, camera: null, barcodes: false } });
    this.list = h("div", { class: "phones" });
    section.replaceChildren(h("h2", { class: "unseen" }, say("people.title")), this.list);
    this.rows = new Rows(this.list, ({ id }) => id, ({ id }) => {
      const phone = new Phone(id, this);
      this.phones.set(id, phone);
      return phone;
    });
  }

  update(news) {
    const { people, cells, orders, qr, camera, barcodes } = news;
    if (qr !== undefined) this.world.qr = qr;
    if (barcodes !== undefined) this.world.barcodes = barcodes;
    if (camera !== undefined) this.see(camera);
    if (!people && !cells && !orders && barcodes === undefined) return;
    Object.assign(this.world, Object.fromEntries(Object.entries({ people, cells, orders }).filter(([, value]) => value)));
    this.rows.update(this.world.people);
  }

  /** `camera.held`: whose phone is before it; null: the locker has none. */
  see(camera) {
    this.world.camera = camera;
    for (const phone of this.phones.values()) phone.see(camera);
  }

  /** The phones are put away: whoever has them asks no more. */
  hang() {
    for (const { app, camera } of this.phones.values()) {
      app?.line.abort();
      camera?.show(false);
    }
  }

  /** Let parts of phones glow: `{sms: code, put: waybill}`. */
  glow({ sms = null, put = null }) {
    for (const phone of this.phones.values()) phone.glow(sms, put);
  }
}

class Phone {
  constructor(id, page) {
    Object.assign(this, { id, page, count: 0, next: {} });
    this.app = page.apps[id] ? new App(page.apps[id], () => page.world.qr, (...how) => this.hold(...how)) : null;
    this.camera = this.app && new Camera(() => page.act({ type: "hold", person: id, on: false }), (way) => this.hold(page.world.camera.parcel, way, page.world.camera.source));
    this.sms = h("ol", { class: "sms-list", tabindex: "0", "aria-label": say("people.sms_of", { person: say(`person.${id}`) }) });
    this.held = h("div", { class: "held-list" });
    this.nothing = h("span", { class: "quiet" }, say("people.nothing"));
    this.silent = h("p", { class: "quiet empty" }, say("people.no_sms"));
    this.tabs = (this.app ? ["sms", "app", "kaspi"] : []).map((name) => h("button", {
      class: "tab", "data-tab": name, "aria-pressed": String(name === "sms"), onclick: () => this.turn(name),
    }, name === "kaspi" ? "Kaspi" : say(`people.${name}`)));
    this.head = h("header", {}, h("i", { class: "face", "aria-hidden": "true" }, say(`person.${id}`)[0]), h("h3", {}, say(`person.${id}`)), this.tabs.length ? h("div", { class: "tabs-of" }, this.tabs) : null);
    this.element = h("article", { class: "person", "data-person": id, "aria-label": say(`person.${id}`) }, this.head, this.camera?.element,
      this.silent, this.sms, this.app && [this.app.mine, this.app.purse],
      h("footer", {}, h("span", { class: "quiet" }, say("people.hands")), this.nothing, this.held));
    this.messages = new Rows(this.sms, (sms) => `${sms.utc_ms} ${sms.text}`, (sms) => this.message(sms));
    this.hands = new Rows(this.held, (waybill) => waybill, (waybill) => this.carried(waybill));
    if (this.app) draggable(this.head, { what: () => "QR", over: "[data-camera]", may: () => page.world.camera !== null, dropped: () => this.hold() });
    this.see(page.world.camera);
  }

  /** Hold the phone to the camera, with the code of this parcel, or of any; in this way, or well; from the app, or from `source`. */
  hold(parcel, way, source) {
    this.page.act({ type: "hold", person: this.id, ...(parcel && { parcel }), ...(way && { way }), ...(source && { source }) });
  }

  see(camera) {
    this.element.classList.toggle("blind", camera === null);
    if (!this.app) return;
    set(this.head, "title", camera ? say("camera.drag") : null);
    this.head.classList.toggle("draggable", camera !== null);
    this.camera.show(camera?.held === this.id, camera?.way);
    this.app.lookOut(camera !== null);
  }

  turn(name) {
    for (const tab of this.tabs) set(tab, "aria-pressed", String(tab.dataset.tab === name));
    be(this.sms, "hidden", name !== "sms");
    if (this.app) {
      be(this.app.mine, "hidden", name !== "app");
      be(this.app.purse, "hidden", name === "sms");
      this.app.purse.classList.toggle("brief", name === "app");
    }
    be(this.silent, "hidden", name !== "sms" || this.count > 0);
  }

  update({ phone, hands }) {
    this.messages.update(phone);
    if (phone.length > this.count) {
      requestAnimationFrame(() => { this.sms.scrollTop = this.sms.scrollHeight; }); // once it has a height
    }
    this.count = phone.length;
    be(this.silent, "hidden", this.count > 0 || this.sms.hidden);
    this.hands.update(hands);
    be(this.nothing, "hidden", hands.length > 0);
    this.glow(this.next.sms, this.next.put);
  }

  /** The message as it came, its code large enough to be read across the page. */
  message({ text, utc_ms, code }) {
    const [link = "", parcel] = text.match(LINK) ?? [];
    const words = text.slice(0, text.length - link.length);
    const [before, after] = code ? words.split(code, 2) : [words, ""];
    const element = h("li", { class: "sms" },
      h("p", { lang: "ru" }, before, code ? h("button", {
        class: "code", "data-code": code, lang: document.documentElement.lang, title: say("people.note"),
        "aria-label": say("people.code", { code: [...code].join(" ") }), onclick: () => this.page.note(code),
      }, code) : null, after, link ? h("a", { href: `/api${new URL(link).pathname}`, target: "_blank", rel: "noopener" }, link) : null),
      h("p", { class: "under" }, h("time", {}, time(utc_ms)), code ? h("button", {
        class: "type", "data-type": code, onclick: () => this.page.act({ type: "type", person: this.id, code }),
      }, say("people.type")) : null, link ? h("button", {
        class: "link", "data-link": parcel, onclick: () => this.hold(decodeURIComponent(parcel), null, "sms"),
      }, say("people.link")) : null));
    return { element };
  }

  /** Something in hand: it goes into the cell that is open for it, or into any other open one. */
  carried(waybill) {
    const buttons = h("span", { class: "into" });
    const into = new Rows(buttons, (cell) => cell, (cell) => ({ element: h("button", {
      "data-put": waybill, "aria-label": say("people.put_label", { parcel: waybill, cell }),
      onclick: () => this.page.act({ type: "put", cell, parcel: waybill }),
    }, say("people.put", { cell })) }));
    const read = () => this.page.act({ type: "scan", parcel: waybill });
    const scan = h("button", { "data-scan": waybill, "aria-label": say("scanner.read_label", { parcel: waybill }), onclick: read }, say("scanner.read"));
    const update = () => {
      be(scan, "hidden", !this.page.world.barcodes);
      const open = this.page.world.cells.filter((cell) => cell.open && !cell.parcel).map((cell) => cell.number);
      const own = this.page.world.orders.find((order) => order.waybill === waybill)?.cell;
      into.update(open.sort((a, b) => Number(b === own) - Number(a === own)));
    };
    const element = h("span", { class: "held", "data-parcel": waybill,
      onclick: (event) => event.target.closest("button") ?? buttons.querySelector("button")?.click() }, h("b", {}, waybill), buttons, scan);
    draggable(element, { what: () => waybill, over: "[data-cell], [data-camera]",
      dropped: ({ dataset: { cell } }) => (cell ? this.page.act({ type: "put", cell: Number(cell), parcel: waybill }) : scan.hidden || read()) });
    return { element, update };
  }

  glow(sms, put) {
    for (const button of this.sms.querySelectorAll(".type")) {
      const here = button.dataset.type === sms;
      glow(button, here);
      if (here && sms !== this.next.sms) this.turn("sms"); // once: whoever turns away has seen it
    }
    this.next = { sms, put };
    for (const held of this.held.children) {
      const first = held.querySelector("button");
      if (first) glow(first, held.dataset.parcel === put);
    }
  }
}
