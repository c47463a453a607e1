// The pictures: each is a thing and, on it, a sign that says what is the matter. Drawn here, so that nothing is
// fetched; classes of style.css give the colours (l line, p paper, t tint, a accent, k ink).

import { s } from "./dom.js";

const path = (kind, d) => s("path", { class: kind, d });
const rect = (kind, x, y, width, height, rx = 0) => s("rect", { class: kind, x, y, width, height, rx });
const circle = (kind, cx, cy, r) => s("circle", { class: kind, cx, cy, r });
const group = (attributes, ...children) => s("g", attributes, ...children);
const move = (x, y, scale = 1) => ({ transform: `translate(${x} ${y}) scale(${scale})` });

const box = () => [
  path("p l", "M0-42 40-21V23L0 44-40 23V-21z"),
  path("t", "M0 0 40-21V23L0 44z"),
  path("a", "M-24-29.4-12-35.7 28-14.7V1L16 7.3V-8.4z"),
  path("l", "M-40-21 0 0 40-21M0 0V44M0-42 40-21V23L0 44-40 23V-21z"),
];
const qr = () => [
  ...[[0, 0], [28, 0], [0, 28]].flatMap(([x, y]) => [rect("k", x, y, 12, 12, 1), rect("p", x + 3.2, y + 3.2, 5.6, 5.6)]),
  path("k", "M16 0h5v5h-5zM20 8h5v5h-5zM15 16h5v5h-5zM0 17h6v5H0zM26 17h6v5h-6zM34 22h6v6h-6zM18 28h6v6h-6zM26 33h6v7h-6zM34 34h6v6h-6zM17 37h5v3h-5zM8 19h4v4H8z"),
];
const frame = (inside) => [rect("p l", 26, 22, 88, 116, 8), rect(inside, 38, 34, 64, 92, 3)];
const THINGS = {
  parcel: () => [group(move(76, 82, 1.35), ...box())],
  cell: () => [...frame("p l"), path("l", "M92 72v18M26 48h-6M26 112h-6"), rect("t", 46, 44, 30, 12, 3)],
  open: () => [...frame("k"), path("p l", "M102 34 140 20V140L102 126z"), path("l", "M131 74v14")],
  ajar: () => [
    ...frame("k"), path("p l", "M102 34 56 24V136l46-10z"), path("l", "M64 74v14"),
    path("al", "M14 62 2 56M12 80H-2M14 98 2 104"),
  ],
  filled: () => [...frame("t"), group(move(70, 92, 0.68), ...box()), path("l", "M38 126h64")],
  phone: () => [
    rect("p l", 26, 34, 66, 114, 12), path("l", "M52 136h14"),
    path("t l", "M58 14h80a8 8 0 0 1 8 8v36a8 8 0 0 1-8 8H90L74 82V66H58a8 8 0 0 1-8-8V22a8 8 0 0 1 8-8z"),
    ...[76, 98, 120].map((x) => circle("k", x, 40, 5)),
  ],
  truck: () => [
    rect("t l", 8, 46, 82, 66, 6), path("p l", "M90 66h30l22 24v22H90z"), path("l", "M104 78h13l11 13h-24z"),
    path("l", "M8 112h134"), circle("p l", 38, 116, 14), circle("p l", 114, 116, 14), path("a", "M42 46h14v26H42z"),
  ],
  calendar: () => [
    rect("p l", 24, 32, 104, 100, 10), path("a", "M24 42a10 10 0 0 1 10-10h84a10 10 0 0 1 10 10v18H24z"),
    path("l", "M48 20v22M104 20v22"), ...[44, 68, 92].flatMap((x) => [rect("t", x, 74, 14, 14, 3), rect("t", x, 100, 14, 14, 3)]),
  ],
  list: () => [
    rect("p l", 32, 26, 88, 116, 8), rect("t l", 56, 14, 40, 24, 6), path("l", "M50 62h52M50 86h52M50 110h26"),
  ],
  hourglass: () => [
    path("p l", "M42 24h76M42 136h76M50 24v18c0 22 30 26 30 38s-30 16-30 38v18M110 24v18c0 22-30 26-30 38s30 16 30 38v18"),
    path("a", "M60 130c0-16 20-18 20-30 0 12 20 14 20 30zM62 48h36c-4 12-18 14-18 26 0-12-14-14-18-26z"),
  ],
  clock: () => [circle("p l", 80, 80, 58), path("l", "M80 34v8M80 118v8M34 80h8M118 80h8"), path("al", "M80 50v32l20 14")],
  plug: () => [
    path("l", "M-2 118c30 0 12-44 40-44"), path("t l", "M38 50h18a24 24 0 0 1 0 48H38z"), path("l", "M80 62h16M80 86h16"),
    path("l", "M162 30c-30 0-10 44-38 44"), path("t l", "M124 44h-12v60h12a30 30 0 0 0 0-60z"),
    path("al", "M88 30v-14M72 36 62 26M104 36l10-10"),
  ],
  barcode: () => [
    ...THINGS.parcel(), rect("p l", 44, 78, 72, 40, 4),
    path("k", "M52 86h4v24h-4zM60 86h2v24h-2zM66 86h6v24h-6zM76 86h2v24h-2zM82 86h4v24h-4zM90 86h2v24h-2zM96 86h6v24h-6zM106 86h2v24h-2z"),
  ],
  lens: () => [
    path("t", "M34 64 92 30V122L34 88z"), rect("k", -4, 12, 18, 136, 4), circle("k", 20, 76, 19), circle("ring", 20, 76, 9), circle("a", 20, 76, 7),
    group({ class: "near" }, rect("p l", 84, 14, 68, 122, 12), path("l", "M110 124h16"), group(move(95, 36, 1.15), ...qr())),
  ],
  locker: () => [
    rect("p l", 22, 16, 116, 124, 8), path("l", "M60 16v124M100 16v124M22 56h38M22 98h38M100 46h38M100 78h38M100 110h38M60 92h40"),
    rect("a", 68, 30, 24, 36, 4), path("l", "M36 140v8M124 140v8"),
  ],
};
const SIGNS = {
  check: () => path("s", "M-12 1-4 10 13-9"),
  cross: () => path("s", "M-10-10 10 10M10-10-10 10"),
  mind: () => [path("s", "M0-14V3"), path("s", "M0 13v.1")],
  ask: () => [path("s", "M-8-8c1-8 16-8 16 1C8-1 0-1 0 5"), path("s", "M0 14v.1")],
  clock: () => path("s", "M0-12V1L9 7"),
  back: () => path("s", "M-12-3H6a8 8 0 0 1 0 15H-4M-12-3-4-11M-12-3-4 5"),
  lock: () => [rect("w", -11, -3, 22, 16, 3), path("s", "M-6-3v-4a6 6 0 0 1 12 0v4")],
  heart: () => path("w", "M0 14C-20 1-14-13-5-11-2-10 0-6 0-6s2-4 5-5C14-13 20 1 0 14z"),
  closer: () => path("s", "M13 0H-12M-3-10-13 0-3 10"),
  farther: () => path("s", "M-13 0H12M3-10 13 0 3 10"),
  sun: () => [...[0, 45, 90, 135, 180, 225, 270, 315].map((turn) => group({ transform: `rotate(${turn})` }, path("s", "M0-12v-3"))), circle("w", 0, 0, 7)],
  turn: () => path("s", "M-11 5A12 12 0 1 1 8 9M8 0v10H-2"),
  still: () => path("s", "M-7-11V11M7-11V11"),
  wrench: () => [path("s", "M-11 12 3-2"), path("s", "M5-14A9 9 0 1 0 14-5")],
};
const sign = (name) => group({ class: "sign", ...move(124, 124, 1.12) }, circle("a ring", 0, 0, 26), SIGNS[name]());
const arrow = (kind, d) => group({ class: kind }, path("halo-line", d), path("al", d));

