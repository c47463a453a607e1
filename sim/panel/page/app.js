// One buyer's app. It speaks the backend's own HTTP API, as a phone would, and knows no more than that tells.

import { choice } from "./camera.js";
import { be, h, Rows, set, word } from "./dom.js";
import { date, has, named, say, time } from "./texts.js";

const WAIT_S = 25;
const RETRY_MS = 1_000;
const PROBLEMS = ["not_there", "not_mine", "damaged", "refused"];
const ALIKE = { unconfirmed: "ordered", suspect: "stored" }; // to its buyer
const SCREEN = ""; // among what was asked: of the screen's code, not of a parcel
const money = (tenge) => `${tenge.toLocaleString("ru")}\u00a0₸`;

export class App {
  /** `seen()` is what the phone's camera reads off the locker's screen; `hold(parcel, way, source)` holds the phone, or a printed code, to the locker's own. */
  constructor(token, seen, hold) {
    Object.assign(this, { token, seen, hold, seeing: false, line: new AbortController(), told: { locker: { online: true }, parcels: [] }, accounts: [], asked: new Map(), claim: null, choice: null });
    this.away = h("p", { class: "away", role: "status" });
    this.scan = h("button", { class: "scan", onclick: () => this.press() });
    this.answer = h("span", { class: "told", role: "status" });
    this.list = h("ul", { class: "mine", onkeydown: (event) => this.walk(event) });
    this.mine = h("div", { class: "app", hidden: "" }, this.away, this.scan, this.answer, this.list);
    this.purse = h("ul", { class: "app", hidden: "" });
    this.parcels = new Rows(this.list, ({ waybill }) => waybill, (parcel) => this.parcel(parcel));
    this.money = new Rows(this.purse, ({ account }) => account, ({ account }) => this.account(account));
    this.show();
    this.follow();
  }

  /** Look, and again whenever the backend has news, until the line is cut. */
  async follow() {
    for (let news = 0; !this.line.signal.aborted;) {
      try {
        await this.look();
        ({ news } = await this.ask("GET", `news?after=${news}&wait=${WAIT_S}`));
      } catch {
        await new Promise((done) => { setTimeout(done, RETRY_MS); });
      }
    }
  }

