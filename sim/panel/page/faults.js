// All that can go wrong, from the simulator's own catalogue: struck with a press, and healed with another where it lasts.

import { be, h, Rows, set, word } from "./dom.js";
import { named, say } from "./texts.js";

export class Faults {
  /** `picked`: the cell that somebody has pointed at, if any. */
  constructor(section, { faults = [], boxes }, picked, act) {
    Object.assign(this, { act, faults: new Map(faults.map((fault) => [fault.name, fault])), active: [] });
    this.buttons = new Map(faults.map((fault) => [fault.name, this.button(fault)]));
    this.cell = h("select", { id: "fault-cell", onchange: () => this.show() },
      [...boxes].map(({ number }) => number).sort((a, b) => a - b)
        .map((number) => h("option", { value: number }, say("cell.name", { cell: number }))));
    this.struck = h("ul", { class: "struck" });
    this.quiet = h("p", { class: "quiet" }, say("faults.none"));
    this.rows = new Rows(this.struck, ({ name, cell }) => `${name} ${cell ?? ""}`, (fault) => this.wound(fault));
    const parts = [...new Set(faults.map(({ part }) => part))];
    section.replaceChildren(
      h("div", { class: "bar" }, h("label", { for: "fault-cell" }, say("faults.cell")), this.cell, this.quiet, this.struck),
      h("div", { class: "parts" }, parts.map((part) => h("section", {}, h("h3", {}, named("parts", part)),
        h("div", { class: "grid" }, faults.filter((fault) => fault.part === part).map(({ name }) => this.buttons.get(name)))))));
    if (picked) this.cell.value = String(picked);
    this.show();
  }

  button(fault) {
    const { name, does, healed, lasting } = fault;
    const words = named("fault", name);
    const ends = lasting ? say("faults.lasts") : named("ends", healed.replaceAll(" ", "_"));
    return h("button", { class: "fault", "data-fault": name, onclick: () => this.press(fault) },
      h("b", {}, words === name ? does : words),
      h("span", { class: "quiet" }, ends));
  }

  press({ name, lasting, per_cell: perCell }) {
    const cell = perCell ? Number(this.cell.value) : undefined;
    const on = !(lasting && this.isActive(name, cell));
    this.act({ type: "fault", name, ...(perCell && { cell }), on });
  }

  isActive(name, cell) {
    return this.active.some((one) => one.name === name && (one.cell ?? undefined) === cell);
  }

  /** One that is at work, and the way to end it. */
  wound({ name, cell }) {
    const fault = named("fault", name);
    const text = cell ? say("faults.at_cell", { fault, cell }) : fault;
    const words = h("span");
    const update = ({ struck }) => word(words, struck === false ? say("faults.waiting", { fault: text }) : text);
    return { update, element: h("li", { "data-active": name }, words, this.faults.get(name)?.lasting === false ? null : h("button", {
      "aria-label": say("faults.heal_label", { fault: text }), onclick: () => this.act({ type: "fault", name, ...(cell && { cell }), on: false }),
    }, say("faults.heal"))) };
  }

  update({ faults }) {
    if (!faults) return;
    this.active = faults;
    this.rows.update(faults);
    this.show();
  }

  /** The cell that somebody points at in the cabinet. */
  pick(number) {
    this.cell.value = String(number);
    this.show();
  }

  show() {
    const cell = Number(this.cell.value);
    be(this.quiet, "hidden", this.active.length > 0);
    for (const [name, button] of this.buttons) {
      const { per_cell: perCell, lasting } = this.faults.get(name);
      set(button, "aria-pressed", lasting ? String(this.isActive(name, perCell ? cell : undefined)) : null);
    }
    word(this.quiet, say("faults.none"));
  }
}
