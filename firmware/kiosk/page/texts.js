// The text catalogues: one per language, the same keys and placeholders in each (tests/kiosk/test_texts.py).

export const LANGUAGES = ["kk", "ru", "en"]; // in the order of their buttons

const PLACEHOLDER = /\{(\w+)\}/g;

/** One language's words. A value may be an object of CLDR plural categories, chosen by the parameter `n`. */
export class Texts {
  constructor(book, layout) {
    this.language = book.language;
    this.name = book.name;
    this.book = book.texts;
    this.always = { id: layout.locker, phone: keepTogether(layout.phone) };
    this.plurals = new Intl.PluralRules(book.language);
    this.months = book.months; // browsers are built without the Kazakh ones
    this.dates = new Intl.DateTimeFormat("ru", {
      timeZone: layout.timezone, day: "numeric", month: "numeric", hour: "2-digit", minute: "2-digit",
    });
  }

  has(key) {
    return key in this.book;
  }

  /** The text of a key. `date_ms` and `cells` among the parameters become what a person reads. */
  say(key, parameters = {}) {
    let text = this.book[key];
    if (text === undefined) throw new Error(`no text ${key} in ${this.language}`);
    if (typeof text === "object") text = text[this.plurals.select(parameters.n)];
    const values = { ...this.always, ...parameters };
    if (values.date_ms !== undefined) values.date = this.date(values.date_ms);
    if (Array.isArray(values.cells)) values.cells = values.cells.join(", ");
    return bind(text.replace(PLACEHOLDER, (_, name) => values[name]));
  }

  /** Day, month and time in the locker's own zone. */
  date(utcMs) {
    const part = Object.fromEntries(this.dates.formatToParts(utcMs).map(({ type, value }) => [type, value]));
    return keepTogether(`${Number(part.day)} ${this.months[part.month - 1]}, ${part.hour}:${part.minute}`);
  }
}

/** No line ends after a short word, № or «QR-», and none begins with a unit or with the particle of a Kazakh question. */
function bind(text) {
  return text.replace("QR-", "QR\u2011").replace(/(?<=(?:^|[\s\u00ab])(?:№|\p{L}{1,2})) |(?<=\d) (?=\p{L}(?!\p{L}))| (?=[бмп][ае]\?)/gu, "\u00a0");
}

/** A telephone number or a date is read in one piece. */
function keepTogether(text) {
  return text.replaceAll(" ", "\u00a0");
}

/** All catalogues by language. Rejects where one cannot be had. */
export async function loadTexts(layout) {
  const books = await Promise.all(LANGUAGES.map((language) => loadJson(`/texts/${language}.json`)));
  return Object.fromEntries(books.map((book) => [book.language, new Texts(book, layout)]));
}

export async function loadJson(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
