// The plan as a runtime reads it: choose a format, see the file and what it cannot say, take it away.
import { getJson, postJson, Refused } from "../api.js";
import { download } from "../charts/export.js";
import { announce, button, fill, freshId, h } from "../dom.js";

/** The card for a plan with stages, and the request that it answers. */
export function exportCard(plan, request) {
  const result = h("div");
  const select = h("select", { id: freshId("format") });
  const write = button("Write", async () => fill(result, await written(select.value, plan, request)), { class: "button small" });
  getJson("exports").then(({ formats }) => fill(select, formats.map((one) => h("option", { value: one.format }, one.title)))).catch(() => {
    write.disabled = true;
  });
  return h("section", { class: "card empty", "aria-labelledby": "export-title", "data-figure": "export" },
    h("h3", { id: "export-title" }, "Hand the plan on"),
    h("p", { class: "quiet" }, "The same plan as a runtime reads it, and what that runtime cannot be told."),
    h("div", { class: "row" }, h("label", { for: select.id }, "Runtime"), select, write),
    result);
}

async function written(format, plan, request) {
  try {
    const made = await postJson("plan:export", { format, request, plan: { id: plan.id, status: plan.status, stages: plan.stages } });
    announce(`${made.filename} is below.`);
    return [
      list("What it cannot say", made.warnings.map((one) => one.message)),
      h("pre", { tabindex: "0", "aria-label": made.filename, class: "handed-on" }, made.content),
      list("How it is used", made.usage),
      h("div", { class: "row" }, button(`Download ${made.filename}`, () => download(made.filename, made.content, made.media_type), { class: "button small" })),
    ];
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    announce(error.problem.title);
    return list(error.problem.title, error.violations.map((one) => one.message));
  }
}

function list(title, entries) {
  return entries.length ? [h("h4", {}, title), h("ul", {}, entries.map((entry) => h("li", {}, entry)))] : null;
}
