// One line of the x-ray: what caused what, in plain words, from a touch to the bolt; it unfolds to the bytes.

import { h, set, word } from "./dom.js";
import { has, named, say, time } from "./texts.js";

const FRAME_8A80 = ["command", "board", "lock", "value", "sum"]; // five bytes that begin so
const FRAME_STARTS = ["8A", "80"];
const WIRE = ["tx", "rx"];
const QUIET = ["event", "journal", "coil", "rx", "signed"]; // for whoever unfolds the line
const BYTES_MAX = 16; // shown in boxes; what is longer is a block
// Parameters that carry a word of the firmware, by the catalogue's name for its kind.
const WORDS = { outcome: "outcome", notice: "screen", person: "person", purpose: "purpose", kind: "entry", action: "action", closed: "level", table: "machine", state: "sight", decision: "orders", policy: "policy", static: "policy" };

/** A sentence of the x-ray; words of the firmware in it are translated, where we have them. */
export function sentence(key, parameters = {}) {
  const kinds = { ...WORDS, name: key.startsWith("fault.") ? "fault" : "screen" };
  const words = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, kinds[name] ? named(kinds[name], value) : value]));
  return say(variant(key, parameters), words);
}

/** A sentence may be another one where a parameter is there, or is false. */
function variant(key, parameters) {
  if (parameters.ms !== undefined && has(`${key}.ms`)) return `${key}.ms`;
  if (parameters.seq === null) return `${key}.rows`;
  return parameters.pressed === false ? `${key}.off` : key;
}

/** A part in full, with the cell and the entry that it is about. */
const full = ({ key, parameters, cell, entry = null }) => sentence(key, { cell, seq: key === "part.commit" ? entry : undefined, ...parameters });

/** A part as one word or two: bytes as they are. */
const short = (part) => (WIRE.includes(part.part) && part.bytes ? `${part.part.toUpperCase()} ${part.bytes}` : full(part));

/** Whoever began it: somebody by name, or a part of the machine. */
const whose = (who) => (has(`who.${who}`) ? say(`who.${who}`) : named("person", who));

/** The whole line as text, for the filter and for the export. */
export function plain(line) {
  return [time(line.at_ms), whose(line.who), sentence(line.text_key, line.parameters), ...line.parts.map(short)].join(" → ");
}

/** Whether a part stands in the line itself; the others are for whoever unfolds it. */
const loud = ({ part, entry, parameters }) => !QUIET.includes(part) && (part !== "commit" || entry) && parameters?.outcome !== "done";

/** The parts of the line itself; neighbours that say the same are one. */
function summary(parts) {
  const links = [];
  for (const part of parts.filter(loud)) {
    const text = short(part);
    const last = links.at(-1);
    if (last?.text === text) last.times += 1;
    else links.push({ text, part, times: 1 });
  }
  return links.map(({ text, part, times }) => ({ part, text: times > 1 ? `${text} ×${times}` : text }));
}

export class Line {
  /** `light(cells)` shows which cells are meant. */
  constructor(line, light) {
    this.light = light;
    this.parts = [];
    this.words = h("b");
    this.chips = h("span", { class: "chips" });
    this.more = h("div", { class: "more", hidden: "" });
    this.sum = h("button", { class: "sum", "aria-expanded": "false", onclick: () => this.unfold() },
      h("time", {}, time(line.at_ms)), h("span", { class: "who", "data-who": line.who }, whose(line.who)), this.words, this.chips);
    this.element = h("li", { "data-line": line.id, onpointerleave: () => light([]), onfocusin: () => light(this.cells()), onfocusout: () => light([]) }, this.sum, this.more);
    this.sum.addEventListener("pointerenter", () => light(this.cells()));
    this.update(line);
  }

  /** A line grows: parts that stand already are left alone. */
  update(line) {
    this.line = line;
    word(this.words, sentence(line.text_key, line.parameters));
    summary(line.parts).forEach(({ part, text }, index) => {
      if (this.parts[index]?.text === text) return;
      const chip = h("span", { class: "chip", "data-part": part.part, onpointerenter: () => this.point(part) }, text);
      if (this.parts[index]) this.parts[index].chip.replaceWith(chip);
      else this.chips.append(chip);
      this.parts[index] = { text, chip };
    });
    if (!this.more.hidden) this.fillMore();
  }

  point(part) {
    this.light(part.cell ? [part.cell] : this.cells());
  }

  cells() {
    const numbers = [this.line.parameters?.cell, ...this.line.parts.flatMap((part) => [part.cell, part.parameters?.cell])];
    return [...new Set(numbers.filter(Boolean))];
  }

  unfold() {
    this.more.hidden = !this.more.hidden;
    set(this.sum, "aria-expanded", String(!this.more.hidden));
    if (this.more.hidden) return;
    this.fillMore();
    this.element.scrollIntoView({ block: "nearest" });
  }

  fillMore() {
    this.more.replaceChildren(...this.line.parts.map((part) => h("div", { class: "row", onpointerenter: () => this.point(part) },
      h("span", { class: "name" }, named("parts", part.part)),
      h("div", {}, h("p", {}, full(part)),
        part.bytes ? frame(part.bytes) : null,
        has(`means.${part.part}`) ? h("p", { class: "quiet" }, say(`means.${part.part}`)) : null,
        part.entry ? h("p", { class: "quiet" }, say("xray.entry", { seq: part.entry })) : null))));
  }
}

/** Bytes in boxes, each with its meaning where the frame is of a kind we know. */
function frame(text) {
  const bytes = text.split(" ");
  if (bytes.length > BYTES_MAX) return h("code", { class: "blob" }, text);
  const known = bytes.length === FRAME_8A80.length && FRAME_STARTS.includes(bytes[0]);
  return h("ul", { class: "frame-bytes" }, bytes.map((byte, index) => h("li", {},
    h("code", {}, byte), known ? h("span", {}, say(`byte.${FRAME_8A80[index]}`)) : null)));
}
