// The line of time as a drawing: what the journal tells to the left of now, the next deadline to the right. Its scale
// is logarithmic, so that seconds and days have room on one line. Decorative: the words beside it say the same.

import { s, set } from "./dom.js";

const WIDTH = 300;
const NOW = 150;
const FAR_S = 4 * 86_400; // at either end
const NEAR_S = 5; // up to here the scale is nearly even
const TICKS_MAX = 80;

const way = (seconds) => Math.min(1, Math.log1p(Math.abs(seconds) / NEAR_S) / Math.log1p(FAR_S / NEAR_S));
const place = (seconds) => (NOW + Math.sign(seconds) * way(seconds) * (NOW - 6)).toFixed(1);

export class Axis {
  constructor() {
    this.moments = [];
    this.past = s("path", { class: "ticks" });
    this.due = s("path", { class: "flag" });
    this.element = s("svg", { class: "axis", viewBox: `0 0 ${WIDTH} 14`, preserveAspectRatio: "none", "aria-hidden": "true" },
      s("path", { class: "base", d: `M0 9H${WIDTH}` }), this.past, this.due, s("path", { class: "now", d: `M${NOW} 1V14` }));
  }

  add(rows) {
    this.moments.push(...rows.map((row) => row.utc_ms));
    this.moments.splice(0, this.moments.length - TICKS_MAX);
  }

  show(nowMs, dueMs) {
    set(this.past, "d", this.moments.map((moment) => `M${place((moment - nowMs) / 1_000)} 5V12`).join(""));
    const at = dueMs ? place(Math.max(0, dueMs - nowMs) / 1_000) : null;
    set(this.due, "d", at ? `M${at} 13V1l7 3-7 3` : "");
  }
}
