// What the backend believes of each order, a new order, and a courier for a parcel that nobody will collect.

import { h } from "./dom.js";
import { say } from "./texts.js";

const COURIER = "courier";

export class Orders {
  constructor(section, act) {
    this.act = act;
    this.buyer = h("select", { id: "buyer" });
    this.cell = h("select", { id: "into" });
    this.order = h("button", { type: "submit", class: "first" }, say("orders.new"));
    this.list = h("ul");
    const form = h("form", { onsubmit: (event) => this.submit(event) }, this.order,
      h("label", {}, say("orders.buyer"), this.buyer), h("label", {}, say("orders.cell"), this.cell));
    section.replaceChildren(h("h2", {}, say("orders.title")), form, this.list);
  }

  submit(event) {
    event.preventDefault();
    if (this.cell.value) this.act({ type: "order", cell: Number(this.cell.value), buyer: this.buyer.value });
  }

  update({ orders, free, people }) {
    if (people) offer(this.buyer, people.map(({ id }) => id).filter((id) => id !== COURIER), (id) => say(`person.${id}`));
    if (free) {
      offer(this.cell, free.map(String), String);
      this.order.disabled = free.length === 0;
      this.order.title = free.length ? "" : say("orders.no_cell");
    }
    if (orders) this.list.replaceChildren(...orders.toReversed().map((order) => this.row(order)));
  }

  row({ waybill, cell, person, stage, for_courier: forCourier }) {
    return h("li", { "data-order": waybill }, h("b", {}, waybill),
      h("span", { class: "quiet" }, say("orders.row", { cell, person: say(`person.${person}`) })),
      h("span", { class: `stage ${stage}` }, say(`stage.${stage}`)),
      forCourier ? h("button", {
        "aria-label": say("orders.send_label", { parcel: waybill }), onclick: () => this.act({ type: "send", parcel: waybill }),
      }, say("orders.send")) : null);
  }
}

/** Other options for a list, its choice kept where it is still there. */
function offer(select, values, label) {
  if ([...select.options].map((option) => option.value).join() === values.join()) return;
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => h("option", { value, selected: value === chosen ? "" : null }, label(value))));
}
