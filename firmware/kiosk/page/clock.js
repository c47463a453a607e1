// The one countdown of the screen: it calls back at once and whenever another second has gone.

export class Countdown {
  #timer = 0;

  /** Count down to `at` (performance.now()); null stops. `tick` gets the milliseconds left, 0 last. */
  start(at, tick) {
    clearTimeout(this.#timer);
    if (at === null) return;
    const step = () => {
      const left = Math.max(0, at - performance.now());
      tick(left);
      if (left > 0) this.#timer = setTimeout(step, left % 1_000 || 1_000);
    };
    step();
  }
}
