// Small makers of elements, and small changers that touch the page only where something differs. Texts go in as text
// nodes, so nothing that is shown can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `attributes` may hold listeners as `onclick`, and `false` or `null` leaves an attribute out. */
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** The same in the namespace of SVG. */
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make an element of a drawing a button, for the finger and for the keyboard. */
export function pressable(element, press) {
  element.setAttribute("role", "button");
  element.addEventListener("click", press);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    press();
  });
  return element;
}

/** Other words for an element, if they are others. */
export function word(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Another value for an attribute, if it is another; `null` and `false` take it away. */
export function set(element, name, value) {
  const wanted = value === null || value === undefined || value === false ? null : String(value);
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}

/** Another value for a property such as `hidden` or `disabled`, if it is another. */
export function be(element, name, value) {
  if (element[name] !== value) element[name] = value;
}

/** Whether an element is the next thing to press. The words that go with it stand in the story above. */
export function glow(element, on) {
  element.classList.toggle("glow", on);
}

/** A list whose elements are kept: made once for a key, changed in place, moved only where the order is another. */
export class Rows {
  /** `make(item)` answers `{element, update?(item)}`. */
  constructor(parent, key, make) {
    Object.assign(this, { parent, key, make, rows: new Map() });
  }

  update(items) {
    const now = new Set(items.map(this.key));
    for (const [key, row] of this.rows) {
      if (now.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    items.forEach((item, index) => {
      const key = this.key(item);
      if (!this.rows.has(key)) this.rows.set(key, this.make(item));
      const row = this.rows.get(key);
      row.update?.(item);
      const there = this.parent.children[index];
      if (there !== row.element) this.parent.insertBefore(row.element, there ?? null);
    });
  }
}

/** Give somebody a text as a file. */
export function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
