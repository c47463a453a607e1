// The page: what the simulator tells is shown, what a person does is sent. Nothing is decided here.

import { Cabinet } from "./cabinet.js";
import { Connection } from "./connection.js";
import { Dock } from "./dock.js";
import { Faults } from "./faults.js";
import { Frame } from "./frame.js";
import { Header } from "./header.js";
import { Journal } from "./journal.js";
import { Kiosk } from "./kiosk.js";
import { Model } from "./model.js";
import { Orders } from "./orders.js";
import { Phones } from "./phones.js";
import { Reading, Story } from "./story.js";
import { Time } from "./time.js";
import { Xray } from "./xray.js";
import { download, word } from "./dom.js";
import { has, remember, say, speak, useZone, wantedLanguage } from "./texts.js";

const NOTICE_MS = 6_000;
const PANELS = ["xray", "states", "faults", "journal", "orders"];
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
    this.cabinet = new Cabinet(at("cabinet"), setup.boxes, { act, picked: (number) => this.faults.pick(number) });
    this.phones?.hang();
    this.phones = new Phones(at("people"), setup.apps ?? {}, { act, note: (code) => this.kiosk.keep(code) });
    this.dock = new Dock(at("dock"), PANELS, (name) => this.turnTo(name));
    this.xray = new Xray(at("xray"), model, { light });
    this.states = null; // until somebody turns to them
    this.faults = new Faults(at("faults"), setup.faults ?? [], setup.boxes, act);
    this.journal = new Journal(at("journal"), light);
    this.orders = new Orders(at("orders"), { act, light });
    this.time = new Time(at("time"), act);
    this.story = this.storyAgain();
    this.kiosk.translate();
    this.tellOf(model.entries);
    this.show(model.world);
    if (panel) this.dock.show(panel);
  }

  /** What was hidden has no height to scroll in, and draws nothing. */
  turnTo(name) {
    if (name === "states" && !this.states) this.draw();
    this.states?.show(name === "states");
    if (name === "journal") this.journal?.toEnd();
    if (name === "xray") this.xray?.toEnd();
  }

  /** The drawings of the tables, fetched when somebody wants to see them: most visits do not. */
  async draw() {
    const { model, light } = this;
    const { States } = await import("./states.js");
    if (this.states || this.model !== model) return;
    this.states = new States(at("states"), model.setup.tables ?? [], light);
    this.states.update(model.world);
    this.states.show(this.dock.name === "states");
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
    for (const part of [this.header, this.cabinet, this.phones, this.states, this.faults, this.orders, this.time]) part?.update(news);
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
