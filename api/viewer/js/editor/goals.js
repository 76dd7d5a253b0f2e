// Model, workload, objective, limits, privacy and solver.
import { h } from "../dom.js";
import { count } from "../format.js";
import { field, section } from "./fields.js";

const DTYPES = ["float32", "float16", "bfloat16"];
const QUANTIZATIONS = ["none", "int8", "int4"];

export function modelSection(session, transformers, opened) {
  const { model } = session.request;
  const of = (name, rest) => field(session, { pointer: `/model/${name}`, ...rest });
  const families = Map.groupBy(transformers, (entry) => entry.family);
  const pick = h("select", { id: "model-choice", "data-pointer": "/model/catalogue", on: { change: (event) => choose(event.currentTarget.value) } },
    model.catalogue ? null : h("option", { value: "", selected: true }, model.layers ? `${model.layers.length} layers given outright` : `config.json (${model.huggingface_config?.model_type ?? "unknown"})`),
    [...families].map(([family, own]) => h("optgroup", { label: family }, own.map((entry) => h("option", { value: entry.id, selected: entry.id === model.catalogue }, entry.id)))));
  const choose = (id) => id && session.edit((request) => {
    const { sequence_length = 128, micro_batch_size, dtype, quantization, fine_tuning } = request.model;
    const kept = { micro_batch_size, dtype, quantization, fine_tuning };
    request.model = { catalogue: id, sequence_length, ...Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)) };
  }, { redraw: true });
  const known = transformers.find((entry) => entry.id === model.catalogue);
  return section("model", "Model", { open: opened, pointer: "/model" },
    h("div", { class: "grid" },
      h("div", { class: "field wide" }, h("label", { for: "model-choice" }, "Transformer"), pick,
        known ? h("p", { class: "hint" }, `${known.hf_id}: ${count(Math.round(known.parameters / 1e6))} million parameters, ${known.huggingface_config.num_hidden_layers ?? known.huggingface_config.n_layer ?? "?"} blocks.`) : null),
      ...(model.layers ? [h("p", { class: "hint wide" }, "The layers are given one by one, with their FLOPs and bytes. Edit them as JSON, or choose a Transformer instead.")] : [
        of("sequence_length", { label: "tokens per sequence", kind: "number" }),
        of("micro_batch_size", { label: "sequences at once", kind: "number", placeholder: "1" }),
        of("dtype", { label: "number format", kind: "choice", options: DTYPES, optional: "model's own" }),
        of("quantization", { label: "quantisation", kind: "choice", options: QUANTIZATIONS, optional: "none (default)" }),
      ])));
}

export function workloadSection(session, opened) {
  const { workload, cluster } = session.request;
  const of = (name, rest) => field(session, { pointer: `/workload/${name}`, ...rest });
  const kind = field(session, { pointer: "/workload/kind", label: "kind", kind: "choice", options: ["inference", "training"] });
  kind.querySelector("select").addEventListener("change", (event) => {
    const chosen = event.currentTarget.value;
    session.edit((request) => {
      request.workload = { kind: chosen, source: request.workload.source, ...(chosen === "training" ? { micro_batches: 4, schedule: "gpipe" } : { output_tokens: 32 }) };
    }, { redraw: true });
  });
  return section("workload", "Workload", { open: opened, pointer: "/workload" }, h("div", { class: "grid" },
    kind,
    of("source", { label: "source of the input", kind: "choice", options: cluster.nodes.map((node) => String(node.id)) }),
    ...(workload.kind === "training"
      ? [of("micro_batches", { label: "micro-batches", kind: "number", placeholder: "1" }),
        of("schedule", { label: "schedule", kind: "choice", options: ["sequential", "gpipe", "1f1b"], optional: "gpipe (default)", redraw: true }),
        workload.schedule === "1f1b" ? of("warmup", { label: "warm-up", kind: "choice", options: ["classic", "deep"], optional: "classic (default)" }) : null]
      : [of("output_tokens", { label: "tokens answered", kind: "number", placeholder: "1" }), of("concurrency", { label: "requests in flight", kind: "number", placeholder: "1" })])));
}

export function objectiveSection(session, opened) {
  const kind = session.request.objective?.kind ?? "latency";
  const of = (name, rest) => field(session, { pointer: `/objective/${name}`, ...rest });
  const choice = field(session, { pointer: "/objective/kind", label: "optimise", kind: "choice", wide: true, optional: "least latency (default)",
    options: [["latency", "least latency"], ["energy", "least energy"], ["throughput", "most throughput"], ["weighted", "latency and energy, weighted"], ["lexicographic", "one after the other"]] });
  choice.querySelector("select").addEventListener("change", (event) => {
    const chosen = event.currentTarget.value;
    session.edit((request) => {
      if (chosen) request.objective = { kind: chosen };
      else delete request.objective;
    }, { redraw: true });
  });
  const order = session.request.objective?.order;
  return section("objective", "Objective", { open: opened, pointer: "/objective" }, h("div", { class: "grid" }, choice,
    kind === "weighted" ? of("latency_weight", { label: "weight of latency, 0 to 1", kind: "number", placeholder: "0.5" }) : null,
    kind === "lexicographic" ? of("tolerance", { label: "worsening allowed, 0 to 1", kind: "number", placeholder: "0" }) : null,
    kind === "lexicographic" ? h("p", { class: "hint wide" }, `Order: ${(order ?? ["latency", "energy"]).join(", then ")}.`) : null));
}

const IN_JSON = ["allowed_nodes", "forbidden_nodes", "pinned"];

export function limitsSection(session, opened) {
  const { constraints = {}, privacy = {} } = session.request;
  const of = (pointer, label, placeholder = "none") => field(session, { pointer, label, kind: "number", placeholder });
  const further = IN_JSON.filter((name) => constraints[name] !== undefined);
  const hidden = ["untrusted_forbidden_layers", "leakage", "max_leakage"].filter((name) => privacy[name] !== undefined);
  const given = Object.keys(constraints).length + Object.keys(privacy).length;
  return section("limits", given ? `Limits and privacy (${given})` : "Limits and privacy", { open: opened, pointer: "/constraints" }, h("div", { class: "grid", "data-pointer": "/privacy" },
    of("/constraints/max_latency_s", "latency at most (s)"),
    of("/constraints/max_energy_j", "energy at most (J)"),
    of("/constraints/min_throughput_per_s", "throughput at least (1/s)"),
    of("/constraints/max_stages", "stages at most"),
    of("/privacy/head_layers", "first layers on the source", "embedding and a block"),
    of("/privacy/tail_layers", "last layers on the source", "0"),
    further.length + hidden.length ? h("p", { class: "hint wide" }, `Also given, to be edited as JSON: ${[...further, ...hidden].join(", ")}.`) : null));
}

export function solverSection(session, opened) {
  const of = (name, rest) => field(session, { pointer: `/solver/${name}`, ...rest });
  return section("solver", "Solver", { open: opened, pointer: "/solver" }, h("div", { class: "grid" },
    of("time_limit_s", { label: "time limit (s)", kind: "number", placeholder: "10" }),
    of("relative_gap", { label: "gap that is enough, 0 to 1", kind: "number", placeholder: "0: prove it" }),
    of("backend", { label: "backend", kind: "choice", options: ["labels", "milp", "milp_cbc", "cp_sat", "brute_force"], optional: "auto (default)" }),
    of("seed", { label: "seed", kind: "number", placeholder: "0" })));
}
