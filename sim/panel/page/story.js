// The band above: the first minute step by step, and then the cards, each a story that the simulator plays with you.

import { awaited, next } from "./guide.js";
import { be, glow, h, set, word } from "./dom.js";
import { named, say } from "./texts.js";

const CARDS = ["plug", "offline", "three_days"];
const PATIENCE_MS = 15_000; // then the code glows again

const READ_MS = 2_200; // so long each step of a story stays, for whoever reads it

/** Steps come as fast as a machine; they are shown as fast as one reads. */
export class Reading {
  constructor(show) {
    Object.assign(this, { show, coming: [], busy: false });
  }

  hear(step) {
    this.coming.push(step);
    if (!this.busy) this.turn();
  }

  turn() {
    this.busy = this.coming.length > 0;
    if (!this.busy) return;
    this.show(this.coming.shift());
    setTimeout(() => this.turn(), READ_MS);
  }
}

export class Story {
  /** `act(message)` sends; `shine(glow)` lets parts of the page glow. */
  constructor(section, model, { act, shine }) {
    Object.assign(this, { model, act, shine, track: { waybill: null, brought: false, typed: null }, known: new Set() });
    this.bring = h("button", { id: "bring", class: "first", onclick: () => this.begin() }, say("guide.button"));
    this.title = h("h2");
    this.words = h("p", { role: "status", "aria-live": "polite" });
    this.dots = h("ol", { class: "dots", "aria-hidden": "true" });
    this.end = h("button", { class: "first", onclick: () => this.dismiss() }, say("story.end"));
    this.skip = h("button", { class: "quiet-button", onclick: () => { this.open = true; this.update(); } }, say("guide.skip"));
    this.cards = h("div", { class: "cards", role: "group", "aria-label": say("card.title") }, CARDS.map((name) => this.card(name)));
    section.replaceChildren(this.bring,
      h("div", { class: "telling" }, h("div", { class: "head" }, this.title, this.dots), this.words), this.end, this.skip, this.cards);
    this.open = false;
    this.update();
  }

  card(name) {
    return h("button", { class: "card", "data-card": name, onclick: () => this.act({ type: "card", name }) },
      h("b", {}, say(`card.${name}`)), h("span", {}, say(`card.${name}.about`)));
  }

  /** Where the guide is survives another language. */
  resume({ track, known, open }) {
    Object.assign(this, { track, known, open });
    this.update();
  }

  begin() {
    this.known = new Set(this.model.world.orders.map(({ waybill }) => waybill));
    this.track = { waybill: null, brought: true, typed: null };
    this.act({ type: "bring" });
    this.update();
  }

  /** Somebody did something: a code that is being typed needs no second finger. */
  did({ type, code }) {
    if (type !== "type") return;
    this.track.typed = code;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.forgive(), PATIENCE_MS);
    this.update();
  }

  /** The last thing was refused, or nothing came of it: it may be done again. */
  forgive() {
    this.track.typed = null;
    if (!this.track.waybill) this.track.brought = false;
    this.update();
  }

  dismiss() {
    this.model.story = null;
    this.update();
    this.bring.focus();
  }

  update() {
    if (this.track.brought && !this.track.waybill) {
      this.track.waybill = this.model.world.orders.find(({ waybill }) => !this.known.has(waybill))?.waybill ?? null;
    }
    const { story } = this.model;
    if (story) this.tell(story);
    else this.lead(next(this.model, this.track));
    for (const card of this.cards.children) {
      set(card, "aria-pressed", String(card.dataset.card === story?.name));
      be(card, "disabled", Boolean(story && story.state !== "done"));
    }
  }

  lead({ step, of, key, parameters, glow: shining }) {
    if (step >= 4) this.open = true;
    word(this.title, say(step < 4 ? "guide.title" : "guide.title_pickup"));
    this.show(key, parameters, step, of, { ...shining });
    be(this.skip, "hidden", this.open);
    be(this.cards, "hidden", !this.open);
    be(this.bring, "hidden", false);
    be(this.end, "hidden", true);
  }

  tell({ name, step, of, state, key, parameters = {} }) {
    const waits = state === "waiting";
    word(this.title, say(`card.${name}`));
    this.show(key, parameters, state === "done" ? of : step - 1, of, waits ? awaited(this.model, parameters) : {});
    be(this.bring, "hidden", true);
    be(this.skip, "hidden", true);
    be(this.cards, "hidden", true);
    be(this.end, "hidden", state !== "done");
    glow(this.end, state === "done");
  }

  show(key, parameters, step, of, shining) {
    const person = parameters.person && named("person", parameters.person);
    word(this.words, say(key, { ...parameters, ...(person && { person }) }));
    while (this.dots.childElementCount < of) this.dots.append(h("li"));
    while (this.dots.childElementCount > of) this.dots.lastElementChild.remove();
    [...this.dots.children].forEach((dot, index) => set(dot, "class", index < step ? "past" : index === step ? "now" : ""));
    glow(this.bring, Boolean(shining.bring));
    this.shine(shining);
  }
}
