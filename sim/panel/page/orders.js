// What the backend believes of each order, a new order, and all that the operator's people may do: what that is now, the simulator says.

import { be, h, Rows, set, word } from "./dom.js";
import { named, say } from "./texts.js";

const COURIER = "courier";
const ACTS = {
  cancel: { type: "cancel" },
  refund: { type: "decide", refund: true },
  end: { type: "decide", refund: false },
  send: { type: "send" },
  returned: { type: "returned" },
};
const POLICIES = { remote_open: ["anywhere", "touch", "screen_qr"], static_tokens: ["allowed", "refused"], code_at: ["deposit", "order"] };

export class Orders {
  constructor(section, { act, light }) {
    this.act = act;
    this.buyer = h("select", { id: "buyer" });
    this.cell = h("select", { id: "into" });
    this.account = h("select", { id: "account" }, ["Kaspi Gold", "Kaspi Red"].map((name) => h("option", {}, name)));
    this.order = h("button", { type: "submit" }, say("orders.new"));
    this.list = h("ul", { tabindex: "-1", "aria-label": say("orders.title") });
    this.rows = new Rows(this.list, ({ waybill }) => waybill, ({ waybill }) => this.row(waybill, light));
    this.policies = Object.entries(POLICIES).map(([name, choices]) => new Choice(name, choices, (choice) => act({ type: "policy", [name]: choice })));
    const form = h("form", { onsubmit: (event) => this.submit(event) }, this.order,
      h("label", {}, say("orders.buyer"), this.buyer), h("label", {}, say("orders.cell"), this.cell), h("label", {}, say("orders.account"), this.account));
    section.replaceChildren(form, h("div", { class: "bar policy" }, this.policies.map(({ element }) => element)), this.list);
  }

  submit(event) {
    event.preventDefault();
    if (this.cell.value) this.act({ type: "order", cell: Number(this.cell.value), buyer: this.buyer.value, account: this.account.value });
  }

  update({ orders, free, people, policy }) {
    if (people) offer(this.buyer, people.map(({ id }) => id).filter((id) => id !== COURIER), (id) => say(`person.${id}`));
    if (free) {
      offer(this.cell, free.map(String), String);
      be(this.order, "disabled", free.length === 0);
      set(this.order, "title", free.length ? null : say("orders.no_cell"));
    }
    if (policy) for (const choice of this.policies) choice.update(policy);
    if (orders) this.rows.update(orders.toReversed());
  }

  row(waybill, light) {
    const [about, told, state] = ["quiet", "told", "stage"].map((name) => h("span", { class: name }));
    const buttons = h("span", { class: "does" });
    const does = new Rows(buttons, (deed) => deed, (deed) => ({ element: h("button", {
      "data-does": deed, "aria-label": say("orders.of", { does: say(`orders.${deed}`), parcel: waybill }), onclick: () => this.act({ ...ACTS[deed], parcel: waybill }),
    }, say(`orders.${deed}`)) }));
    const element = h("li", { "data-order": waybill, onpointerleave: () => light([]) }, h("b", {}, waybill), about, state, told, buttons);
    const update = ({ cell, person, stage, can = [], held, cancel }) => {
      element.onpointerenter = () => light([cell]);
      word(about, say("orders.row", { cell, person: named("person", person) }));
      set(state, "class", `stage ${stage}`);
      word(state, named("stage", stage));
      word(told, [held && say(`held.${held}`), cancelled(cancel)].filter(Boolean).join(" · "));
      const focused = buttons.contains(document.activeElement);
      does.update(can);
      if (focused && !buttons.contains(document.activeElement)) (buttons.firstChild ?? this.list).focus();
    };
    return { element, update };
  }
}

/** One of a few rules: what is pressed is what holds, whoever has chosen it. */
class Choice {
  constructor(name, choices, choose) {
    this.name = name;
    this.buttons = choices.map((choice) => h("button", { "data-policy": choice, onclick: () => choose(choice) }, say(`policy.${choice}`)));
    this.element = h("div", { class: "choice", role: "group", "aria-label": say(`policy.${name}`) }, h("span", { class: "quiet" }, say(`policy.${name}`)), h("span", { class: "either" }, this.buttons));
  }

  update({ [this.name]: holds }) {
    for (const button of this.buttons) set(button, "aria-pressed", String(button.dataset.policy === holds));
  }
}

/** What became of the command to cancel: nothing is said of one that was carried out. */
function cancelled(outcome) {
  if (!outcome || outcome === "done") return "";
  return outcome === "waiting" ? say("orders.cancelling") : say("orders.not_cancelled", { outcome: named("outcome", outcome) });
}

/** Other options for a list, its choice kept where it is still there. */
function offer(select, values, label) {
  if ([...select.options].map((option) => option.value).join() === values.join()) return;
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => h("option", { value, selected: value === chosen ? "" : null }, label(value))));
}
