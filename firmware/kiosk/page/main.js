// The page: what the controller says is shown, what a person presses is sent. Nothing is decided here.

import { Countdown } from "./clock.js";
import { Connection } from "./connection.js";
import { Keypad } from "./keypad.js";
import { SCREENS } from "./screens.js";
import { loadJson, loadTexts } from "./texts.js";
import { View } from "./view.js";

const QUIET_IDLE_MS = 60_000; // after which an idle screen speaks the locker's own language again
const RELOAD_MS = 3_000;
const ALONE = { qr: null, hint: "none", ring: false }; // qr: what a phone may read from this screen, { size, path }
const LOCAL = { actions: [], open_cells: [], wrong: 0 };

class Page {
  constructor(layout, texts) {
    this.layout = layout;
    this.language = layout.language;
    this.screen = { ...LOCAL, name: "connecting" };
    this.seq = null;
    this.beside = ALONE; // what may change while the screen is the same
    this.until = null; // performance.now() at which the screen changes by itself
    this.sent = false; // a press is on its way: one at a time
    this.countdown = new Countdown();
    this.keypad = new Keypad((code) => { this.typedAt = this.seq; this.send({ type: "code", code }); });
    this.view = new View(layout, texts, {
      press: (button) => this.press(button), speak: (language) => this.speak(language), reach: () => this.reach(),
      keypad: this.keypad,
    });
    this.connection = new Connection({
      show: (message) => this.receive(message),
      told: (message) => this.told(message),
      away: (retryAt) => this.local("offline", retryAt),
      superseded: () => this.local("superseded", null),
    }, layout.heartbeat_ms, () => document.querySelector("#header .ring") !== null);
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("click", (event) => this.touch(event));
    addEventListener("contextmenu", (event) => event.preventDefault());
  }

  start() {
    this.render();
    this.connection.open();
  }

  receive({ seq, screen, left_ms = null, ...beside }) {
    this.beside = { ...ALONE, ...beside };
    if (this.seq?.start === seq.start && this.seq.count === seq.count) return this.view.renew(this.beside); // the same screen
    this.seq = seq;
    this.become({ ...LOCAL, ...screen }, left_ms === null ? null : performance.now() + left_ms);
    document.documentElement.dataset.shown = seq.count; // for whoever watches the page, as the tests do
  }

  /**
   * A press or a code was answered; where it was refused the screen is as before, and may be used again. A code that came just when its
   * keypad changed, as when the camera is there again, means the same on the new one; a press may not.
   */
  told({ outcome }) {
    this.sent = false;
    if (!this.keypad.submitted) return;
    if (outcome === "stale" && this.seq !== this.typedAt) this.keypad.again();
    else this.keypad.clear();
  }

  local(name, until) {
    this.seq = null;
    this.beside = ALONE;
    this.become({ ...LOCAL, name }, until);
  }

  become(screen, until) {
    const before = this.screen.name;
    if (screen.name === "idle" && before !== "idle") this.forget();
    if (screen.name !== "keypad" || before !== "keypad") this.keypad.clear();
    this.keypad.ask([this.layout.code_digits, ...(screen.with_phone ? [this.layout.phone_digits] : [])]);
    Object.assign(this, { screen, until, sent: false });
    this.render();
  }

  /** The next person finds the screen as the first one did. */
  forget() {
    this.language = this.layout.language;
    delete document.documentElement.dataset.reach;
  }

  render() {
    const left = this.until === null ? null : Math.max(0, this.until - performance.now());
    this.view.show(this.screen, SCREENS[this.screen.name](this.screen), this.language, left, this.beside);
    this.countdown.start(this.until, (now) => this.view.tick(now));
  }

  press(button) {
    if (button.local === "resume") this.connection.open();
    else if (!this.sent) this.send({ type: "press", action: button.action, ...(button.problem && { problem: button.problem }) });
  }

  send(message) {
    if (this.seq !== null) this.sent = this.connection.send({ ...message, seq: this.seq });
  }

  speak(language) {
    this.language = language;
    this.render();
  }

  reach() {
    const root = document.documentElement.dataset;
    if (root.reach) delete root.reach;
    else root.reach = "low";
    this.render();
  }

  /** The whole idle screen is the button to start, but for its own buttons. */
  touch(event) {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.screen.name === "idle" && (this.forget(), this.render()), QUIET_IDLE_MS);
    const start = this.screen.actions.includes("start") && !event.target.closest("button");
    if (start) this.press({ action: "start" });
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const click = (selector) => document.querySelector(selector)?.click();
    if (this.screen.name === "keypad" && this.keypad.press(event.key)) event.preventDefault();
    else if (event.key === "Escape") click(".button[data-action=back]");
    else if (event.key === "Enter" && !event.target.closest("button")) click(".button.first");
  }
}

async function boot() {
  try {
    const layout = await loadJson("/layout.json");
    document.documentElement.style.setProperty("--mm", `${layout.pixels_per_mm}px`);
    new Page(layout, await loadTexts(layout)).start();
  } catch (error) {
    console.warn(`the page could not start: ${error.message}`);
    setTimeout(boot, RELOAD_MS);
  }
}

boot();
