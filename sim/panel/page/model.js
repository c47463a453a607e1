// What the simulator has told so far: the page can be built from it at any time, in any language.

const ENTRIES_MAX = 1_000;
const LINES_MAX = 400;

export class Model {
  constructor(setup) {
    this.setup = setup;
    this.world = { cells: [], doors: [], banks: [], people: [], orders: [], parcels: [], uses: [], free: [], faults: [] };
    this.entries = [];
    this.lines = new Map(); // id → line, oldest first
    this.story = null;
  }

  /** Take in what has changed of the world; what is absent is as it was, and null is a value. A clock goes on from when it was heard. */
  take({ type, ...news }) {
    if (news.clock) news.clock.heard = performance.now();
    Object.assign(this.world, news);
    return news;
  }

  addEntries(rows) {
    this.entries.push(...rows);
    this.entries.splice(0, this.entries.length - ENTRIES_MAX);
  }

  /** Lines grow: the same one comes again with more parts. Answers it with nothing left out. */
  addLine({ parts = [], ...line }) {
    const whole = { ...line, parts };
    this.lines.set(line.id, whole);
    if (this.lines.size > LINES_MAX) this.lines.delete(this.lines.keys().next().value);
    return whole;
  }

  order(waybill) {
    return this.world.orders.find((order) => order.waybill === waybill);
  }

  cell(number) {
    return this.world.cells.find((cell) => cell.number === number);
  }
}
