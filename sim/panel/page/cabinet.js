// The cabinet, drawn from the layout: doors to press, parcels to take, and one line below that says what is at a cell
// and lends a hand there. The arrows of the keyboard go from door to door.

import { CellDrawing } from "./cell.js";
import { be, h, s, set, word } from "./dom.js";
import { named, say } from "./texts.js";

const FRAME = 44; // millimetres
const SWING = 130; // room to the left for a door that stands open
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HANDS = ["press", "pull", "force"];
const SWINGS_MAX = 12; // doors that swing at once: no eye follows more, and each is a layer for the browser to move
const ill = (state) => state && state !== "fine";

export class Cabinet {
  /** `act(message)` sends what a person does; `picked(number)` is told which cell somebody points at. */
  constructor(section, boxes, { act, picked }) {
    Object.assign(this, { act, picked, selected: null, lit: new Set(), known: {}, glowing: {} });
    const hands = {
      press: (number) => { this.select(number); if (this.cells.get(number).seen.cell.open) act({ type: "close", cell: number }); },
      take: (number, person) => act({ type: "take", cell: number, ...(person && { person }) }),
    };
    const placed = [...boxes].sort((a, b) => a.x - b.x || a.y - b.y); // a door that swings left lies over its neighbours
    this.cells = new Map(placed.map((box) => [box.number, new CellDrawing(box, hands)]));
    const width = Math.max(...boxes.map((box) => box.x + box.width));
    const height = Math.max(...boxes.map((box) => box.y + box.height));
    this.svg = s("svg", {
      role: "group", "aria-label": say("cabinet.title"), onkeydown: (event) => this.walk(event),
      onfocusin: (event) => this.point(event), onpointerover: (event) => this.point(event), onpointerleave: () => this.tell(this.selected),
      viewBox: `${-SWING} ${-FRAME} ${width + SWING + FRAME} ${height + 2 * FRAME + 60}`,
    },
    s("defs", {}, s("pattern", { id: "hatch", width: 26, height: 26, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("rect", { class: "stripe", width: 9, height: 26 }))),
    s("rect", { class: "foot", x: 30, y: height + FRAME - 20, width: width - 60, height: 70, rx: 10 }),
    s("rect", { class: "frame", x: -FRAME, y: -FRAME, width: width + 2 * FRAME, height: height + 2 * FRAME, rx: 30 }),
    [...this.cells.values()].map((cell) => cell.group));
    this.about = h("p", { class: "about" });
    this.hands = h("div", { class: "hands" }, HANDS.map((verb) => this.hand(verb)));
    section.replaceChildren(h("h2", {}, say("cabinet.title")), this.svg, h("div", { class: "inspector" }, this.about, this.hands));
    this.standAt(placed[0].number);
    this.tell(null);
  }

  hand(verb) {
    return h("button", { "data-hand": verb, title: say(`hands.${verb}.does`), onclick: () => this.use(verb) }, say(`hands.${verb}`));
  }

  use(verb) {
    const cell = this.selected;
    if (cell === null) return;
    this.act(verb === "press" ? { type: "press", cell, pressed: !this.cells.get(cell).seen.cell.pressed } : { type: verb, cell });
  }

  update({ cells = [], doors = [], orders }) {
    if (cells.length) {
      const moved = cells.filter(({ number, open = false }) => this.cells.get(number)?.isOpen !== open);
      set(this.svg, "data-still", moved.length > SWINGS_MAX ? "yes" : null);
    }
    for (const cell of cells) this.cells.get(cell.number)?.update({ cell });
    for (const door of doors) this.cells.get(door.cell)?.update({ door });
    if (orders) this.known.orders = orders;
    this.tell(this.told);
  }

  /** Let parts of cells glow: `{door: cell, parcel: cell}`. */
  glow({ door = null, parcel = null }) {
    for (const number of new Set([this.glowing.door, this.glowing.parcel, door, parcel])) {
      this.cells.get(number)?.glow({ door: number === door, parcel: number === parcel });
    }
    this.glowing = { door, parcel };
  }

  /** Show which cells are meant, while somebody points at a word about them. */
  light(numbers) {
    for (const number of this.lit) this.cells.get(number)?.mark("lit", false);
    this.lit = new Set(numbers);
    for (const number of this.lit) this.cells.get(number)?.mark("lit", true);
  }

  select(number) {
    if (this.selected !== null) this.cells.get(this.selected).mark("selected", false);
    this.selected = number;
    this.cells.get(number).mark("selected", true);
    this.standAt(number);
    this.tell(number);
    this.picked(number);
  }

  point(event) {
    const number = Number(event.target.closest?.("[data-cell]")?.dataset.cell);
    if (number) this.tell(number);
  }

  /** One line about a cell: what is believed, what is so, what lies in it. */
  tell(number) {
    this.told = number;
    const cell = this.cells.get(number);
    for (const hand of this.hands.children) be(hand, "disabled", this.selected === null);
    set(this.hands.firstElementChild, "aria-pressed", String(Boolean(this.cells.get(this.selected)?.seen.cell.pressed)));
    if (!cell) return word(this.about, say("cabinet.how"));
    const { cell: is, door } = cell.seen;
    const order = this.known.orders?.find((one) => one.cell === number && one.stage === "ordered");
    const facts = [
      say("cabinet.cell", { cell: number, size: cell.box.size }),
      door.state && named("door", door.state), door.why && named("why", door.why), door.blocked && say("door.blocked"),
      say(is.latched === false ? "lock.free" : "lock.latched"), is.coil && say("lock.coil"), is.pressed && say("lock.pressed"),
      ill(is.condition) && named("condition", is.condition), ill(is.sensor) && named("sensor", is.sensor),
      is.parcel ? say("cabinet.holds", { parcel: is.parcel }) : say("cabinet.empty"),
      order && !is.parcel && say("cabinet.kept", { parcel: order.waybill }),
    ];
    word(this.about, facts.filter(Boolean).join(" · "));
  }

  /** One stop for the Tab key: the door where the arrows have come to. */
  standAt(number) {
    if (this.standing) set(this.standing.door, "tabindex", "-1");
    this.standing = this.cells.get(number);
    set(this.standing.door, "tabindex", "0");
  }

  walk(event) {
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    const here = this.standing.middle;
    const reach = ({ middle }) => (middle.x - here.x) * way[0] + (middle.y - here.y) * way[1];
    const aside = ({ middle }) => Math.abs((middle.x - here.x) * way[1]) + Math.abs((middle.y - here.y) * way[0]);
    const next = [...this.cells.values()].filter((cell) => reach(cell) > 1)
      .sort((a, b) => reach(a) + 3 * aside(a) - reach(b) - 3 * aside(b))[0];
    if (!next) return;
    this.standAt(next.number);
    next.door.focus();
  }
}
