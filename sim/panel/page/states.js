// The state machines as they stand in the firmware's tables, and in them, where each door, parcel and session is now.

import { NODE, layOut } from "./graph.js";
import { Rows, h, s, set, word } from "./dom.js";
import { named, say } from "./texts.js";

const SCALE_MIN = 0.72; // smaller than this nobody reads a state's name: the drawing is scrolled then
const TAKEN_MS = 2_500; // an arrow that was just taken is lit that long
// By the table's name: which list of the world stands in it, and what a row is called there.
const WHO = {
  door: ({ doors = [] }) => doors.map(({ cell, state }) => ({ name: String(cell), state, cell })),
  parcel: ({ parcels = [], orders = [] }) => parcels.map(({ waybill, state }) => ({ name: waybill, state, cell: orders.find((one) => one.waybill === waybill)?.cell })),
  session: ({ session }) => (session?.state ? [{ name: session.cell ? say("cell.name", session) : say("session.one"), state: session.state, cell: session.cell }] : []),
  authorisation: ({ uses = [] }) => uses.map(({ grant, parcel, state }) => ({ name: `${parcel} ${grant}`, state })),
};

// The catalogue's name for a machine's states.
const KIND = { authorisation: "use" };

export class States {
  constructor(section, tables, light) {
    Object.assign(this, { light, world: {}, shown: false });
    this.diagrams = new Map(tables.map((table) => [table.name, new Diagram(table, light)]));
    this.choice = h("div", { class: "bar", role: "group", "aria-label": say("states.title") }, tables.map(({ name }) => h("button", {
      class: "tab", "data-machine": name, onclick: () => this.choose(name) }, named("machine", name))));
    this.place = h("div", { class: "diagram" });
    section.replaceChildren(this.choice, this.place);
    this.choose(tables[0]?.name);
  }

  choose(name) {
    this.name = name;
    for (const button of this.choice.children) set(button, "aria-pressed", String(button.dataset.machine === name));
    if (this.diagrams.has(name)) this.place.replaceChildren(this.diagrams.get(name).element);
    this.draw();
  }

  /** Only what is in sight is drawn. */
  show(shown) {
    this.shown = shown;
    this.draw();
  }

  update(news) {
    for (const name of ["doors", "parcels", "session", "uses", "orders"]) if (name in news) this.world[name] = news[name];
    this.draw();
  }

  draw() {
    if (this.shown) this.diagrams.get(this.name)?.update(WHO[this.name]?.(this.world) ?? []);
  }
}

class Diagram {
  constructor(table, light) {
    this.called = (state) => named(KIND[table.name] ?? table.name, state);
    const plan = layOut(table);
    this.before = new Map();
    this.edges = new Map(plan.edges.map((edge) => [`${edge.source} ${edge.dest}`, s("path", { class: "edge", d: edge.path, "marker-end": `url(#tip-${table.name})` })]));
    this.nodes = new Map([...plan.nodes].map(([state, at]) => [state, new Node(this.called(state), state, at, { light, told: () => this.tell(table, state) })]));
    this.about = h("p", { class: "about", role: "status" }, say("states.how"));
    this.element = h("div", {}, this.about,
      h("div", { class: "scroller" }, s("svg", { role: "group", "aria-label": named("machine", table.name), viewBox: `0 0 ${plan.width} ${plan.height}`, width: plan.width * SCALE_MIN },
        s("defs", {}, s("marker", { id: `tip-${table.name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 10, markerHeight: 10, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { class: "tip", d: "M0 0 8 4 0 8z" }))),
        [...this.edges.values()], [...this.nodes.values()].map((node) => node.element))),
      plan.anywhere.length ? h("p", { class: "quiet" }, say("states.anywhere"), " ", plan.anywhere.map(({ trigger, dest }) => `${trigger} → ${dest}`).join(", ")) : null);
  }

  tell(table, state) {
    const moves = table.moves.filter((move) => move.source === state && move.dest && move.dest !== state);
    for (const [key, edge] of this.edges) set(edge, "data-out", key.startsWith(`${state} `) ? "yes" : null);
    const ways = moves.map(({ trigger, dest }) => `${trigger} → ${dest}`);
    word(this.about, `${this.called(state)}: ${ways.length ? ways.join(", ") : say("states.end")}`);
  }

  update(things) {
    for (const { name, state } of things) {
      const before = this.before.get(name);
      if (before && before !== state) this.taken(before, state);
    }
    this.before = new Map(things.map(({ name, state }) => [name, state]));
    for (const [state, node] of this.nodes) node.update(things.filter((thing) => thing.state === state));
  }

  taken(from, to) {
    const edge = this.edges.get(`${from} ${to}`);
    if (!edge) return;
    set(edge, "data-taken", "yes");
    setTimeout(() => set(edge, "data-taken", null), TAKEN_MS);
  }
}

const widthOf = (name) => 12 + 7.4 * name.length;

/** As many as stand side by side below a state, and how many more there are. */
function fitting(things) {
  const room = NODE.width + 2;
  const ends = things.map((_, index) => things.slice(0, index + 1).reduce((x, { name }) => x + widthOf(name) + 3, 0));
  if (!things.length || ends.at(-1) <= room) return things;
  const count = Math.max(1, ends.filter((end) => end + widthOf("+99") <= room).length);
  return count === things.length ? things : [...things.slice(0, count), { name: `+${things.length - count}` }];
}

class Node {
  constructor(name, state, { x, y }, { light, told }) {
    this.light = light;
    this.list = s("g", { class: "things", transform: `translate(${x + 6} ${y + NODE.height})` });
    this.element = s("g", { class: "node", "data-state": state, tabindex: "0", role: "img", onfocus: told, onpointerenter: told },
      s("rect", { x, y, ...NODE, rx: 10 }),
      s("text", { class: "name", x: x + NODE.width / 2, y: name === state ? y + 25 : y + 19 }, name),
      name === state ? null : s("text", { class: "id", x: x + NODE.width / 2, y: y + 33 }, state), this.list);
    this.state = state;
    this.rows = new Rows(this.list, ({ name }) => name, ({ name, cell }) => this.thing(name, cell));
    this.update([]);
  }

  thing(name, cell) {
    const text = s("text", { y: 4 }, name);
    const pill = s("rect", { y: -9, height: 18, rx: 9 });
    const element = s("g", { class: "thing", onpointerenter: () => this.light(cell ? [cell] : []), onpointerleave: () => this.light([]) }, pill, text);
    return { element, pill, text };
  }

  update(things) {
    set(this.element, "data-here", things.length ? "yes" : null);
    set(this.element, "aria-label", [this.state, ...things.map(({ name }) => name)].join(" "));
    const some = fitting(things);
    this.rows.update(some);
    let x = 0;
    for (const { name } of some) {
      const { element, pill, text } = this.rows.rows.get(name);
      const width = widthOf(name);
      set(element, "transform", `translate(${x} 0)`);
      set(pill, "width", width);
      set(text, "x", width / 2);
      x += width + 3;
    }
  }
}
