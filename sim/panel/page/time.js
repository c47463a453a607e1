// The line of time below: the locker's clock, how fast it goes, what comes next, and the jumps. Beside them the plug,
// the network and the people. Time may be moved only while nothing is in flight.

import { Axis } from "./axis.js";
import { be, h, set, word } from "./dom.js";
import { date, say, span, time } from "./texts.js";

const TICK_MS = 250;
const SWITCHES = ["power", "link", "people_on"];
const JUMPS = ["next", "hour", "day"];

export class Time {
  constructor(section, act) {
    Object.assign(this, { act, world: { power: true, link: true, people_on: false, in_flight: false }, clock: null });
    this.switches = SWITCHES.map((name) => h("button", {
      class: "switch", "data-switch": name, role: "switch", title: say(`switch.${name}.does`), onclick: () => this.flip(name),
    }, h("i", { "aria-hidden": "true" }), h("span", {}, say(`switch.${name}`))));
    this.hour = h("time", { class: "hour" });
    this.day = h("span", { class: "quiet" });
    this.sure = h("span", { class: "unsure", hidden: "" }, say("time.unsure"));
    this.pause = h("button", { id: "pause", onclick: () => act({ type: "time", op: this.clock?.paused ? "resume" : "pause" }) }, say("time.pause"));
    this.speed = h("input", { type: "range", min: 1, max: 10, step: 1, value: 1, id: "speed",
      oninput: () => word(this.times, `×${this.speed.value}`), onchange: () => act({ type: "time", op: "speed", x: Number(this.speed.value) }) });
    this.times = h("output", { for: "speed" }, "×1");
    this.due = h("span", { class: "due" });
    this.jumps = JUMPS.map((op) => h("button", { "data-jump": op, "aria-describedby": "why-not", onclick: () => act({ type: "time", op }) }, say(`time.${op}`)));
    this.reason = h("span", { id: "why-not", class: "quiet", role: "status" });
    this.axis = new Axis();
    section.replaceChildren(
      h("div", { class: "switches", role: "group", "aria-label": say("switch.title") }, this.switches),
      h("div", { class: "clock" }, this.hour, h("span", { class: "stack" }, this.day, this.sure)),
      h("div", { class: "pace" }, this.pause, h("label", { for: "speed" }, say("time.speed")), this.speed, this.times),
      h("div", { class: "ahead" }, this.axis.element, this.due, this.reason),
      h("div", { class: "jumps", role: "group", "aria-label": say("time.title") }, this.jumps));
    clearInterval(Time.ticking);
    Time.ticking = setInterval(() => this.tick(), TICK_MS);
    this.show();
  }

  flip(name) {
    const type = name === "people_on" ? "people" : name;
    this.act({ type, on: !this.world[name] });
  }

  update(news) {
    for (const name of [...SWITCHES, "in_flight", "next_due_ms"]) if (name in news) this.world[name] = news[name];
    if (news.clock) this.clock = news.clock;
    this.show();
  }

  show() {
    const { in_flight: busy } = this.world;
    for (const one of this.switches) set(one, "aria-checked", String(Boolean(this.world[one.dataset.switch])));
    for (const jump of this.jumps) be(jump, "disabled", !this.clock || busy || (jump.dataset.jump === "next" && !this.world.next_due_ms));
    word(this.reason, !this.clock ? "" : busy ? say("time.in_flight") : "");
    if (!this.clock) return;
    word(this.pause, say(this.clock.paused ? "time.resume" : "time.pause"));
    set(this.pause, "aria-pressed", String(Boolean(this.clock.paused)));
    if (document.activeElement !== this.speed) {
      this.speed.value = this.clock.speed;
      word(this.times, `×${this.clock.speed}`);
    }
    be(this.sure, "hidden", this.clock.sure !== false);
    this.tick();
  }

  /** Between two messages the clock goes on by itself. */
  tick() {
    if (!this.clock) return;
    const gone = this.clock.paused ? 0 : (performance.now() - this.clock.heard) * this.clock.speed;
    const now = this.clock.utc_ms + gone;
    word(this.hour, time(now));
    word(this.day, date(now));
    const due = this.world.next_due_ms;
    this.axis.show(now, due);
    word(this.due, due ? say("time.due", { span: span((due - now) / 1_000) }) : say("time.no_due"));
  }
}
