// Every screen as a description: which picture, which words, which buttons. view.js makes elements of it.
//
// A description has: picture, title and lines as [key, parameters]; cells to mark in the cabinet; `named`, the cell
// that the screen speaks of; buttons, and `way`, one more in the picture's place; and flags: `locker` (number and address
// in large), `phone`, `countdown`, `keypad`, `languages`, `hinted` (how to hold a code before the camera). A button exists
// only for an action that the controller listed.

const SECONDS = (left) => ({ s: Math.ceil(left / 1_000) });

const LABELS = {
  again: "action.again", back: "action.back", confirm: "action.confirm", more_time: "more_time.yes",
  open: "action.open", problem: "action.problem", reopen: "action.reopen", scan: "action.scan", start: "action.start",
};

const QUIET = [LABELS.back, "action.cancel"]; // what leads away

/** Buttons for those of `wanted` that may be pressed now. The first one is the one to see, but for the way back. */
function buttons(screen, wanted, labels = {}) {
  return wanted.filter((action) => screen.actions.includes(action)).map((action, index) => {
    const label = labels[action] ?? LABELS[action];
    return { action, label: [label], look: QUIET.includes(label) ? "quiet" : index === 0 ? "first" : "other" };
  });
}

/** A screen about the person's own cell and its door. */
const atCell = (picture) => (screen) => ({
  picture, named: screen.cell, cells: [screen.cell], title: [`screen.${screen.name}`], lines: [[`${screen.name}.text`]],
  buttons: [],
});

/** Whether they have the parcel: after the door was shut. */
const afterDoor = (picture) => (screen) => ({
  ...atCell(picture)(screen), countdown: true, buttons: buttons(screen, ["confirm", "reopen", "problem"]),
});

/** What is said of doors that stand open with nobody before them; null where there are none. */
function standing(open) {
  return open.length === 1 ? ["idle.open_cell", { cell: open[0] }]
    : open.length ? ["idle.open_cells", { n: open.length, cells: open }] : null;
}

function idle(screen) {
  return {
    picture: null, cells: screen.open_cells, title: ["screen.idle"], languages: true,
    lines: [[screen.camera ? "idle.how_scan" : "idle.how"]], warning: standing(screen.open_cells),
    buttons: buttons(screen, ["start", "scan"]),
  };
}

function keypad(screen) {
  const compare = screen.wrong >= 3 ? ["locker.compare"] : null;
  const blind = screen.blind ? [screen.blind === "covered" ? "blind.covered" : "blind.broken"] : null;
  const scanned = screen.notice ? [`notice.${screen.notice}`] : null;
  return {
    picture: "code", title: [screen.with_phone ? "keypad.with_phone" : "screen.keypad"], locker: true,
    lines: screen.with_phone ? [] : [compare ?? scanned ?? blind], // one question at a time
    keypad: true, languages: true, way: buttons(screen, ["scan"])[0], buttons: buttons(screen, ["back"]),
  };
}

function outOfService(screen) {
  return {
    picture: "broken", cells: screen.open_cells, title: ["screen.out_of_service"], phone: true, locker: true, buttons: [],
    lines: [screen.reason ? [`out_of_service.${screen.reason}`] : null, standing(screen.open_cells)],
  };
}

const NOTED = {
  not_yet_valid: "code_early", qr_early: "code_early", qr_over: "code_early", clock_unsure: "code_early",
  code_ended: "code_wrong", qr_old: "code_wrong", not_ours: "code_wrong",
};

function notice(screen) {
  const key = `notice.${screen.notice}`;
  const dated = screen.date_ms !== undefined;
  return {
    picture: NOTED[screen.notice] ?? screen.notice, title: [key],
    named: screen.cell, cells: screen.cell === undefined ? [] : [screen.cell],
    lines: [
      dated ? { optional: true, text: [`${key}.date`, { date_ms: screen.date_ms }] } : null,
      [`${key}.text`],
      screen.account ? ["notice.refund", { account: screen.account }] : null,
    ],
    buttons: buttons(screen, ["again", "back"], { again: "action.other_code" }),
  };
}

