// Parcels may be dragged, with a mouse, a finger or a pen. Whatever can be dragged can also be pressed, by the keyboard too:
// a drag is only the shorter way, so nothing of it is told to those who cannot see it.

import { h, set } from "./dom.js";

const FAR = 6; // pixels, from which on it is a drag and no press

/** `what()`: the words that go with the pointer; `may()`: whether it can be dragged now, unless always. Let go over an element that `over` selects, `dropped(element)` is told of it. */
export function draggable(element, { may = () => true, ...deeds }) {
  element.classList.add("draggable");
  element.addEventListener("touchmove", (event) => may() && event.preventDefault(), { passive: false }); // no scrolling: touch-action says nothing in SVG
  element.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.isPrimary && may()) new Drag(element, event, deeds);
  });
}

class Drag {
  constructor(element, { pointerId, clientX, clientY }, deeds) {
    Object.assign(this, { element, pointerId, from: { x: clientX, y: clientY }, target: null, ghost: null }, deeds);
    this.listening = new AbortController();
    const on = (kind, heard) => addEventListener(kind, heard, { signal: this.listening.signal });
    on("pointermove", (event) => event.pointerId === pointerId && this.move(event));
    on("pointerup", (event) => event.pointerId === pointerId && this.up(true));
    on("pointercancel", (event) => event.pointerId === pointerId && this.up(false));
    addEventListener("pointerdown", (event) => event.pointerId === pointerId && this.up(false), { signal: this.listening.signal, capture: true }); // its end was never heard
    on("keydown", ({ key }) => key === "Escape" && this.end(false));
  }

  move({ clientX: x, clientY: y }) {
    if (this.over === null || (!this.ghost && Math.hypot(x - this.from.x, y - this.from.y) < FAR)) return;
    if (!this.ghost) this.begin();
    this.ghost.style.transform = `translate(${x}px, ${y}px)`;
    this.aim(document.elementFromPoint(x, y)?.closest(this.over) ?? null);
  }

  begin() {
    this.element.setPointerCapture(this.pointerId); // over the kiosk's frame, too
    this.ghost = h("div", { class: "carried", "aria-hidden": "true" }, this.what());
    document.body.append(this.ghost);
  }

  aim(target) {
    if (target === this.target) return;
    if (this.target) set(this.target, "data-drop", null);
    if (target) set(target, "data-drop", "yes");
    this.target = target;
  }

  /** The pointer is up, maybe long after the drag was given up: only now does the click come that is none. */
  up(letGo) {
    this.listening.abort();
    if (this.ghost) swallowClick();
    this.end(letGo);
  }

  end(letGo) {
    const { target } = this;
    this.over = null;
    this.ghost?.remove();
    this.aim(null);
    if (letGo && target) this.dropped(target);
  }
}

/** The end of a drag is no press of what it began on. A click comes in the same moment as the pointer's end, or not at all. */
function swallowClick() {
  const swallow = (event) => { event.stopPropagation(); event.preventDefault(); };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }));
}
