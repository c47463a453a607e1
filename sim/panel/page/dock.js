// The panels at the lower right, one in sight at a time. Arrow keys go from tab to tab.

import { h, set } from "./dom.js";
import { say } from "./texts.js";

export class Dock {
  /** `names`: the panels in order; `shown(name)` is told which one somebody turned to. */
  constructor(section, names, shown = () => {}) {
    this.shown = shown;
    this.tabs = names.map((name) => h("button", {
      role: "tab", id: `tab-${name}`, "aria-controls": name, onclick: () => this.show(name),
    }, say(`${name}.title`)));
    this.panels = new Map(names.map((name) => [name, h("div", { id: name, role: "tabpanel", "aria-labelledby": `tab-${name}` })]));
    section.replaceChildren(
      h("div", { class: "tabs", role: "tablist", "aria-label": say("dock.title"), onkeydown: (event) => this.walk(event) }, this.tabs),
      ...this.panels.values());
    this.show(names[0]);
  }

  show(name) {
    this.name = name;
    for (const [other, panel] of this.panels) panel.hidden = other !== name;
    for (const tab of this.tabs) {
      const on = tab.id === `tab-${name}`;
      set(tab, "aria-selected", String(on));
      set(tab, "tabindex", on ? "0" : "-1");
    }
    this.shown(name);
  }

  walk(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const index = this.tabs.findIndex((tab) => tab.id === `tab-${this.name}`);
    const tab = this.tabs.at((index + step) % this.tabs.length);
    tab.focus();
    tab.click();
  }
}
