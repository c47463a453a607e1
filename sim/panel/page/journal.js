// The locker's journal, as it grows: one line an entry, the newest in sight unless somebody reads further up.

import { h } from "./dom.js";
import { named, say, time } from "./texts.js";

const LINES_MAX = 1_000;
const NAMED = ["cell", "parcel", "grant", "intent", "command", "count", "why"];

/** Whether a list shows its end; what comes then is followed. */
export const follows = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < 40;

export class Journal {
  constructor(section, light) {
    this.light = light;
    this.list = h("ol", { tabindex: "0", role: "log", "aria-label": say("journal.title") });
    section.replaceChildren(this.list);
  }

  add(rows) {
    const list = this.list;
    const at_end = follows(list);
    list.append(...rows.map((row) => this.line(row)));
    while (list.childElementCount > LINES_MAX) list.firstElementChild.remove();
    if (at_end) list.scrollTop = list.scrollHeight;
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  line(row) {
    const rest = NAMED.filter((name) => name in row).map((name) => `${name} ${row[name]}`).join(" · ");
    return h("li", {
      "data-kind": row.kind, "data-seq": row.seq, onpointerenter: () => this.light(row.cell ? [row.cell] : []), onpointerleave: () => this.light([]),
    },
    h("span", { class: "seq" }, String(row.seq)), h("time", {}, time(row.utc_ms)),
    h("span", { class: "what" }, h("b", {}, named("entry", row.kind)), h("code", {}, row.kind)), h("span", { class: "rest" }, rest));
  }
}
