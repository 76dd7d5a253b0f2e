// The first card of an answer: what is proven, the figures, and what one can do with the plan.
import { button, h } from "../dom.js";
import { count, percent, plural, seconds } from "../format.js";
import { shortNames, shortResources } from "../names.js";
import { endingOf, figuresOf, objectiveOf, OBJECTIVES, titleOf, verdictOf } from "./words.js";

const MANY_STAGES = 14;
const METRIC_OF = { latency: "Latency", energy: "Energy", throughput: "Throughput" };

export function verdictCard(plan, request, actions) {
  const [tone, sign, words] = verdictOf(plan);
  const kind = plan.objective_kind ?? request.objective?.kind ?? "latency";
  return h("section", { class: "card verdict", "aria-labelledby": "verdict-title", "data-status": plan.status ?? "scored" },
    h("div", { class: "row between verdict-head" },
      h("div", {},
        h("h3", { id: "verdict-title", class: "verdict-title" }, titleOf(request)),
        h("p", { class: "quiet small" }, `${request.workload.kind}, ${OBJECTIVES[kind]}, from ${request.workload.source}`)),
      h("p", { class: `badge ${tone}` }, h("span", { "aria-hidden": "true" }, sign), words)),
    plan.stages?.length ? tiles(plan, request, kind) : null,
    h("p", { class: "quiet small verdict-how" }, howFound(plan)),
    plan.notes?.length ? h("details", { class: "notes small" }, h("summary", {}, `${plural(plan.notes.length, "assumption and note", "assumptions and notes")}`),
      h("ul", {}, plan.notes.map((note) => h("li", {}, note)))) : null,
    actions.length ? h("div", { class: "row actions" }, actions.map(([label, act, attributes]) => button(label, act, { class: "button small", ...attributes }))) : null);
}

function tiles(plan, request, kind) {
  const shown = figuresOf(plan, request).map(([what, value, per]) => tile(what, value, per, METRIC_OF[kind] === what));
  if (plan.bound !== undefined && plan.bound !== null) {
    const proof = kind === "throughput" ? "no plan does more" : "no plan does better";
    shown.push(tile("Proven bound", objectiveOf(plan, request, plan.bound), plan.status === "optimal" ? proof : `gap ${percent(plan.gap)}`));
  }
  if (plan.bottleneck) shown.push(tile("Bottleneck", shortResources([...plan.nodes.map((node) => node.id), plan.bottleneck.id], 24)(plan.bottleneck.id), `${plan.bottleneck.kind}, busy ${seconds(plan.bottleneck.busy_s)}`, false, plan.bottleneck.id));
  return h("dl", { class: "tiles" }, shown);
}

function tile(what, value, per, main = false, name = "") {
  return h("div", { class: `tile${main ? " main" : ""}` }, h("dt", {}, what), h("dd", {},
    h("span", { class: `tile-value${name ? " name" : ""}`, title: name || null }, value), h("span", { class: "tile-per" }, per)));
}

function howFound(plan) {
  const parts = [];
  const took = plan.solve_seconds ?? plan.solver?.seconds?.total;
  if (plan.cached) parts.push("Known from an earlier, proven answer to the same request.");
  else if (took !== null && took !== undefined) parts.push(`Solved in ${seconds(took)}${plan.queue_seconds > 0.05 ? ` after ${seconds(plan.queue_seconds)} in the queue` : ""}: ${endingOf(plan.termination)}.`);
  const { simulated } = plan;
  if (simulated) {
    const apart = Math.abs(simulated.latency_s - plan.latency_s) / plan.latency_s;
    parts.push(`Replayed event by event: ${seconds(simulated.latency_s)}${apart < 1e-6 ? ", the same" : ""}.`);
  }
  const sizes = plan.solver?.sizes ?? {};
  if (sizes.stage_arcs) parts.push(`${count(sizes.stage_arcs)} possible stages looked at.`);
  return parts.join(" ");
}

/** All layers in one bar: which run where. */
export function stripCard(plan, stageClass) {
  const total = Math.max(...plan.stages.map((stage) => stage.stop_layer));
  return h("section", { class: "card strip-card", "aria-labelledby": "strip-title" },
    h("h3", { id: "strip-title" }, `${count(total)} layers, ${plural(plan.stages.length, "stage")}`),
    strip(plan.stages, stageClass));
}

/** Stages as wide as they have layers; of many stages only their numbers, over an axis of layers. */
export function strip(stages, stageClass) {
  const total = Math.max(...stages.map((stage) => stage.stop_layer));
  const many = stages.length > MANY_STAGES;
  const short = shortNames(stages.map((stage) => stage.node), 22);
  const list = h("ol", { class: `strip${many ? " many" : ""}` }, stages.map((stage, index) => {
    const layers = stage.stop_layer - stage.first_layer;
    const range = layers === 1 ? `${stage.first_layer}` : `${stage.first_layer}–${stage.stop_layer - 1}`;
    const item = h("li", { class: stageClass(index), title: `stage ${index}: ${stage.node}, ${layers === 1 ? "layer" : "layers"} ${range}` },
      h("span", { class: "strip-name" }, many ? `${index}` : short(stage.node)),
      h("span", { class: "strip-range" }, h("span", { class: "hidden" }, layers === 1 ? "layer " : "layers "), range));
    item.style.flexGrow = layers;
    item.style.flexBasis = "0";
    item.dataset.share = layers / total < 0.09 ? "small" : "fair";
    return item;
  }));
  if (!many) return list;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * (total - 1)));
  return h("div", {}, list, h("p", { class: "strip-axis quiet", "aria-hidden": "true" }, ticks.map((tick) => h("span", {}, `layer ${tick}`))));
}
