// Elements for a description of screens.js. What changes with the clock is painted by `tick`, the rest once.

import { drawCabinet } from "./cabinet.js";
import { h } from "./dom.js";
import { drawCode } from "./code.js";
import { picture, reachIcon } from "./pictures.js";
import { MORE_TIME_FROM_MS, moreTime } from "./screens.js";
import { LANGUAGES } from "./texts.js";

export class View {
  /** `hands`: press(button), speak(language), reach(), and the keypad. */
  constructor(layout, catalogues, hands) {
    this.layout = layout;
    this.catalogues = catalogues;
    this.hands = hands;
    this.header = document.getElementById("header");
    this.main = document.getElementById("screen");
    this.spoken = document.getElementById("spoken");
    this.time = document.getElementById("time");
    this.name = "";
  }

  /** Show `screen`, described by `description`, in `language`; `left` milliseconds until it changes. `beside`: its `qr` code,
   * or null, the `hint` to whoever holds a code before the camera, and whether the camera's `ring` has to be told of. */
  show(screen, description, language, left, beside) {
    this.texts = this.catalogues[language];
    this.beside = beside;
    this.moving = [];
    document.documentElement.lang = language;
    document.documentElement.dataset.screen = screen.name;
    const idle = screen.name === "idle";
    const spoken = idle ? this.together(language) : [this.texts];
    this.top = () => this.header.replaceChildren(this.whose(description), ...this.tools(description), ...this.ring(spoken));
    this.scene = () => this.drawScene(screen, description, spoken);
    this.hinted = description.hinted;
    this.top();
    this.main.replaceChildren(
      this.stage(screen),
      idle ? this.greeting(description, language) : this.words(description),
      this.controls(description, idle, language),
    );
    this.run(left);
    this.enter(screen.name);
    const heading = this.main.querySelector("h1").innerText;
    if (this.spoken.textContent !== heading) this.spoken.textContent = heading;
    this.spoken.lang = language;
  }

  /** The same screen with something else beside it: nothing more is touched, so that typed digits and the focus stay. */
  renew(beside) {
    const { qr, hint, ring } = this.beside;
    const hinted = this.hinted && hint !== beside.hint;
    this.beside = beside;
    if (ring !== beside.ring) this.top();
    if (hinted) this.main.querySelector(".hint").textContent = this.texts.say(`hint.${beside.hint}`);
    if (!hinted && qr?.path === beside.qr?.path) return;
    const scene = this.main.querySelector(".scene");
    const focused = scene.contains(document.activeElement);
    scene.replaceWith(this.scene());
    if (focused) this.main.querySelector(".scene button").focus();
  }

  /** Paint what depends on the milliseconds left. */
  tick(left) {
    for (const paint of this.moving) paint(left);
  }

  enter(name) {
    if (name === this.name) return;
    this.name = name;
    if (document.hasFocus()) document.body.focus({ preventScroll: true }); // the keyboard begins at the top of what is new
    this.main.classList.add("entering"); // a double tap must not press what has just come under the finger
    setTimeout(() => this.main.classList.remove("entering"), 250);
  }

  run(left) {
    this.time.replaceChildren();
    if (left === null) return;
    const bar = h("i");
    bar.style.animationDuration = `${left}ms`;
    this.time.append(bar);
  }

  whose(description) {
    const { locker, address } = this.layout;
    return h("p", { class: description.locker ? "whose large" : "whose" },
      h("strong", {}, this.texts.say("locker.name", { id: locker })), h("span", { lang: "ru" }, address));
  }

  tools(description) {
    if (!description.languages) return [];
    const low = document.documentElement.dataset.reach === "low";
    return [h("nav", { "aria-label": this.texts.say("language.choose") },
      LANGUAGES.map((language) => h("button", {
        class: "language", lang: language, "data-language": language,
        "aria-pressed": String(language === this.texts.language), onclick: () => this.hands.speak(language),
      }, this.catalogues[language].name)),
      h("button", {
        class: "reach", "aria-label": this.texts.say(low ? "reach.up" : "reach.down"), onclick: () => this.hands.reach(),
      }, reachIcon(low)))];
  }

  /** As long as the scanner keeps what its camera has seen, everybody who stands here is told. */
  ring(spoken) {
    return this.beside.ring ? [h("div", { class: "ring" }, spoken.slice(0, 2).map((texts) => h("p", { lang: texts.language }, texts.say("ring.on"))))] : [];
  }

