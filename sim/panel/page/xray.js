// The x-ray: one causal line per touch, the newest last. It can be filtered, held still, and taken away as a file.

import { Line, plain } from "./line.js";
import { be, download, h, set, word } from "./dom.js";
import { follows } from "./journal.js";
import { named, say } from "./texts.js";

const LINES_MAX = 400;
const OTHERS = ["screen", "clock", "backend", "fault", "machine"]; // whoever is not a person
const WHO = ["", "person", ...OTHERS];

export class Xray {
  constructor(section, model, { light }) {
    Object.assign(this, { model, light, held: false, missed: 0, lines: new Map() });
    this.search = h("input", { type: "search", id: "xray-search", placeholder: say("xray.filter"), "aria-label": say("xray.filter"), oninput: () => this.sift() });
    this.who = h("select", { "aria-label": say("xray.who"), onchange: () => this.sift() },
      WHO.map((who) => h("option", { value: who }, who ? named("who", who) : say("xray.all"))));
    this.hold = h("button", { "aria-pressed": "false", onclick: () => this.pause() });
    const as = (kind) => h("button", { "data-export": kind, "aria-label": say("xray.export", { kind }), onclick: () => this.give(kind) }, kind);
    this.list = h("ol", { class: "lines", tabindex: "0", role: "log", "aria-label": say("xray.title") });
    this.empty = h("p", { class: "quiet empty" }, say("xray.empty"));
    section.replaceChildren(
      h("div", { class: "bar" }, this.search, this.who, this.hold, h("span", { class: "exports" }, h("span", { class: "quiet" }, say("xray.save")), as("TXT"), as("JSON"))),
      this.empty, this.list);
    for (const line of model.lines.values()) this.show(line);
    this.label();
  }

  add(line) {
    if (this.held) this.missed += this.lines.has(line.id) ? 0 : 1;
    else this.show(line);
    this.label();
  }

  show(line) {
    const atEnd = follows(this.list);
    const known = this.lines.get(line.id);
    if (known) known.update(line);
    else {
      const made = new Line(line, this.light);
      this.lines.set(line.id, made);
      this.list.append(made.element);
      if (this.lines.size > LINES_MAX) this.drop(this.lines.keys().next().value);
    }
    this.siftOne(this.lines.get(line.id));
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
    be(this.empty, "hidden", true);
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  drop(id) {
    this.lines.get(id).element.remove();
    this.lines.delete(id);
  }

  sift() {
    for (const line of this.lines.values()) this.siftOne(line);
  }

  siftOne({ element, line }) {
    const who = this.who.value;
    const person = !OTHERS.includes(line.who);
    const sought = this.search.value.trim().toLowerCase();
    be(element, "hidden", Boolean((who && (who === "person" ? !person : line.who !== who)) || (sought && !plain(line).toLowerCase().includes(sought))));
  }

  /** Hold the list still; what comes meanwhile is shown afterwards. */
  pause() {
    this.held = !this.held;
    if (!this.held) {
      this.missed = 0;
      for (const line of this.model.lines.values()) this.show(line);
    }
    this.label();
  }

  label() {
    set(this.hold, "aria-pressed", String(this.held));
    word(this.hold, this.held ? say("xray.go_on", { n: this.missed }) : say("xray.hold"));
  }

  give(kind) {
    const lines = [...this.model.lines.values()];
    if (kind === "JSON") download("postomat-xray.json", JSON.stringify(lines, null, 1), "application/json");
    else download("postomat-xray.txt", `${lines.map(plain).join("\n")}\n`, "text/plain");
  }
}
