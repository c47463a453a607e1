// The locker's journal, as it grows: one line an entry, the newest in sight unless somebody reads further up.

import { h } from "./dom.js";
import { say } from "./texts.js";

const LINES_MAX = 1_000;
const NAMED = ["cell", "parcel", "grant", "intent", "count", "why"];

export class Journal {
  constructor(section, time) {
    this.time = time;
    this.list = h("ol", { tabindex: "0", role: "log", "aria-label": say("journal.title") });
    section.replaceChildren(h("h2", {}, say("journal.title")), this.list);
  }

  add(rows) {
    const list = this.list;
    const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(...rows.map((row) => this.line(row)));
    while (list.childElementCount > LINES_MAX) list.firstElementChild.remove();
    if (follows) list.scrollTop = list.scrollHeight;
  }

  line(row) {
    const rest = NAMED.filter((name) => name in row).map((name) => `${name} ${row[name]}`).join(" · ");
    return h("li", { "data-kind": row.kind, "data-seq": row.seq },
      h("span", { class: "seq" }, String(row.seq)), h("time", {}, this.time(row.utc_ms)),
      h("b", {}, row.kind), h("span", {}, rest));
  }
}
