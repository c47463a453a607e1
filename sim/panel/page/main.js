// The page: what the simulator tells is shown, what a person does is sent. Nothing is decided here.

import { Cabinet } from "./cabinet.js";
import { Connection } from "./connection.js";
import { h } from "./dom.js";
import { Journal } from "./journal.js";
import { Kiosk } from "./kiosk.js";
import { Orders } from "./orders.js";
import { People } from "./people.js";
import { say } from "./texts.js";

const NOTICE_MS = 5_000;
const at = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.connection = new Connection({
      setup: (message) => this.setUp(message),
      world: (message) => this.show(message),
      entries: ({ rows }) => this.journal.add(rows),
      refused: ({ why, ...about }) => this.notify(say(`refused.${why}`, about)),
      gone: () => this.mark("gone"),
    });
    this.mark("connecting");
  }

  /** First of all, and again after each new connection. Another simulator has another kiosk, which this page may not frame. */
  setUp(setup) {
    if (this.kiosk && this.kiosk.address !== setup.kiosk) location.reload();
    const clock = new Intl.DateTimeFormat("en-GB", { timeZone: setup.timezone, timeStyle: "medium" });
    const time = (utcMs) => clock.format(utcMs);
    const act = (message) => this.connection.send(message);
    document.title = say("panel.title", setup);
    this.state = h("p", { class: "state" });
    at("header").replaceChildren(h("h1", {}, say("panel.title", setup)), h("p", {}, say("panel.simulated", setup)), this.state);
    this.cabinet = new Cabinet(at("cabinet"), setup.boxes, act);
    this.people = new People(at("people"), { act, time, note: (code) => this.kiosk.keep(code) });
    this.orders = new Orders(at("orders"), act);
    this.journal = new Journal(at("journal"), time);
    this.kiosk ??= new Kiosk(at("kiosk"), setup.kiosk); // it reconnects by itself
    this.mark("live");
  }

  show(news) {
    if (news.cells) this.cabinet.update(news.cells);
    if (news.people || news.cells) this.people.update(news);
    this.orders.update(news);
  }

  mark(state) {
    document.documentElement.dataset.state = state;
    if (this.state) this.state.textContent = say(`panel.${state}`);
  }

  notify(text) {
    at("notice").textContent = text;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => { at("notice").textContent = ""; }, NOTICE_MS);
  }
}

new Page();
