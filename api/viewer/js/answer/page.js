// An answer on the page: its cards in the order in which they matter.
import { h } from "../dom.js";
import { clusterFigure } from "../charts/cluster.js";
import { energyFigure } from "../charts/energy.js";
import { stageClass } from "../charts/marks.js";
import { memoryFigure } from "../charts/memory.js";
import { timelineFigure } from "../charts/timeline.js";
import { baselinesCard } from "./baselines.js";
import { explanationCard } from "./explanation.js";
import { infeasibleCards } from "./infeasible.js";
import { stagesCard } from "./stages_table.js";
import { stripCard, verdictCard } from "./verdict.js";
import { unitOf } from "./words.js";

/**
 * Everything about one plan (or scored placement).
 *
 * @param {{actions, relax, ask, tryOut, frontier, whatIf}} doings what the buttons do; `frontier` and `whatIf` are cards
 */
export function answerCards(plan, request, doings) {
  const why = explanationCard(plan.explanation, doings.ask, doings.tryOut);
  const head = verdictCard(plan, request, doings.actions);
  if (!plan.stages?.length) {
    return [head, unsolved(plan), h("div", { class: "pair" }, ...infeasibleCards(plan, doings.relax)), why, baselinesCard(plan, request), doings.frontier].filter(Boolean);
  }
  return [
    head,
    broken(plan),
    stripCard(plan, stageClass),
    clusterFigure(plan, request),
    timelineFigure(plan),
    why,
    h("div", { class: "pair" }, memoryFigure(plan), energyFigure(plan, unitOf(request))),
    doings.frontier,
    ...doings.whatIf,
    baselinesCard(plan, request),
    stagesCard(plan),
  ].filter(Boolean);
}

function unsolved(plan) {
  if (plan.status !== "no_plan_found") return null;
  return h("section", { class: "card", "data-figure": "unsolved" }, h("h3", {}, "Neither a plan nor a proof that there is none"),
    h("p", {}, plan.termination === "cancelled" ? "The search was cancelled before it had found a plan." : "The search ended before it had found a plan. Give it more time under Solver, or relax a limit."));
}

function broken(plan) {
  if (!plan.violations?.length) return null;
  return h("section", { class: "card", "data-figure": "violations" }, h("h3", {}, "Limits that it breaks"),
    h("ul", { class: "sentences" }, plan.violations.map((violation) => h("li", {}, violation.message))));
}
