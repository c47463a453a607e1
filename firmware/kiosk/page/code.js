// The QR code for a phone's camera. Its modules come drawn from the kiosk's server; here it gets its quiet zone, its
// own white ground, and the words below it.

import { h, s } from "./dom.js";

const QUIET = 4; // modules of light around it (ISO/IEC 18004)

/** The code with its caption, the text of `key` in each of `spoken`; decorative to a screen reader, because the caption says what to do. */
export function drawCode({ size, path }, spoken, key) {
  const side = size + 2 * QUIET;
  const code = s("svg", { class: "code", viewBox: `${-QUIET} ${-QUIET} ${side} ${side}`, "aria-hidden": "true" },
    s("rect", { class: "light", x: -QUIET, y: -QUIET, width: side, height: side }), s("path", { class: "dark", d: path }));
  code.style.setProperty("--zoned", side / size);
  return h("figure", { class: "scan" }, code,
    h("figcaption", {}, spoken.map((texts) => h("p", { lang: texts.language }, texts.say(key)))));
}
