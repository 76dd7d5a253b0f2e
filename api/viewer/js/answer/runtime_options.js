// What a runtime needs and no plan says: what it calls the nodes, where they are reached, what it loads.
import { freshId, h } from "../dom.js";
import { clear, complain } from "../editor/fields.js";
import { escaped, stepsOf } from "../pointer.js";

const PER_NODE = { devices: "Devices", addresses: "Addresses" };
const ONCE = { model_name: "Model", architecture: "Class of the model", image: "Image" };
const typed = new Map(); // by JSON pointer, while the page is open: plans are made anew, machines keep their names

/**
 * Fields for the options that a format takes.
 *
 * @param {Array<{name, meaning}>} options as GET /exports lists them
 * @param {string[]} nodes those of the plan, in the order of its stages
 * @param {() => void} changed called whenever something is typed
 */
export function optionFields(options, nodes, changed) {
  const input = (pointer, label, hint, placeholder) => {
    const id = freshId("option");
    return h("div", { class: "field" }, h("label", { for: id }, label),
      h("input", { id, type: "text", value: typed.get(pointer) ?? "", placeholder, autocomplete: "off", autocapitalize: "off", spellcheck: "false",
        "data-pointer": pointer, "aria-describedby": hint ? `${id}-hint` : null, on: { input: (event) => {
          typed.set(pointer, event.currentTarget.value);
          clear(event.currentTarget.parentElement);
          changed();
        } } }),
      hint ? h("p", { class: "hint", id: `${id}-hint` }, sentence(hint)) : null);
  };
  const group = ({ name, meaning }) => {
    const hint = freshId("option-hint");
    return h("fieldset", { class: "runtime-nodes", "aria-describedby": hint }, h("legend", {}, PER_NODE[name]),
      h("p", { class: "hint", id: hint }, `For each node ${meaning}. Left empty: the node's id.`),
      h("div", { class: "runtime-options" }, nodes.map((node) => input(`/options/${name}/${escaped(node)}`, node, null, node))));
  };
  const once = options.filter(({ name }) => name in ONCE);
  return [
    options.filter(({ name }) => name in PER_NODE).map(group),
    once.length ? h("div", { class: "runtime-options" }, once.map(({ name, meaning }) => input(`/options/${name}`, ONCE[name], meaning))) : null,
  ];
}

/** What was typed, as POST /plan:export takes it; digits alone are the index of a device. */
export function givenOptions(options, nodes) {
  const given = {};
  for (const { name } of options) {
    const said = (pointer) => typed.get(pointer)?.trim() ?? "";
    if (name in PER_NODE) {
      const entries = nodes.map((node) => [node, said(`/options/${name}/${escaped(node)}`)]).filter(([, text]) => text);
      given[name] = Object.fromEntries(entries.map(([node, text]) => [node, name === "devices" && /^[0-9]+$/.test(text) ? Number(text) : text]));
    } else if (said(`/options/${name}`)) given[name] = said(`/options/${name}`);
  }
  return given;
}

/** Show what the service says at the fields that it is about, and go to the first of them. */
export function complainAt(form, violations) {
  const inputs = new Map([...form.querySelectorAll("[data-pointer]")].map((input) => [input.dataset.pointer, input]));
  for (const { pointer, message } of violations) if (inputs.has(pointer)) complain(inputs.get(pointer), message);
  form.querySelector("[aria-invalid]")?.focus();
}

/** A fault in words: of an option also which one. */
export const inWords = ({ pointer, message }) => (pointer.startsWith("/options/") ? `${stepsOf(pointer).slice(1).join(", ")}: ${message}` : message);

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
