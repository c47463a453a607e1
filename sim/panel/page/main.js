// The page: what the simulator tells is shown, what a person does is sent. Nothing is decided here.

import { Cabinet } from "./cabinet.js";
import { Connection } from "./connection.js";
import { Dock } from "./dock.js";
import { Frame } from "./frame.js";
import { Header } from "./header.js";
import { Journal } from "./journal.js";
import { Kiosk } from "./kiosk.js";
import { Model } from "./model.js";
import { Phones } from "./phones.js";
import { Reading, Story } from "./story.js";
import { Time } from "./time.js";
import { Xray } from "./xray.js";
import { download, word } from "./dom.js";
import { has, remember, say, speak, useZone, wantedLanguage } from "./texts.js";

const NOTICE_MS = 6_000;
const PANELS = ["xray", "states", "faults", "journal", "orders"];
// Panels that are fetched when somebody turns to them: most visits do not.
const LATER = {
  states: async (page) => new (await import("./states.js")).States(at("states"), page.model.setup.tables ?? [], page.light),
  faults: async (page) => new (await import("./faults.js")).Faults(at("faults"), page.model.setup, page.picked, page.act),
  orders: async (page) => new (await import("./orders.js")).Orders(at("orders"), page),
};
const at = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.hearing = {
      setup: (message) => this.setUp(message),
      world: (message) => this.show(this.model.take(message)),
      entries: ({ rows }) => { this.model.addEntries(rows); this.tellOf(rows); },
      line: (line) => this.xray.add(this.model.addLine(line)),
      story: (step) => this.reading.hear(step),
      refused: ({ why, ...about }) => this.refuse(why, about),
      saved: ({ name, text }) => download(name, text, "text/plain"),
    };
    this.reading = new Reading((step) => { this.model.story = step; this.story.update(); });
    this.frame = new Frame((messages) => messages.forEach((message) => this.hearing[message.type]?.(message)));
    this.connection = new Connection((message) => this.frame.add(message), () => this.mark("gone"));
    this.act = (message) => { this.connection.send(message); this.story?.did(message); };
    this.light = (cells) => this.cabinet.light(cells);
  }

  /** First of all, and again after each new connection. Another simulator has another kiosk, which this page may not frame. */
  setUp(setup) {
    if (this.kiosk && this.kiosk.address !== setup.kiosk) location.reload();
    this.model = new Model(setup);
    useZone(setup.timezone);
    this.kiosk ??= new Kiosk(at("kiosk"), setup.kiosk); // it reconnects by itself
    this.build();
    this.mark("live");
  }

  /** All parts in the language of now; what they show is the model's. */
  build() {
    const { model, act, light } = this;
    const { setup } = model;
    const panel = this.dock?.name;
    document.title = say("panel.title", setup);
    this.header = new Header(at("header"), setup, { turn: (language) => this.turn(language), save: () => act({ type: "save" }) });
    this.cabinet = new Cabinet(at("cabinet"), setup.boxes, { act, picked: (number) => { this.picked = number; this.later.faults?.pick(number); } });
    this.phones?.hang();
    this.phones = new Phones(at("people"), setup.apps ?? {}, { act, note: (code) => this.kiosk.keep(code) });
    this.dock = new Dock(at("dock"), PANELS, (name) => this.turnTo(name));
    this.xray = new Xray(at("xray"), model, { light });
    this.later = {}; // by name, what somebody has turned to
    this.journal = new Journal(at("journal"), light);
    this.time = new Time(at("time"), act);
    this.story = this.storyAgain();
    this.kiosk.translate();
    this.tellOf(model.entries);
    this.show(model.world);
    if (panel) this.dock.show(panel);
  }

  /** What was hidden has no height to scroll in, and draws nothing. */
  turnTo(name) {
    if (name in LATER && !this.later?.[name]) this.fetch(name);
    this.later?.states?.show(name === "states");
    if (name === "journal") this.journal?.toEnd();
    if (name === "xray") this.xray?.toEnd();
  }

  /** Where its script cannot be had, somebody turns to it once more. */
  async fetch(name) {
    const { model, later } = this;
    const panel = await LATER[name](this).catch(() => null);
    if (!panel || later !== this.later || later[name]) return;
    later[name] = panel;
    panel.update(model.world);
    panel.show?.(this.dock.name === name);
  }

  tellOf(rows) {
    this.journal.add(rows);
    this.time.axis.add(rows);
  }

  storyAgain() {
    const { story } = this;
    const again = new Story(at("story"), this.model, { act: this.act, shine: (glow) => { this.cabinet.glow(glow); this.phones.glow(glow); } });
    if (story) again.resume(story);
    return again;
  }

  async turn(language) {
    await speak(language);
    remember(language);
    const { state } = document.documentElement.dataset;
    this.build();
    this.mark(state);
    this.header.focus(language);
  }

  show(news) {
    for (const part of [this.header, this.cabinet, this.phones, this.time, ...Object.values(this.later)]) part?.update(news);
    this.story.update();
  }

  mark(state) {
    document.documentElement.dataset.state = state;
    this.header?.mark(state);
    if (state === "gone") this.phones?.hang();
  }

  refuse(why, about) {
    this.story.forgive();
    this.notify(say(has(`refused.${why}`) ? `refused.${why}` : "refused.other", { why, ...about }));
  }

  notify(text) {
    word(at("notice"), text);
    clearTimeout(this.fading);
    this.fading = setTimeout(() => word(at("notice"), ""), NOTICE_MS);
  }
}

await speak(wantedLanguage());
word(at("header"), say("panel.connecting"));
new Page();
