// What comes between two frames is shown in one go. Each showing is a performance measure, for benches to observe.

export const UPDATE = "panel.update";

export class Frame {
  /** `show(messages)` is called at most once a frame, with all that has come since the last one. */
  constructor(show) {
    this.show = show;
    this.waiting = [];
    document.addEventListener("visibilitychange", () => this.flush());
  }

  add(message) {
    if (this.waiting.push(message) > 1) return;
    if (document.hidden) setTimeout(() => this.flush(), 100); // a page nobody sees gets no frames
    else requestAnimationFrame(() => this.flush());
  }

  flush() {
    if (!this.waiting.length) return;
    const messages = this.waiting;
    this.waiting = [];
    const start = performance.now();
    this.show(messages);
    performance.measure(UPDATE, { start });
    performance.clearMeasures(UPDATE); // observers have it; the page keeps none
  }
}
