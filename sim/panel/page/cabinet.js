// The cabinet as it is, drawn from the layout. Doors are the same elements for ever, so that they swing and keep the focus.

import { h, pressable, s } from "./dom.js";
import { say } from "./texts.js";

const GAP = 12; // millimetres, as all measures of the drawing
const FRAME = 44;
const SWING = 130; // room to the left for a door that stands open

export class Cabinet {
  /** `act(message)` sends what a person does. */
  constructor(section, boxes, act) {
    this.cells = new Map(boxes.map((box) => [box.number, new CellDrawing(box, act)]));
    const width = Math.max(...boxes.map((box) => box.x + box.width));
    const height = Math.max(...boxes.map((box) => box.y + box.height));
    const groups = [...this.cells.values()].map((cell) => cell.group);
    section.replaceChildren(
      h("h2", {}, say("cabinet.title")),
      s("svg", {
        role: "group", "aria-label": say("cabinet.title"),
        viewBox: `${-SWING} ${-FRAME} ${width + SWING + FRAME} ${height + 2 * FRAME + 60}`,
      },
      s("rect", { class: "foot", x: 30, y: height + FRAME - 20, width: width - 60, height: 70, rx: 10 }),
      s("rect", { class: "frame", x: -FRAME, y: -FRAME, width: width + 2 * FRAME, height: height + 2 * FRAME, rx: 30 }),
      groups),
      h("p", { class: "hint" }, say("cabinet.how")),
    );
  }

  update(cells) {
    for (const cell of cells) this.cells.get(cell.number)?.update(cell);
  }
}

class CellDrawing {
  constructor(box, act) {
    this.number = box.number;
    const at = { x: box.x + GAP / 2, y: box.y + GAP / 2, width: box.width - GAP, height: box.height - GAP };
    const size = Math.min(at.height * 0.5, 110);
    const middle = at.y + at.height / 2;
    this.door = pressable(s("g", { class: "door" },
      s("rect", { ...at, rx: 10 }),
      s("path", { class: "handle", d: `M${at.x + at.width - 34} ${middle - at.height * 0.16}v${at.height * 0.32}` }),
      s("text", { x: at.x + at.width / 2, y: middle + size * 0.36, "font-size": size }, String(box.number)),
    ), () => this.open && act({ type: "close", cell: this.number }));
    this.parcel = pressable(drawParcel(at), () => act({ type: "take", cell: this.number }));
    this.group = s("g", { class: "cell", "data-cell": box.number }, s("rect", { class: "inside", ...at, rx: 10 }), this.parcel, this.door);
    this.update({ number: box.number });
  }

  update({ open = false, parcel = null }) {
    const wasOpen = this.open;
    this.open = open;
    this.group.classList.toggle("open", open);
    if (open && !wasOpen) this.group.parentNode?.append(this.group); // in front of its neighbours
    this.door.setAttribute("tabindex", open ? "0" : "-1");
    this.door.setAttribute("aria-disabled", String(!open));
    this.door.setAttribute("aria-label", say(open ? "cabinet.door_open" : "cabinet.door_shut", { cell: this.number }));
    const seen = open && parcel !== null;
    this.parcel.classList.toggle("seen", seen);
    this.parcel.setAttribute("tabindex", seen ? "0" : "-1");
    this.parcel.setAttribute("aria-hidden", String(!seen));
    this.parcel.setAttribute("aria-label", say("cabinet.take", { cell: this.number, parcel: parcel ?? "" }));
    this.parcel.querySelector("text").textContent = parcel ?? "";
  }
}

/** A box on the floor of the cell, clear of the door that swings to the left. */
function drawParcel(at) {
  const height = Math.min(at.height * 0.72, 210);
  const width = at.width * 0.56;
  const x = at.x + at.width * 0.36;
  const y = at.y + at.height - height - 10;
  return s("g", { class: "parcel" },
    s("rect", { class: "box", x, y, width, height, rx: 6 }),
    s("rect", { class: "tape", x: x + width * 0.44, y, width: width * 0.12, height }),
    s("text", { x: x + width / 2, y: y + height / 2 + 18, "font-size": 50 }));
}
