// The plan beside what simple rules reach under the same cost model.
import { h } from "../dom.js";
import { joules, rate, seconds, times } from "../format.js";
import { BASELINES, objectiveOf } from "./words.js";

export function baselinesCard(plan, request) {
  if (!plan.baselines?.length) return null;
  const kind = plan.objective_kind;
  const better = kind === "throughput" ? (value) => plan.objective / value : (value) => value / plan.objective;
  const value = (entry) => (typeof entry.objective === "number" ? entry.objective : null);
  const best = Math.max(plan.objective ?? 0, ...plan.baselines.filter((entry) => entry.feasible).map((entry) => value(entry) ?? 0));
  const rows = [
    { name: plan.stages.length ? "this plan" : null, own: true, feasible: true, ...plan, reasons: [] },
    ...plan.baselines.map((entry) => ({ ...entry, name: BASELINES[entry.name] ?? entry.name })),
  ].filter((row) => row.name !== null);
  const possible = plan.baselines.filter((entry) => entry.feasible).length;
  return h("section", { class: "card baselines", "aria-labelledby": "baselines-title", "data-figure": "baselines" },
    h("h3", { id: "baselines-title" }, "Against simple rules"),
    h("p", { class: "quiet small" }, `${possible} of ${plan.baselines.length} rules give a placement that respects all limits.`),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Simple rules" }, h("table", { class: "wide-rows" },
      h("thead", {}, h("tr", {}, (possible || plan.stages.length ? ["placement", "latency", "energy", "throughput", "against this plan"] : ["placement", "what it breaks"]).map((words, index) => h("th", { scope: "col", class: index && index < 4 && (possible || plan.stages.length) ? "number" : null }, words)))),
      h("tbody", {}, rows.map((row) => h("tr", { class: row.own ? "own" : row.feasible ? null : "impossible" },
        h("th", { scope: "row" }, row.name, row.feasible || !row.stages?.length ? null : h("span", { class: "quiet small block" }, "not possible")),
        ...(row.feasible
          ? [h("td", { class: "number" }, seconds(row.latency_s)), h("td", { class: "number" }, joules(row.energy_j)), h("td", { class: "number" }, rate(row.throughput_per_s)), against(row, value(row), best, better, plan, request)]
          : [h("td", { colspan: "4", class: "reasons" }, row.reasons.join("; ") || "breaks a limit")])))))));
}

function against(row, value, best, better, plan, request) {
  if (value === null || !plan.objective) return h("td", {}, "");
  const meter = h("span", { class: `meter${row.own ? " own" : ""}`, "aria-hidden": "true" }, h("span", { class: "meter-fill" }));
  meter.firstChild.style.width = `${Math.max(1, (100 * value) / best)}%`;
  const ratio = better(value);
  const words = !row.own && Math.abs(ratio - 1) < 5e-4 ? "the same" : row.own ? objectiveOf(plan, request, value) : `${times(ratio)} ${plan.objective_kind === "throughput" ? "less" : plan.objective_kind === "latency" ? "slower" : "more"}`;
  return h("td", { class: "against" }, meter, h("span", {}, words));
}
