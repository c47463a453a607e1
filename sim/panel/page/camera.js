// What the locker's camera sees while somebody holds a phone before it. The picture is the simulator's own: what a camera
// sees never leaves the scanner.

import { be, h } from "./dom.js";
import { say } from "./texts.js";

const AGAIN_MS = 400;
let pictures = 0;

export class Camera {
  /** `away()`: the phone is taken away. */
  constructor(away) {
    const again = () => { this.next = setTimeout(() => this.look(), AGAIN_MS); };
    this.image = h("img", { alt: say("camera.sees"), onload: again, onerror: again });
    this.element = h("figure", { class: "seen", hidden: "" }, this.image, h("button", { "data-away": "", onclick: away }, say("camera.away")));
  }

  show(held) {
    if (held !== this.element.hidden) return;
    be(this.element, "hidden", !held);
    clearTimeout(this.next);
    if (held) this.look();
  }

  look() {
    if (!this.element.hidden) this.image.src = `/camera.jpg?${pictures += 1}`;
  }
}
