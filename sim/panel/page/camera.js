// What the locker's camera sees while somebody holds a phone before it. The picture is the simulator's own: what a camera
// sees never leaves the scanner.

import { be, h } from "./dom.js";
import { say } from "./texts.js";

const AGAIN_MS = 400;
const WAYS = ["well", "far", "near", "dark", "tilted", "shaken"];
let pictures = 0;

/** A choice of how the phone is held. */
export const choice = (onchange) => h("select", { "data-way": "", "aria-label": say("camera.how"), title: say("camera.how"), onchange },
  ...WAYS.map((way) => h("option", { value: way }, say(`way.${way}`))));

export class Camera {
  /** `away()`: the phone is taken away; `hold(way)`: it is held otherwise. */
  constructor(away, hold) {
    const again = () => { this.next = setTimeout(() => this.look(), AGAIN_MS); };
    this.image = h("img", { alt: say("camera.sees"), onload: again, onerror: again });
    this.ways = choice(() => hold(this.ways.value));
    this.element = h("figure", { class: "seen", hidden: "" }, this.image,
      h("figcaption", {}, this.ways, h("button", { "data-away": "", onclick: away }, say("camera.away"))));
  }

  show(held, way = WAYS[0]) {
    this.ways.value = way;
    if (held !== this.element.hidden) return;
    be(this.element, "hidden", !held);
    clearTimeout(this.next);
    if (held) this.look();
  }

  look() {
    if (!this.element.hidden) this.image.src = `/camera.jpg?${pictures += 1}`;
  }
}