/** Between two parcels of a courier: what was scanned last and opens nothing, or what to do. */
function nextParcel(screen) {
  const said = screen.notice && (screen.notice === "already_done" ? "next_parcel.already_done" : `notice.${screen.notice}`);
  return {
    picture: screen.notice ?? "barcode", title: [said ?? "screen.next_parcel"],
    lines: [[said ? "notice.not_in_batch.text" : "next_parcel.text"]], countdown: true,
    buttons: buttons(screen, ["back"], { back: "action.done" }),
  };
}

const PROBLEMS = ["not_there", "not_mine", "damaged", "refused"];
const THANKS = { pickup: "enjoy", deposit: "stored", withdrawal: "fetched", service: "serviced" };

export const SCREENS = {
  idle,
  keypad,
  scan: (screen) => ({
    picture: "scan", title: ["screen.scan"], lines: [], hinted: true, languages: true,
    buttons: buttons(screen, ["back"], { back: "action.type_code" }),
  }),
  wrong_code: (screen) => ({
    picture: "code_wrong", title: ["screen.wrong_code"], locker: true,
    lines: [screen.wrong >= 3 ? ["locker.compare"] : ["wrong_code.text"]], buttons: buttons(screen, ["again", "back"]),
  }),
  wait: (screen) => ({
    picture: "clock", title: (left) => ["screen.wait", SECONDS(left)], locker: true,
    lines: [["wait.text"], [screen.camera ? "wait.works_scan" : "wait.works"]], buttons: buttons(screen, ["scan", "back"]),
  }),
  notice,
  opening: atCell("opening"),
  take_parcel: atCell("take"),
  put_parcel: atCell("put"),
  close_door: atCell("close"),
  closing: afterDoor("closed"),
  ask_taken: afterDoor("asked"),
  problem: (screen) => ({
    picture: "trouble", named: screen.cell, cells: [], title: ["screen.problem"], lines: [],
    buttons: [
      ...(screen.actions.includes("report") ? PROBLEMS : [])
        .map((problem) => ({ action: "report", problem, label: [`problem.${problem}`], look: "other" })),
      ...buttons(screen, ["back"]),
    ],
  }),
  problem_noted: (screen) => ({
    ...atCell("noted")(screen), cells: [], phone: true, buttons: buttons(screen, ["back"], { back: "action.done" }),
  }),
  not_opened: (screen) => ({
    ...atCell("jammed")(screen), lines: screen.can_retry ? [["not_opened.text"]] : [], phone: true,
    buttons: buttons(screen, ["again", "back"]),
  }),
  wrong_cell: (screen) => ({
    ...atCell("not_yours")(screen), named: screen.open_cells[0], cells: screen.open_cells,
  }),
  thanks: (screen) => ({
    picture: THANKS[screen.purpose] ?? "enjoy", title: [`thanks.${screen.purpose ?? "pickup"}`],
    lines: screen.purpose === "deposit" ? [["thanks.deposit.text"]] : [],
    buttons: buttons(screen, ["back"], { back: "action.done" }),
  }),
  next_parcel: nextParcel,
  await_touch: (screen) => ({ ...atCell("touch")(screen), countdown: true, buttons: buttons(screen, ["open", "back"]) }),
  claimed: (screen) => ({
    picture: "in_app", title: ["screen.claimed"], lines: [["claimed.text"]], countdown: true,
    buttons: buttons(screen, ["back"], { back: "action.cancel" }),
  }),
  busy: (screen) => ({
    picture: "busy", title: ["screen.busy"], lines: [["busy.text"]], countdown: true, buttons: buttons(screen, ["back"]),
  }),
  out_of_service: outOfService,

  // What no controller sends: the page's own state.
  connecting: () => ({ picture: "connecting", title: ["screen.connecting"], lines: [], buttons: [] }),
  offline: () => ({
    picture: "offline", title: ["screen.offline"], phone: true, lines: [["offline.text"], (left) => (left > 0 ? ["offline.next", SECONDS(left)] : null)],
    buttons: [],
  }),
  superseded: () => ({
    picture: "busy", title: ["screen.busy"], lines: [["busy.elsewhere"]],
    buttons: [{ local: "resume", label: ["action.resume"], look: "first" }],
  }),
};

/** The last seconds of a screen ask whether more time is needed, where the controller would give some. */
export const MORE_TIME_FROM_MS = 10_000;
export const moreTime = { ask: ["more_time.ask"], left: (left) => ["time.left", SECONDS(left)], yes: [LABELS.more_time] };
