// What the backend believes of each order, a new order, and a courier for a parcel that nobody will collect.

import { be, h, Rows, set, word } from "./dom.js";
import { named, say } from "./texts.js";

const COURIER = "courier";

export class Orders {
  constructor(section, { act, light }) {
    this.act = act;
    this.buyer = h("select", { id: "buyer" });
    this.cell = h("select", { id: "into" });
    this.account = h("select", { id: "account" }, ["Kaspi Gold", "Kaspi Red"].map((name) => h("option", {}, name)));
    this.order = h("button", { type: "submit" }, say("orders.new"));
    this.list = h("ul");
    this.rows = new Rows(this.list, ({ waybill }) => waybill, ({ waybill }) => this.row(waybill, light));
    const form = h("form", { onsubmit: (event) => this.submit(event) }, this.order,
      h("label", {}, say("orders.buyer"), this.buyer), h("label", {}, say("orders.cell"), this.cell), h("label", {}, say("orders.account"), this.account));
    section.replaceChildren(form, this.list);
  }

  submit(event) {
    event.preventDefault();
    if (this.cell.value) this.act({ type: "order", cell: Number(this.cell.value), buyer: this.buyer.value, account: this.account.value });
  }

  update({ orders, free, people }) {
    if (people) offer(this.buyer, people.map(({ id }) => id).filter((id) => id !== COURIER), (id) => say(`person.${id}`));
    if (free) {
      offer(this.cell, free.map(String), String);
      be(this.order, "disabled", free.length === 0);
      set(this.order, "title", free.length ? null : say("orders.no_cell"));
    }
    if (orders) this.rows.update(orders.toReversed());
  }

  row(waybill, light) {
    const about = h("span", { class: "quiet" });
    const state = h("span");
    const send = h("button", {
      "aria-label": say("orders.send_label", { parcel: waybill }), onclick: () => this.act({ type: "send", parcel: waybill }),
    }, say("orders.send"));
    const element = h("li", { "data-order": waybill, onpointerleave: () => light([]) }, h("b", {}, waybill), about, state, send);
    const update = ({ cell, person, stage, for_courier: forCourier }) => {
      element.onpointerenter = () => light([cell]);
      word(about, say("orders.row", { cell, person: named("person", person) }));
      set(state, "class", `stage ${stage}`);
      word(state, named("stage", stage));
      be(send, "hidden", !forCourier);
    };
    return { element, update };
  }
}

/** Other options for a list, its choice kept where it is still there. */
function offer(select, values, label) {
  if ([...select.options].map((option) => option.value).join() === values.join()) return;
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => h("option", { value, selected: value === chosen ? "" : null }, label(value))));
}
