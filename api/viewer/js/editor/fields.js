// Inputs that are bound to a place of the request; each shows what the service says against that place.
import { freshId, h } from "../dom.js";
import { trimmed } from "../format.js";
import { setAt, valueAt } from "../session.js";

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;
const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
const BINARY = [[2 ** 40, "Ti"], [2 ** 30, "Gi"], [2 ** 20, "Mi"]];

/** A number with the prefix that makes it short, exactly as large as it was: 720000000000, "FLOP/s" -> "720 GFLOP/s". */
function withUnit(value, unit) {
  if (typeof value !== "number" || !unit) return value === undefined || value === null ? "" : String(value);
  const steps = unit === "B" ? [...BINARY, ...PREFIXES] : PREFIXES;
  const fitting = steps.find(([factor]) => value >= factor && String(value / factor).length <= 6);
  return fitting ? `${value / fitting[0]} ${fitting[1]}${unit}` : String(value);
}

/** A value of the request in a few characters: a number rounded, text as it was typed. */
export const about = (value, written) => trimmed(typeof value === "number" ? written(value) : String(value ?? "?").replace(/(\d)([A-Za-z])/, "$1\u202f$2"));

/** What the service gets: a number where a number was typed, text with a unit as it is, undefined for nothing. */
function read(text) {
  const typed = text.trim();
  if (typed === "") return undefined;
  return NUMBER.test(typed) ? Number(typed) : typed;
}

/**
 * A labelled input for the value at a JSON pointer.
 *
 * @param {object} spec
 * @param {string} spec.pointer where the value is
 * @param {string} spec.label with its unit, where the value is a plain number: "latency (s)"
 * @param {"quantity"|"number"|"text"|"choice"|"flag"} [spec.kind]
 * @param {string} [spec.unit] of a quantity: B, B/s, bit/s, FLOP/s
 * @param {Array<string|[string, string]>} [spec.options] of a choice; the first is what leaving it out means, if `optional`
 * @param {boolean} [spec.absent] of a flag: what leaving it out means
 * @param {boolean} [spec.redraw] whether other fields depend on it
 */
export function field(session, spec) {
  const { pointer, label, kind = "text", unit, options = [], optional = false, hint, redraw = false, wide = false } = spec;
  const id = freshId("field");
  const value = valueAt(session.request, pointer);
  const set = (fresh) => {
    session.edit((request) => setAt(request, pointer, fresh), { redraw });
    clear(holder);
  };
  const shared = { id, "data-pointer": pointer };
  let input;
  if (kind === "choice") {
    const all = options.map((option) => (Array.isArray(option) ? option : [option, option]));
    const known = all.some(([own]) => own === value);
    input = h("select", { ...shared, on: { change: (event) => set(event.currentTarget.value === "" ? undefined : event.currentTarget.value) } },
      optional ? h("option", { value: "" }, typeof optional === "string" ? optional : "default") : null,
      all.map(([own, words]) => h("option", { value: own, selected: own === value }, words)),
      value !== undefined && !known ? h("option", { value: String(value), selected: true }, String(value)) : null,
      value === undefined && !optional ? h("option", { value: "", selected: true }, "choose") : null);
  } else if (kind === "flag") {
    const absent = spec.absent ?? false;
    input = h("input", { ...shared, type: "checkbox", checked: value ?? absent, on: { change: (event) => set(event.currentTarget.checked === absent ? undefined : event.currentTarget.checked) } });
  } else {
    const written = kind === "quantity" ? withUnit(value, unit) : value === undefined || value === null ? "" : String(value);
    input = h("input", { ...shared, type: "text", value: written, autocomplete: "off", spellcheck: "false", placeholder: spec.placeholder,
      inputmode: kind === "number" ? "decimal" : null, on: { change: (event) => set(kind === "text" ? event.currentTarget.value.trim() || undefined : read(event.currentTarget.value)) } });
  }
  const holder = h("div", { class: `field${kind === "flag" ? " flag" : ""}${wide ? " wide" : ""}` },
    h("label", { for: id }, label), input, hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null);
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return holder;
}

/** Show a message at a field; a field shows all of its messages. */
export function complain(input, message) {
  const holder = input.closest(".field") ?? input.parentElement;
  const id = `${input.id}-fault`;
  let fault = holder.querySelector(".fault");
  if (!fault) {
    fault = h("p", { class: "fault", id });
    holder.append(fault);
    input.setAttribute("aria-describedby", [input.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
  }
  input.setAttribute("aria-invalid", "true");
  fault.textContent = fault.textContent ? `${fault.textContent}; ${message}` : message;
}

/** Take the messages of everything inside away. */
export function clear(element) {
  for (const fault of element.querySelectorAll(".fault")) fault.remove();
  for (const input of element.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    const kept = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !id.endsWith("-fault"));
    if (kept.length) input.setAttribute("aria-describedby", kept.join(" "));
    else input.removeAttribute("aria-describedby");
  }
}

/** A section of the form that can be folded. */
export function section(name, title, { open = false, pointer = null } = {}, ...children) {
  return h("details", { class: "form-section", open, "data-section": name, "data-pointer": pointer },
    h("summary", {}, h("h3", {}, title)), h("div", { class: "form-body" }, children));
}
