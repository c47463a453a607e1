// The code that a phone shows to the locker's camera: drawn anew for as long as somebody looks at it. Fetched when somebody does.

import { s } from "./dom.js";

const QUIET = 4; // modules of light around it
const RETRY_MS = 1_000;
const FASTEST = 10; // how many times faster than life the simulator may run

/** Draw it into an open `details`, until that is shut; `ask()` gives the backend's next one, or none. Where there is no answer, it is asked again. */
export async function show(place, ask) {
  const turn = (place.turn ?? 0) + 1;
  place.turn = turn;
  while (place.open && place.isConnected && place.turn === turn) {
    const code = await ask().catch(() => null);
    const drawn = place.querySelector("svg");
    drawn?.remove(); // it may be dead by now
    if (!code) {
      await new Promise((done) => { setTimeout(done, RETRY_MS); });
      continue;
    }
    const { size, path, redraw_s: again } = code;
    if (!size) return;
    const side = size + 2 * QUIET;
    place.append(s("svg", { viewBox: `${-QUIET} ${-QUIET} ${side} ${side}`, role: "img", "aria-label": "QR", width: 200 },
      s("rect", { x: -QUIET, y: -QUIET, width: side, height: side, fill: "#fff" }), s("path", { d: path, "shape-rendering": "crispEdges" })));
    if (!drawn) place.scrollIntoView({ block: "nearest" });
    await new Promise((done) => { setTimeout(done, 1_000 * again / FASTEST); });
  }
}