const beside = () => [group(move(18, 0), ...THINGS.open())]; // an open cell that leaves room for a parcel before it
const both = (thing, mark) => () => [...THINGS[thing](), sign(mark)];
const PICTURES = {
  welcome: () => [group(move(80, 76, 1.7), ...box())],
  code: THINGS.phone,
  scan: THINGS.lens,
  scan_closer: both("lens", "closer"),
  scan_farther: both("lens", "farther"),
  scan_dark: both("lens", "sun"),
  scan_tilt: both("lens", "turn"),
  scan_still: both("lens", "still"),
  code_wrong: both("phone", "cross"),
  code_early: both("phone", "clock"),
  clock: THINGS.clock,
  time: THINGS.clock,
  opening: THINGS.ajar,
  take: () => [...beside(), group({ class: "out" }, group(move(42, 112, 0.86), ...box())), arrow("out", "M84 44H14M34 24 14 44l20 20")],
  put: () => [...beside(), group({ class: "in" }, group(move(34, 112, 0.86), ...box())), arrow("in", "M6 44h74M60 24l20 20-20 20")],
  close: () => [...frame("k"), group({ class: "swing" }, path("p l", "M102 34 140 20V140L102 126z"), path("l", "M131 74v14")),
    path("al", "M140 4C118-10 82-8 62 8M62-8V9h18")],
  closed: both("cell", "check"),
  asked: both("parcel", "ask"),
  trouble: both("parcel", "mind"),
  noted: both("list", "check"),
  jammed: () => [...THINGS.cell(), arrow("press", "M152 80h-34M130 66l-14 14 14 14")],
  not_yours: both("open", "mind"),
  enjoy: both("parcel", "heart"),
  stored: both("filled", "check"),
  fetched: both("truck", "check"),
  serviced: both("cell", "check"),
  touch: () => [...THINGS.cell(), group({ class: "press" }, path("al", "M104 62a22 22 0 0 1 44 0"),
    path("p l", "M118 118V64a8 8 0 0 1 16 0v30l20 5a11 11 0 0 1 8 13l-5 22a14 14 0 0 1-14 11h-13a18 18 0 0 1-14-7l-16-20a8 8 0 0 1 11-11z"))],
  in_app: () => [rect("p l", 18, 2, 92, 148, 14), path("l", "M56 138h16"), rect("t", 32, 22, 64, 44, 4), rect("a", 32, 80, 64, 24, 8),
    group({ class: "press" }, path("p l", "M98 128V92a8 8 0 0 1 16 0v22l20 5a11 11 0 0 1 8 13l-5 17a14 14 0 0 1-14 11h-13a18 18 0 0 1-14-7l-12-15a8 8 0 0 1 11-11z"))],
  busy: THINGS.hourglass,
  broken: both("locker", "wrench"),
  offline: THINGS.plug,
  connecting: THINGS.locker,
  not_delivered: THINGS.truck,
  collected: both("parcel", "check"),
  expired: both("calendar", "cross"),
  refused: both("parcel", "back"),
  cancelled: both("parcel", "cross"),
  awaits_technician: both("cell", "wrench"),
  reopened_out: both("cell", "lock"),
  cell_offline: both("cell", "cross"),
  cell_quiet: THINGS.hourglass,
  cell_open: THINGS.open,
  already_done: both("list", "check"),
  no_deposits: both("parcel", "cross"),
  code_first: THINGS.phone,
  barcode: THINGS.barcode,
  not_in_batch: both("barcode", "cross"),
  not_due: both("parcel", "clock"),
  other_locker: both("locker", "cross"),
  no_grant: both("list", "cross"),
  unknown_key: both("phone", "lock"),
  no_static: both("list", "cross"),
};

/** A picture by name; decorative, because the words beside it say the same. */
export function picture(name) {
  return s("svg", { class: "picture", "data-picture": name, viewBox: "-8 -14 176 176", "aria-hidden": "true" }, PICTURES[name]());
}

export const reachIcon = (low) => s("svg", { class: "icon", viewBox: "0 0 48 48", "aria-hidden": "true" },
  circle("k", 20, 8, 4.5), path("l", "M20 15v13h12l6 11M20 20h10M15 22a11 11 0 1 0 15 15"),
  path("l", low ? "M42 22V6M37 11l5-5 5 5" : "M42 6v16M37 17l5 5 5-5"));
export const eraseIcon = () => s("svg", { class: "icon", viewBox: "0 0 48 48", "aria-hidden": "true" },
  path("l", "M16 10h26v28H16L4 24zM22 18l12 12M34 18 22 30"));
