// What the words of an answer mean to people.
import { joules, objective, percent, rate, seconds } from "../format.js";

/** What one latency or energy belongs to. */
export const unitOf = (request) => (request.workload.kind === "training" ? "iteration" : "request");
const thingsOf = (request) => (request.workload.kind === "training" ? "micro-batches" : "requests");

export const OBJECTIVES = {
  latency: "least latency", energy: "least energy", throughput: "most throughput",
  weighted: "latency and energy, weighted", lexicographic: "one after the other",
};
export const BASELINES = {
  terminal_only: "everything on the source", best_single_edge: "best single node", even_split: "layers split evenly",
  memory_proportional: "split by memory", compute_proportional: "split by compute",
};
const ENDINGS = {
  optimal: "the proof is complete", gap: "the wanted gap was reached", time_limit: "the time limit was reached", cancelled: "it was cancelled",
  memory_limit: "the solver ran into its memory limit", worker_lost: "the solver's process was lost",
  replay: "replayed times stay above the proven bound", infeasible: "it is proven that no plan exists",
};
export const endingOf = (termination) => ENDINGS[termination] ?? termination ?? "";

/** Badge of an answer: `[tone, sign, words]`; the sign tells them apart without colour. */
export function verdictOf(plan) {
  const point = plan.frontier_point;
  if (point) return [point.proven ? "good" : "neutral", point.proven ? "✓" : "○", `Point ${point.number} of ${point.of} on the frontier`];
  if (plan.status === undefined) return plan.feasible ? ["neutral", "○", "Scored placement"] : ["bad", "✕", "Breaks limits"];
  return {
    optimal: ["good", "✓", "Proven optimal"],
    feasible: ["warn", "≈", plan.gap === null ? "A plan, not proven best" : `Within ${percent(plan.gap)} of the best`],
    infeasible: ["bad", "✕", "No plan exists"],
    no_plan_found: ["warn", "?", "No plan found in time"],
    queued: ["neutral", "…", "Waiting"],
    running: ["neutral", "…", "Being solved"],
  }[plan.status] ?? ["neutral", "○", plan.status];
}

/** The last metric of a lexicographic order, which its objective states. */
const lastMetric = (request) => request.objective?.order?.at(-1) ?? "energy";
export const objectiveOf = (plan, request, value) => objective(plan.objective_kind ?? request.objective?.kind ?? "latency", value, lastMetric(request));

/** Name of a request's model. */
export function modelName(request) {
  const { name, catalogue, huggingface_config: config, layers } = request.model;
  return name ?? catalogue ?? config?._name_or_path ?? config?.model_type ?? `${layers?.length ?? 0} layers`;
}

/** A request in a few words. */
export function titleOf(request) {
  const nodes = request.cluster.nodes.length;
  return `${modelName(request)} on ${nodes === 1 ? "one node" : `${nodes} nodes`}`;
}

/** Figures of a plan: `[what, written]`. */
export const figuresOf = (plan, request) => [
  ["Latency", seconds(plan.latency_s), `per ${unitOf(request)}`],
  ["Energy", joules(plan.energy_j), `per ${unitOf(request)}`],
  ["Throughput", rate(plan.throughput_per_s), thingsOf(request)],
];
