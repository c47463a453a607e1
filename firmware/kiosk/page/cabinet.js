// The cabinet, drawn from the same layout as the hardware. A marked cell differs by fill, by outline, by its open
// door and by a pointer, so that nobody depends on its colour.

import { s } from "./dom.js";

const GAP_MM = 14;
const FRAME_MM = 46;
const NUMBERS_MAX = 48; // above this many cells only the marked ones carry their number

/** An SVG element; `marked` are cell numbers, `alt` says the same in words. */
export function drawCabinet(cells, marked, alt) {
  const boxes = place(cells);
  const width = Math.max(...boxes.map((box) => box.x + box.width));
  const height = Math.max(...boxes.map((box) => box.y + box.height));
  const numbered = cells.length <= NUMBERS_MAX;
  const order = [...boxes].sort((a, b) => marked.includes(a.number) - marked.includes(b.number));
  const margin = FRAME_MM + 60; // room for the pointer beyond the frame
  return s("svg", {
    class: "cabinet", role: "img", "aria-label": alt,
    viewBox: `${-margin} ${-FRAME_MM} ${width + 2 * margin} ${height + 2 * FRAME_MM + 70}`,
  },
  s("rect", { class: "foot", x: 40, y: height + FRAME_MM - 20, width: width - 80, height: 70, rx: 12 }),
  s("rect", {
    class: "frame", x: -FRAME_MM, y: -FRAME_MM, width: width + 2 * FRAME_MM, height: height + 2 * FRAME_MM, rx: 40,
  }),
  order.map((box) => drawCell(box, marked.includes(box.number), numbered)));
}

/** Columns from the left, bottoms from the floor: to x and y of a drawing, whose y grows downwards. */
function place(cells) {
  const columns = [...new Set(cells.map((cell) => cell.column))].sort((a, b) => a - b);
  const left = new Map();
  let x = 0;
  for (const column of columns) {
    left.set(column, x);
    x += Math.max(...cells.filter((cell) => cell.column === column).map((cell) => cell.width_mm));
  }
  const top = Math.max(...cells.map((cell) => cell.bottom_mm + cell.height_mm));
  return cells.map((cell) => ({
    number: cell.number, x: left.get(cell.column), y: top - cell.bottom_mm - cell.height_mm,
    width: cell.width_mm, height: cell.height_mm,
  }));
}

function drawCell(box, marked, numbered) {
  const x = box.x + GAP_MM / 2;
  const y = box.y + GAP_MM / 2;
  const width = box.width - GAP_MM;
  const height = box.height - GAP_MM;
  const size = Math.min(height * 0.62, width * 0.4, marked ? 200 : 120);
  const middle = { x: x + width / 2, y: y + height / 2 };
  return s("g", { class: marked ? "cell marked" : "cell" },
    marked ? s("rect", { class: "halo", x: x - 26, y: y - 26, width: width + 52, height: height + 52, rx: 40 }) : null,
    s("rect", { class: "door", x, y, width, height, rx: 16 }),
    s("path", { class: "handle", d: `M${x + width - 32} ${middle.y - height * 0.14}v${height * 0.28}` }),
    numbered || marked
      ? s("text", { x: middle.x, y: middle.y + size * 0.36, "font-size": size }, String(box.number))
      : null);
}
