// A state machine as a drawing: columns by the distance from the first state, rows so that arrows cross little.

export const NODE = { width: 138, height: 46 };
const GAP = { x: 62, y: 30 };
const EDGE = 14; // free room around
const SWEEPS = 4;

/** Where everything goes: `{width, height, nodes: Map(state → {x, y}), edges, anywhere}`. */
export function layOut({ states, moves }) {
  const anywhere = fromAnywhere(states, moves);
  const edges = arrows(moves.filter((move) => !anywhere.some((one) => one.trigger === move.trigger && one.dest === move.dest)));
  const columns = [];
  for (const [state, depth] of depths(states, edges)) (columns[depth] ??= []).push(state);
  order(columns, edges);
  const rows = Math.max(...columns.map((column) => column.length));
  const high = rows * (NODE.height + GAP.y) - GAP.y;
  const nodes = new Map(columns.flatMap((column, x) => column.map((state, y) => [state, {
    x: EDGE + x * (NODE.width + GAP.x),
    y: EDGE + y * (NODE.height + GAP.y) + (high - column.length * (NODE.height + GAP.y) + GAP.y) / 2,
  }])));
  for (const edge of edges) edge.path = curve(nodes.get(edge.source), nodes.get(edge.dest));
  return { width: columns.length * (NODE.width + GAP.x) - GAP.x + 2 * EDGE, height: high + 2 * EDGE + 10, nodes, edges, anywhere };
}

/** Triggers that nearly every state takes to the same place stand below the drawing. */
function fromAnywhere(states, moves) {
  const count = new Map();
  for (const { trigger, source, dest } of moves) {
    if (!dest) continue;
    const key = `${trigger} ${dest}`;
    count.set(key, (count.get(key) ?? new Set()).add(source));
  }
  return [...count].filter(([, sources]) => sources.size >= states.length - 1).map(([key]) => {
    const [trigger, dest] = key.split(" ");
    return { trigger, dest };
  });
}

/** One arrow for each pair of states, with all its triggers. */
function arrows(moves) {
  const all = new Map();
  for (const { trigger, source, dest } of moves) {
    if (!dest || dest === source) continue;
    const key = `${source} ${dest}`;
    if (!all.has(key)) all.set(key, { source, dest, triggers: [] });
    if (!all.get(key).triggers.includes(trigger)) all.get(key).triggers.push(trigger);
  }
  return [...all.values()];
}

function depths(states, edges) {
  const found = new Map([[states[0], 0]]);
  for (const [state, depth] of found) { // a Map is walked in the order of insertion, also of what is added meanwhile
    for (const { source, dest } of edges) if (source === state && !found.has(dest)) found.set(dest, depth + 1);
  }
  for (const state of states) if (!found.has(state)) found.set(state, 0);
  return found;
}

function order(columns, edges) {
  const at = (state) => columns.flatMap((column) => column.map((one, row) => [one, row - (column.length - 1) / 2])).find(([one]) => one === state)[1];
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    columns.forEach((column, index) => {
      const beside = new Set([...(columns[index - 1] ?? []), ...(sweep % 2 ? columns[index + 1] ?? [] : [])]);
      const pull = new Map(column.map((state) => {
        const others = edges.flatMap(({ source, dest }) => (source === state ? [dest] : dest === state ? [source] : [])).filter((other) => beside.has(other));
        return [state, others.length ? others.map(at).reduce((a, b) => a + b) / others.length : at(state)];
      }));
      column.sort((a, b) => pull.get(a) - pull.get(b));
    });
  }
}

function curve(from, to) {
  const middle = NODE.height / 2;
  if (to.x > from.x) { // onwards
    const [x1, y1, x2, y2] = [from.x + NODE.width, from.y + middle - 5, to.x - 3, to.y + middle - 5];
    const bend = (x2 - x1) * 0.45;
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }
  if (to.x === from.x) { // beside
    const x = from.x + NODE.width;
    const down = to.y > from.y ? 8 : -8;
    return `M${x} ${from.y + middle + down}C${x + 44} ${from.y + middle + down} ${x + 44} ${to.y + middle - down} ${x + 3} ${to.y + middle - down}`;
  }
  const [x1, y1, x2, y2] = [from.x, from.y + middle + 8, to.x + NODE.width + 3, to.y + middle + 8]; // back
  const bend = Math.max(30, (x1 - x2) * 0.45);
  return `M${x1} ${y1}C${x1 - bend} ${y1} ${x2 + bend} ${y2} ${x2} ${y2}`;
}