  stage(screen) {
    return h("section", { class: "stage" }, this.scene(), screen.actions.includes("more_time") ? this.offer() : null);
  }

  drawScene(screen, description, spoken) {
    const { qr, hint } = this.beside;
    const idle = screen.name === "idle";
    const marked = description.cells ?? [];
    const code = qr && drawCode(qr, spoken, screen.camera ? "scan.by_phone" : "scan.how");
    const alt = marked.length ? this.texts.say("cabinet.alt_cells", { cells: marked }) : this.texts.say("cabinet.alt");
    return h("div", { class: "scene" },
      description.way ? this.way(description.way) : description.hinted ? picture(hint === "none" ? "scan" : `scan_${hint}`)
        : description.picture ? picture(description.picture) : null,
      idle || marked.length ? drawCabinet(this.layout.cells, marked, alt) : null,
      idle && !marked.length && !code ? picture("welcome") : null,
      code);
  }

  /** A button in the picture's place, which it draws itself. */
  way(button) {
    return h("button", { class: "button way", "data-action": button.action, onclick: () => this.hands.press(button) },
      picture(button.action), h("span", {}, this.texts.say(...button.label)));
  }

  words(description) {
    const lines = [...(description.lines ?? []), description.phone ? ["support.call"] : null];
    const named = description.named !== undefined;
    return h("section", { class: "words" },
      h("div", { class: "above" },
        named ? h("p", { class: "named" }, this.texts.say("cell.name", { cell: description.named })) : null,
        description.countdown && named ? this.text("p", moreTime.left, "left") : null),
      this.text("h1", description.title),
      description.hinted ? h("p", { class: "hint", role: "status" }, this.texts.say(`hint.${this.beside.hint}`)) : null,
      lines.map((line) => this.line(line)),
      description.countdown && !named ? this.text("p", moreTime.left, "left") : null);
  }

  line(line) {
    if (line?.optional) line = this.texts.has(line.text[0]) ? line.text : null;
    return line === null ? null : this.text("p", line);
  }

  /** An element with a text; a function of the time left is painted again with each second. */
  text(tag, text, kind = null) {
    const element = h(tag, { class: kind });
    const paint = (left) => {
      const now = typeof text === "function" ? text(left) : text;
      element.textContent = now ? this.texts.say(...now) : "";
    };
    if (typeof text === "function") this.moving.push(paint);
    paint(0);
    return element;
  }

  /** The idle screen speaks Russian and Kazakh at once, and the chosen language first. */
  greeting(description, language) {
    const spoken = this.together(language);
    return h("section", { class: "words" },
      h("h1", {}, spoken.map((texts) => h("span", { lang: texts.language }, texts.say(...description.title)))),
      spoken.map((texts) => h("p", { lang: texts.language }, texts.say(...description.lines[0]))),
      description.warning
        ? h("div", { class: "warning" }, spoken.map((texts) => h("p", { lang: texts.language }, texts.say(...description.warning))))
        : null);
  }

  together(language) {
    return [...new Set([language, "ru", "kk"])].map((each) => this.catalogues[each]);
  }

  controls(description, idle, language) {
    const texts = idle ? this.together(language) : [this.texts];
    const buttons = description.buttons.map((button) => h("button", {
      class: `button ${button.look}`, "data-action": button.action ?? button.local, "data-problem": button.problem,
      onclick: () => this.hands.press(button),
    }, texts.map((each) => h("span", { lang: each.language }, each.say(...button.label)))));
    return h("section", { class: "controls" },
      description.keypad ? this.hands.keypad.element(this.texts, buttons) : buttons);
  }

  offer() {
    const offer = h("aside", { class: "more" },
      picture("time"),
      h("div", {},
        h("p", { class: "question", role: "alert" }, this.texts.say(...moreTime.ask)), // said once; the seconds are not
        this.text("p", moreTime.left, "left")),
      h("button", { class: "button first", "data-action": "more_time", onclick: () => this.hands.press({ action: "more_time" }) },
        this.texts.say(...moreTime.yes)));
    offer.hidden = true;
    this.moving.push((left) => { offer.hidden = left > MORE_TIME_FROM_MS || left <= 0; });
    return offer;
  }
}