  async ask(method, path, body) {
    const answer = await fetch(`/api/${path}`, {
      method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${this.token}` }, signal: this.line.signal });
    return answer.json();
  }

  async look() {
    const [told, { accounts }] = await Promise.all([this.ask("GET", "parcels"), this.ask("GET", "accounts")]);
    Object.assign(this, { told, accounts });
    for (const asked of this.asked.values()) if (asked.state === "waiting") Object.assign(asked, await this.ask("GET", `commands/${asked.id}`));
    if (this.claim && (await this.ask("GET", `commands/${this.claim}`)).state === "over") {
      this.claim = null;
      this.asked.delete(SCREEN);
    }
    this.show();
  }

  /** Ask for something about a parcel, or the screen: what becomes of it stands there until the parcel is in another state. */
  async want(row, verb, path, body, method = "POST") {
    const asked = { verb, at: this.stage(row) };
    this.asked.set(row, asked);
    this.choice = null;
    this.show();
    const { error, ...command } = await this.ask(method, path, body).catch(() => ({ error: { code: "unreachable" } }));
    Object.assign(asked, command, { error });
    this.show();
  }

  stage(row) {
    return this.told.parcels.find(({ waybill }) => waybill === row)?.state;
  }

  /** Read the code, or let the locker go. */
  press() {
    this.unfolded = undefined;
    if (this.claim) this.want(SCREEN, "leave", `claims/${this.claim}`, undefined, "DELETE");
    else if (this.seen()) this.want(SCREEN, "claim", "claims", { qr: this.seen() });
    else {
      this.asked.set(SCREEN, { error: { code: "no_code" } });
      this.show();
    }
  }

  /** Whether the locker has a camera to hold the phone to. */
  lookOut(seeing) {
    this.seeing = seeing;
    this.show();
  }

  show() {
    const { locker, parcels } = this.told;
    const screen = this.asked.get(SCREEN);
    if (screen?.state === "done") this.claim = screen.verb === "claim" ? screen.id : null;
    const mine = [...parcels].sort((a, b) => !a.cell - !b.cell); // what lies there first
    if (this.claim && this.unfolded !== null && !mine.some((parcel) => parcel.waybill === this.unfolded && opens(parcel))) {
      this.unfolded = mine.find(opens)?.waybill; // one by one, unless folded
    }
    for (const [row, { state, at }] of this.asked) if (state !== "waiting" && at !== this.stage(row)) this.asked.delete(row);
    be(this.away, "hidden", locker.online);
    word(this.away, say("app.offline"));
    word(this.scan, say(this.claim ? "app.leave_it" : "app.scan"));
    word(this.answer, this.claim ? say("screen.claimed") : words(screen));
    this.money.update(this.accounts);
    this.parcels.update(mine);
  }

  /** Arrow keys go from row to row. */
  walk(event) {
    const to = { ArrowUp: "previous", ArrowDown: "next" }[event.key];
    if (!to) return;
    event.preventDefault();
    event.target.closest("[data-app]")[`${to}ElementSibling`]?.firstChild.focus();
  }

  /** A parcel: what and where it is, until when, and what became of it. Unfolded: what can be done. */
  parcel({ waybill }) {
    const [state, where, until, address] = ["stage", "where", "until", "quiet"].map((name) => h("span", { class: name }));
    const told = h("p", { class: "told", role: "status" });
    const row = h("button", { class: "sum", onclick: () => {
      this.unfolded = this.unfolded === waybill ? null : waybill;
      this.choose(null);
    } }, h("b", {}, waybill), state, where, until);
    const buttons = h("div", { class: "does" });
    const code = h("details", { ontoggle: () => code.open && this.code(code, waybill) }, h("summary", {}, say("app.code")));
    const how = choice();
    const fold = h("div", { class: "fold" }, buttons, how, code, address);
    const options = new Rows(buttons, ({ name }) => name, ({ name }) => option(name));
    const element = h("li", { "data-app": waybill }, row, told, fold);
    const update = (parcel) => {
      const { cell, until_ms: end, can } = parcel;
      const waits = end && !opens(parcel) && this.told.locker.online;
      const at = waits ? "waits" : can.includes("confirm") ? "opened" : ALIKE[parcel.state] ?? parcel.state;
      set(state, "class", `stage ${at}`);
      word(state, has(`mine.${at}`) ? say(`mine.${at}`) : named("stage", at));
      word(where, cell ? say("app.cell", { cell }) : "");
      word(until, end ? say("app.until", { date: date(end).slice(0, 5), time: time(end).slice(0, 5) }) : "");
      word(address, parcel.address);
      be(code, "hidden", !cell);
      be(how, "hidden", !this.seeing || !opens(parcel));
      const asks = this.choice?.waybill === waybill ? this.choice.verb : null;
      word(told, asks ? say(asks === "open" ? "app.here" : "screen.problem") : words(this.asked.get(waybill)));
      const held = fold.contains(document.activeElement);
      options.update(asks ? this.answers(waybill, asks) : [...can.map((verb) => this.offer(waybill, verb, can)), ...this.showing(waybill, can, how)]);
      if (held && !fold.contains(document.activeElement)) (buttons.firstChild ?? row).focus();
      const folded = this.unfolded !== waybill;
      set(row, "aria-expanded", String(!folded));
      if (fold.hidden && !folded) requestAnimationFrame(() => element.scrollIntoView({ block: "nearest" })); // once the other is folded
      be(fold, "hidden", folded);
    };
    return { element, update };
  }

  /** What its camera reads opens the cell, whether the locker can be reached or not. */
  async code(place, waybill) {
    const token = await import("./token.js").catch(() => null);
    if (token) await token.show(place, () => this.ask("GET", `parcels/${waybill}/token`));
    else place.open = false; // to be opened once more
  }

  /** What can be done: some of it asks first. */
  offer(waybill, verb, can) {
    const again = can.includes("confirm") ? "action.reopen" : "action.open";
    const label = { open: this.claim ? "app.get" : again, confirm: "action.confirm", problem: "action.problem", extend: "app.keep", resend: "app.resend" }[verb];
    const asks = verb === "problem" || (verb === "open" && !this.claim);
    return { name: verb, label: say(label), act: () => (asks ? this.choose(waybill, verb) : this.want(waybill, verb, `parcels/${waybill}/${verb}`)) };
  }

  /** What opens its cell from the app may be shown to the camera as well. */
  showing(waybill, can, how) {
    return this.seeing && opens({ can }) ? [["hold", null], ["paper", "paper"]].map(([name, source]) => ({ name, label: say(`app.${name}`), act: () => this.hold(waybill, how.value, source) })) : [];
  }

  answers(waybill, verb) {
    const path = `parcels/${waybill}/${verb}`;
    const yes = verb === "problem"
      ? PROBLEMS.map((problem) => ({ name: problem, label: say(`problem.${problem}`), act: () => this.want(waybill, verb, path, { problem }) }))
      : [{ name: "yes", label: say("app.yes"), act: () => this.want(waybill, verb, path) }];
    return [...yes, { name: "no", label: say("action.back"), act: () => this.choose(null) }];
  }

  choose(waybill, verb) {
    this.choice = waybill && { waybill, verb };
    this.show();
  }

  account(name) {
    const [sum, back] = [h("b", {}), h("ul", { class: "told", "aria-live": "polite" })];
    const refunds = new Rows(back, ([waybill]) => waybill, ([parcel, tenge]) => ({ element: h("li", {}, say("app.refund", { parcel, tenge: money(tenge) })) }));
    return { element: h("li", { "data-account": name }, h("span", {}, name), sum, back), update: ({ tenge, refunds: came }) => {
      word(sum, money(tenge));
      refunds.update(Object.entries(came));
    } };
  }
}

const opens = ({ can }) => can.includes("open");

/** A button whose deed may become another one. */
function option(name) {
  let now = null;
  const element = h("button", { "data-does": name, onclick: () => now.act() });
  return { element, update: (item) => { now = item; word(element, item.label); } };
}

/** What became of something: refused by the backend, on its way, or answered by the locker. */
function words(asked) {
  if (!asked) return "";
  const { error, state, outcome, verb, message } = asked;
  if (error) return has(`app.${error.code}`) ? say(`app.${error.code}`) : named("outcome", error.code);
  if (verb === "resend") return message ? say("app.resent") : "";
  if (state === "done" && verb === "open") return say("entry.opened");
  if (outcome) return named("outcome", outcome);
  return say(state === "failed" ? "app.unanswered" : "app.sent");
}
