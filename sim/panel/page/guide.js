// The first minute: which one thing to press next. A function of the world and of the parcel that was brought.

export const STEPS = ["bring", "type", "put", "shut", "collect", "take", "leave"];
const DONE = ["collected", "withdrawn"];

/** Where the guide stands: `{step, of, key, parameters, glow}`. Without a parcel it stands at the beginning. */
export function next(model, { waybill, brought, typed }) {
  const order = waybill && model.order(waybill);
  if (!order) return brought ? at("bring", "coming", {}, {}) : at("bring", "bring", {}, { bring: true });
  const cell = model.cell(order.cell) ?? {};
  const about = { parcel: waybill, cell: order.cell, person: order.person };
  if (DONE.includes(order.stage)) return at("leave", "done", about, { bring: true });
  if (order.stage === "ordered") return deposit(model, order, cell, about, typed);
  if (order.stage === "stored") return pickup(model, order, cell, about, typed);
  return at("leave", "elsewhere", about, { bring: true });
}

function deposit(model, { waybill }, cell, about, typed) {
  if (cell.open && cell.parcel) return at("shut", "shut", about, { door: about.cell });
  if (cell.open) return at("put", "put", about, { put: waybill });
  if (cell.parcel) return at("shut", "storing", about, {});
  return code(model, "courier", about, typed, "type");
}

function pickup(model, { person }, cell, about, typed) {
  if (cell.open && cell.parcel) return at("take", "take", about, { parcel: about.cell });
  if (cell.open) return at("leave", "leave", about, { door: about.cell });
  if (!cell.parcel) return at("leave", "gone", about, {});
  return code(model, person, about, typed, "collect");
}

function code(model, person, about, typed, step) {
  const sms = codeOf(model, person, about.parcel);
  if (!sms) return at(step, `${step}_sms`, about, {});
  return typed === sms ? at(step, "typing", about, {}) : at(step, step, about, { sms });
}

/** The newest code on this phone for this parcel. */
function codeOf(model, person, waybill) {
  const phone = model.world.people.find(({ id }) => id === person)?.phone ?? [];
  return phone.findLast((sms) => sms.code && sms.text.includes(waybill))?.code;
}

/** What a story waits for: that somebody takes the parcel out of the cell, and shuts its door. */
export function awaited(model, { cell }) {
  const is = model.cell(cell);
  if (!is?.open) return {};
  return is.parcel ? { parcel: cell } : { door: cell };
}

function at(step, key, parameters, glow) {
  return { step: STEPS.indexOf(step), of: STEPS.length, key: `guide.${key}`, parameters, glow };
}
