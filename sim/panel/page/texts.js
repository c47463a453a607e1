// The panel's words: one catalogue per language, the same keys and placeholders in each (tests/sim/test_panel_page.py).

export const LANGUAGES = ["kk", "ru", "en"]; // in the order of their buttons
const PLACEHOLDER = /\{(\w+)\}/g;
const CHOICE = "postomat.language";

let book = {};
let plurals = new Intl.PluralRules("en");
let clock = null;
let dates = null;

/** The language somebody chose here before, or the first of the browser's that we have. */
export function wantedLanguage() {
  const wished = [localStorage.getItem(CHOICE), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wished.find((language) => LANGUAGES.includes(language)) ?? "en";
}

/** Speak this language from now on. Rejects where its catalogue cannot be had. */
export async function speak(language) {
  const answer = await fetch(`/${language}.json`);
  if (!answer.ok) throw new Error(`/${language}.json: ${answer.status}`);
  book = await answer.json();
  plurals = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

/** Keep the choice for the next visit. */
export function remember(language) {
  localStorage.setItem(CHOICE, language);
}

/** Times are the locker's own, wherever the page is read. */
export function useZone(timeZone) {
  clock = new Intl.DateTimeFormat("en-GB", { timeZone, timeStyle: "medium" });
  dates = new Intl.DateTimeFormat("en-GB", { timeZone, day: "2-digit", month: "2-digit", year: "numeric" });
}
export const time = (utcMs) => clock.format(utcMs);
export const date = (utcMs) => dates.format(utcMs).replaceAll("/", ".");

export const has = (key) => key in book;

/** The words of a key, with its parameters put in. A value may be an object of CLDR plurals, chosen by `n`. */
export function say(key, parameters = {}) {
  let text = book[key];
  if (text === undefined) return told(key, parameters);
  if (typeof text === "object") text = text[plurals.select(parameters.n)];
  return text.replace(PLACEHOLDER, (_, name) => parameters[name] ?? "");
}

/** A word of the firmware in this language, or, where we have none, as the firmware spells it. */
export function named(kind, name) {
  return book[`${kind}.${name}`] ?? String(name);
}

/** A key that a newer simulator sends: shown as it is, with what it carries. */
function told(key, parameters) {
  return [key, ...Object.entries(parameters).filter(([, value]) => value !== undefined).map(([name, value]) => `${name} ${value}`)].join(" ");
}

/** A span of time in the two units that matter. */
export function span(seconds) {
  const rest = Math.max(0, Math.round(seconds));
  const [d, hours, minutes, s] = [Math.floor(rest / 86_400), Math.floor(rest / 3_600) % 24, Math.floor(rest / 60) % 60, rest % 60];
  if (d) return say("span.days", { d, h: hours });
  if (hours) return say("span.hours", { h: hours, m: minutes });
  return minutes ? say("span.minutes", { m: minutes, s }) : say("span.seconds", { s });
}
