// Which locker this is, how it does, the languages, and what one may take home.

import { Rows, h, set, word } from "./dom.js";
import { LANGUAGES, named, say } from "./texts.js";

const NAMES = { kk: "Қаз", ru: "Рус", en: "Eng" };
const FULL = { kk: "Қазақша", ru: "Русский", en: "English" };

export class Header {
  /** `turn(language)` and `save()` are what its buttons do. */
  constructor(element, setup, { turn, save }) {
    this.state = h("span", { class: "state" });
    this.health = h("ul", { class: "health", "aria-label": say("panel.health") });
    this.rows = new Rows(this.health, ({ name }) => name, ({ name }) => this.lamp(name));
    this.parts = {};
    this.languages = LANGUAGES.map((language) => h("button", {
      lang: language, title: FULL[language], "aria-pressed": String(language === document.documentElement.lang), onclick: () => turn(language),
    }, NAMES[language]));
    element.replaceChildren(
      h("h1", {}, say("panel.title", setup)), h("span", { class: "where" }, say("panel.simulated", setup)), this.state, this.health,
      h("div", { class: "right" },
        setup.console ? h("details", {}, h("summary", {}, say("panel.doors")), h("div", { class: "ways" },
          (setup.devices ?? []).map(({ bus, path, how }) => way(say("panel.bus", { bus, path }), how)), way(say("panel.console"), setup.console))) : null,
        h("button", { id: "save", title: say("panel.save.does"), onclick: save }, say("panel.save")),
        h("div", { class: "languages", role: "group", "aria-label": say("panel.language") }, this.languages)));
    this.mark("live");
  }

  lamp(name) {
    const state = h("span");
    const element = h("li", {}, h("i", { "aria-hidden": "true" }), state);
    return { element, update: ({ ok, text }) => { set(element, "data-ok", String(ok)); word(state, text); } };
  }

  update({ banks, disk, faults }) {
    if (banks) this.parts.banks = banks.map(({ name, state }) => ({ name: `bank ${name}`, ok: state === "online", text: say("panel.bank", { name, state: named("bank", state) }) }));
    if (disk !== undefined) this.parts.disk = [{ name: "disk", ok: disk, text: say(disk ? "panel.disk" : "panel.disk_bad") }];
    if (faults) this.parts.faults = faults.length ? [{ name: "faults", ok: false, text: say("panel.faults", { n: faults.length }) }] : [];
    if (banks || disk !== undefined || faults) this.rows.update(Object.values(this.parts).flat());
  }

  mark(state) {
    word(this.state, say(`panel.${state}`));
  }

  focus(language) {
    this.languages[LANGUAGES.indexOf(language)].focus();
  }
}

const way = (name, text) => h("p", {}, h("span", { class: "quiet" }, name), h("code", {}, text));
