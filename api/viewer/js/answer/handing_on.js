// The plan as a runtime reads it: choose a format, say what it needs, see the file and what it cannot say, take it away.
import { getJson, postJson, Refused } from "../api.js";
import { download } from "../charts/export.js";
import { announce, button, fill, freshId, h } from "../dom.js";
import { clear } from "../editor/fields.js";
import { complainAt, givenOptions, inWords, optionFields } from "./runtime_options.js";

/** The card for a plan with stages, and the request that it answers. */
export function exportCard(plan, request) {
  const nodes = [...new Set(plan.stages.map((stage) => stage.node))];
  const result = h("div", { class: "empty" });
  const fields = h("div", { class: "empty" });
  const select = h("select", { id: freshId("format"), on: { change: () => choose() } });
  const write = h("button", { type: "submit", class: "button small", disabled: true }, "Write");
  let formats = new Map();
  let turn = 0; // what was written before something was changed is not shown
  const outdate = () => {
    turn += 1;
    fill(result);
  };
  const choose = () => {
    outdate();
    fill(fields, optionFields(formats.get(select.value), nodes, outdate));
  };
  const form = h("form", { novalidate: true, class: "empty", on: { submit: async (event) => {
    event.preventDefault();
    clear(fields);
    const asked = ++turn;
    const body = { format: select.value, options: givenOptions(formats.get(select.value), nodes), request, plan: { id: plan.id, status: plan.status, stages: plan.stages } };
    const { shown, faults = [] } = await written(body);
    if (asked !== turn) return;
    fill(result, shown);
    complainAt(fields, faults);
  } } }, h("div", { class: "row" }, h("label", { for: select.id }, "Runtime"), select), fields, h("div", { class: "row" }, write));
  getJson("exports").then((listed) => {
    formats = new Map(listed.formats.map((one) => [one.format, one.options]));
    fill(select, listed.formats.map((one) => h("option", { value: one.format }, one.title)));
    write.disabled = false;
    choose();
  }).catch(() => {});
  return h("section", { class: "card empty", "aria-labelledby": "export-title", "data-figure": "export" },
    h("h3", { id: "export-title" }, "Hand the plan on"),
    h("p", { class: "quiet" }, "The same plan as a runtime reads it, and what that runtime cannot be told."),
    form, result);
}

/** What comes of it: the file with what belongs to it, or why there is none. */
async function written(body) {
  try {
    const made = await postJson("plan:export", body);
    announce(`${made.filename} is below.`);
    return { shown: [
      list("What it cannot say", made.warnings.map((one) => one.message)),
      h("pre", { tabindex: "0", "aria-label": made.filename, class: "handed-on" }, made.content),
      list("How it is used", made.usage),
      h("div", { class: "row" }, button(`Download ${made.filename}`, () => download(made.filename, made.content, made.media_type), { class: "button small" })),
    ] };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    announce(error.problem.title);
    const { violations } = error;
    return { shown: violations.length ? list(error.problem.title, violations.map(inWords)) : h("p", {}, error.message), faults: violations };
  }
}

function list(title, entries) {
  return entries.length ? [h("h4", {}, title), h("ul", {}, entries.map((entry) => h("li", {}, entry)))] : null;
}
