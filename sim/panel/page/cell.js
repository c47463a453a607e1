// One cell as a drawing: what lies in it, its door, its lock, and what the locker believes of it. The elements stay for
// ever, and only what differs is written, so that doors swing, the focus stays and ninety-six of them cost nothing.

import { draggable } from "./drag.js";
import { glow, pressable, s, set, word } from "./dom.js";
import { named, say } from "./texts.js";

const GAP = 12; // millimetres, as all measures of the drawing
const NONE = {};

export class CellDrawing {
  /** `press(number)` and `take(number, person)` are what fingers do; a person, where the parcel was dragged to one. */
  constructor(box, { press, take }) {
    this.number = box.number;
    this.box = box;
    this.seen = { cell: NONE, door: NONE };
    const at = { x: box.x + GAP / 2, y: box.y + GAP / 2, width: box.width - GAP, height: box.height - GAP };
    this.door = pressable(drawDoor(at, box.number), () => press(this.number));
    this.parcel = pressable(drawParcel(at), () => take(this.number));
    draggable(this.parcel, { what: () => this.seen.cell.parcel ?? "", over: ".person", dropped: ({ dataset }) => take(this.number, dataset.person) });
    this.waybill = this.parcel.querySelector("text");
    this.group = s("g", { class: "cell", "data-cell": box.number },
      s("rect", { class: "inside", ...at, rx: 10 }),
      s("path", { class: "shade", d: `M${at.x} ${at.y}h${at.width}l-40 34h${80 - at.width}z` }),
      this.parcel, this.door, drawLock(at),
      s("rect", { class: "lit", x: at.x - 4, y: at.y - 4, width: at.width + 8, height: at.height + 8, rx: 14 }));
    this.label();
  }

  get isOpen() {
    return Boolean(this.seen.cell.open);
  }

  get middle() {
    return { x: this.box.x + this.box.width / 2, y: this.box.y + this.box.height / 2 };
  }

  /** Any of what is so (`cell`) and what the locker believes (`door`). */
  update(news) {
    const before = this.seen;
    const now = { ...before, ...news };
    if (Object.keys(news).every((name) => same(before[name], news[name]))) return;
    this.seen = now;
    const { cell, door } = now;
    set(this.group, "class", cell.open ? "cell open" : "cell");
    set(this.group, "data-door", door.state);
    set(this.group, "data-blocked", door.blocked ? "yes" : null);
    set(this.group, "data-coil", cell.coil ? "on" : null);
    set(this.group, "data-latched", cell.latched === false ? "no" : null);
    set(this.group, "data-pressed", cell.pressed ? "yes" : null);
    set(this.group, "data-full", cell.parcel ? "yes" : null);
    this.label();
  }

  label() {
    const { cell, door } = this.seen;
    const state = [door.state ? named("door", door.state) : null, door.blocked ? say("door.blocked") : null].filter(Boolean).join(", ");
    set(this.door, "aria-label", say(cell.open ? "cabinet.door_open" : "cabinet.door_shut", { cell: this.number, state: state && `, ${state}` }));
    const inSight = Boolean(cell.open && cell.parcel);
    this.parcel.classList.toggle("seen", inSight);
    set(this.parcel, "tabindex", inSight ? "0" : "-1");
    set(this.parcel, "aria-hidden", inSight ? null : "true");
    set(this.parcel, "aria-label", say("cabinet.take", { cell: this.number, parcel: cell.parcel ?? "" }));
    word(this.waybill, cell.parcel ?? "");
  }

  mark(name, on) {
    set(this.group, `data-${name}`, on ? "yes" : null);
  }

  glow({ door, parcel }) {
    glow(this.door, door);
    glow(this.parcel, parcel);
  }
}

function same(a, b) {
  if (a === b) return true;
  const names = Object.keys({ ...a, ...b });
  return names.every((name) => (a?.[name] ?? null) === (b?.[name] ?? null));
}

function drawDoor(at, number) {
  const size = Math.min(at.height * 0.5, 100);
  const middle = at.y + at.height / 2;
  const right = at.x + at.width;
  return s("g", { class: "door", tabindex: "-1" },
    s("rect", { class: "leaf", ...at, rx: 10 }),
    s("rect", { class: "hatch", ...at, rx: 10 }),
    s("path", { class: "handle", d: `M${right - 34} ${middle - at.height * 0.14}v${at.height * 0.28}` }),
    s("text", { x: at.x + at.width / 2, y: middle + size * 0.36, "font-size": size }, String(number)),
    s("path", { class: "ghost", d: box(at.x + 26, at.y + at.height - 24, 46, 34) }),
    s("path", { class: "badge", d: late(at.x + 46, at.y + 44) }));
}

/** The lock at the upper right: a lamp that burns while the coil is on, and the bolt, drawn back while unlatched. */
function drawLock(at) {
  const x = at.x + at.width;
  const y = at.y + 34;
  return s("g", { class: "lock" },
    s("rect", { class: "bolt", x: x - 34, y: y - 9, width: 34, height: 18, rx: 5 }),
    s("circle", { class: "lamp", cx: x - 58, cy: y, r: 13 }));
}

/** A box on the floor of the cell, clear of the door that swings to the left. */
function drawParcel(at) {
  const height = Math.min(at.height * 0.74, 210);
  const width = at.width * 0.58;
  const x = at.x + at.width * 0.33;
  const y = at.y + at.height - height - 10;
  return s("g", { class: "parcel" },
    s("rect", { class: "box", x, y, width, height, rx: 6 }),
    s("rect", { class: "tape", x: x + width * 0.44, y, width: width * 0.12, height }),
    s("rect", { class: "slip", x: x + width * 0.12, y: y + height / 2 - 34, width: width * 0.76, height: 68, rx: 6 }),
    s("text", { x: x + width / 2, y: y + height / 2 + 17, "font-size": 46 }));
}

const box = (x, y, width, height) => `M${x} ${y}v${-height}h${width}v${height}zM${x + width / 2} ${y - height}v${height}`;
const late = (x, y) => `M${x - 22} ${y}a22 22 0 1 0 44 0a22 22 0 1 0-44 0M${x} ${y - 12}v13l9 7`;
