// The cabinet, drawn from the same layout as the hardware. A marked cell differs by fill, by a ring and by a badge
// with its number, so that nobody depends on its colour; the other doors would carry numbers too small to read, so none.

import { s } from "./dom.js";

const GAP_MM = 14;
const FRAME_MM = 46;
const SCREEN_MIN_MM = 300; // the one room of a column that is as high and holds no cell is where the screen sits

/** An SVG element; `marked` are cell numbers, `alt` says the same in words. */
export function drawCabinet(cells, marked, alt) {
  const boxes = place(cells);
  const width = Math.max(...boxes.map((box) => box.x + box.width));
  const height = Math.max(...boxes.map((box) => box.y + box.height));
  const badge = Math.max(width, height) * 0.084; // its radius: legible however small the cell is
  const rooms = emptyRooms(boxes, height);
  const found = boxes.filter((box) => marked.includes(box.number));
  return s("svg", {
    class: "cabinet", role: "img", "aria-label": alt,
    viewBox: `${-FRAME_MM} ${-FRAME_MM} ${width + 2 * FRAME_MM} ${height + 2 * FRAME_MM + 50}`,
  },
  s("rect", { class: "foot", x: 40, y: height + FRAME_MM - 20, width: width - 80, height: 70, rx: 12 }),
  s("rect", {
    class: "frame", x: -FRAME_MM, y: -FRAME_MM, width: width + 2 * FRAME_MM, height: height + 2 * FRAME_MM, rx: 40,
  }),
  rooms.length === 1 ? drawScreen(rooms[0]) : null, // where there are more, none is known to be it
  boxes.filter((box) => !found.includes(box)).map(drawDoor),
  found.map((box) => drawMarked(box, badge, [
    within(box.x + box.width / 2, badge - FRAME_MM, width + FRAME_MM - badge),
    within(box.y + box.height / 2, badge - FRAME_MM, height + FRAME_MM - badge),
  ])));
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

/** What no cell takes of each column's height, from SCREEN_MIN_MM on. */
function emptyRooms(boxes, height) {
  const columns = Map.groupBy(boxes, (box) => box.x);
  return [...columns.values()].flatMap((column) => {
    const { x, width } = column.reduce((widest, box) => (box.width > widest.width ? box : widest));
    let y = 0;
    const rooms = [];
    for (const box of [...column].sort((a, b) => a.y - b.y)) {
      if (box.y - y >= SCREEN_MIN_MM) rooms.push({ x, y, width, height: box.y - y });
      y = box.y + box.height;
    }
    return height - y >= SCREEN_MIN_MM ? [...rooms, { x, y, width, height: height - y }] : rooms;
  });
}

function drawScreen({ x, y, width, height }) {
  const high = Math.min(height * 0.7, width * 1.5);
  return s("rect", { class: "glass", x: x + 30, y: y + (height - high) / 2, width: width - 60, height: high, rx: 24 });
}

function drawDoor({ x, y, width, height }) {
  return s("g", { class: "cell" },
    s("rect", { class: "door", x, y, width, height, rx: 16 }),
    s("path", { class: "handle", d: `M${x + width - 32} ${y + height * 0.36}v${height * 0.28}` }));
}

const within = (value, least, most) => Math.max(least, Math.min(most, value));

/** `middle` is the badge's: of the cell, but for a small one at the edge, whose badge stays on the cabinet. */
function drawMarked({ number, x, y, width, height }, badge, middle) {
  const size = badge * (number < 100 ? 1.35 : 1.05);
  return s("g", { class: "marked" },
    s("rect", { class: "halo", x: x - 26, y: y - 26, width: width + 52, height: height + 52, rx: 40 }),
    s("rect", { class: "door", x, y, width, height, rx: 16 }),
    s("circle", { class: "badge", cx: middle[0], cy: middle[1], r: badge }),
    s("text", { x: middle[0], y: middle[1] + size * 0.36, "font-size": size }, String(number)));
}
