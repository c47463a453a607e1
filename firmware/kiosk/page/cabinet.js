// The cabinet, drawn from the same layout as the hardware. A marked cell differs by fill, by a dashed
// ring and by a badge, so that nobody depends on its colour. A cabinet with nothing marked is a picture, without numbers.

import { s } from "./dom.js";

const GAP_MM = 14;
const FRAME_MM = 46;
const NUMBERS_MAX = 48; // above this many cells only the marked ones carry their number

/** An SVG element; `marked` are cell numbers, `alt` says the same in words. */
export function drawCabinet(cells, marked, alt) {
  const boxes = place(cells);
  const width = Math.max(...boxes.map((box) => box.x + box.width));
  const height = Math.max(...boxes.map((box) => box.y + box.height));
  const numbered = marked.length > 0 && cells.length <= NUMBERS_MAX;
  const badge = Math.max(width, height) * 0.056; // its radius: legible however small the cell is
  const found = boxes.filter((box) => marked.includes(box.number));
  return s("svg", {
    class: "cabinet", role: "img", "aria-label": alt,
    viewBox: `${-FRAME_MM} ${-FRAME_MM} ${width + 2 * FRAME_MM} ${height + 2 * FRAME_MM + 50}`,
  },
  s("rect", { class: "foot", x: 40, y: height + FRAME_MM - 20, width: width - 80, height: 70, rx: 12 }),
  s("rect", {
    class: "frame", x: -FRAME_MM, y: -FRAME_MM, width: width + 2 * FRAME_MM, height: height + 2 * FRAME_MM, rx: 40,
  }),
  boxes.filter((box) => !found.includes(box)).map((box) => drawDoor(box, numbered)),
  found.map((box) => drawMarked(box, badge)));
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
    number: cell.number, x: left.get(cell.column) + GAP_MM / 2, y: top - cell.bottom_mm - cell.height_mm + GAP_MM / 2,
    width: cell.width_mm - GAP_MM, height: cell.height_mm - GAP_MM,
  }));
}

function drawDoor({ number, x, y, width, height }, numbered) {
  const size = Math.min(height * 0.66, width * 0.4, 120);
  return s("g", { class: "cell" },
    s("rect", { class: "door", x, y, width, height, rx: 16 }),
    s("path", { class: "handle", d: `M${x + width - 32} ${y + height * 0.36}v${height * 0.28}` }),
    numbered ? label(x + width / 2, y + height / 2, size, number) : null);
}

function drawMarked({ number, x, y, width, height }, badge) {
  const middle = [x + width / 2, y + height / 2];
  return s("g", { class: "marked" },
    s("rect", { class: "halo", x: x - 26, y: y - 26, width: width + 52, height: height + 52, rx: 40 }),
    s("rect", { class: "door", x, y, width, height, rx: 16 }),
    s("circle", { class: "badge", cx: middle[0], cy: middle[1], r: badge }),
    label(...middle, badge * 1.15, number));
}

function label(x, y, size, number) {
  return s("text", { x, y: y + size * 0.36, "font-size": size }, String(number));
}
