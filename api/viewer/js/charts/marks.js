// How data looks: classes for colours (in charts.css), patterns so that colour never speaks alone, legends.
import { d3 } from "../d3.js";
import { freshId, h } from "../dom.js";

export const ACTIVITIES = ["forward", "backward", "decode", "update", "input", "activation", "gradient", "label", "result"];
export const ACTIVITY_WORDS = {
  forward: "forward", backward: "backward", decode: "decode", update: "update", input: "input sent",
  activation: "activations sent", gradient: "gradients sent", label: "labels sent", result: "result sent",
};
export const MEMORY_PARTS = [
  ["weights_bytes", "weights"], ["gradients_bytes", "gradients"], ["optimizer_bytes", "optimiser state"],
  ["activations_bytes", "activations"], ["kv_cache_bytes", "KV cache"], ["workspace_bytes", "workspace"],
];
export const ENERGY_PARTS = [
  ["idle_energy_j", "idle"], ["compute_energy_j", "computing"], ["communication_energy_j", "communicating"],
];

const HATCHES = {
  backward: "M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2",
  gradient: "M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2",
  update: "M0,3 h6 M3,0 v6",
  label: "M0,3 h6",
  result: "M3,0 v6",
  "gradients_bytes": "M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2",
  "activations_bytes": "M0,3 h6",
  "workspace_bytes": "M0,3 h6 M3,0 v6",
  "kv_cache_bytes": "M3,0 v6",
  "idle_energy_j": "M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2",
  "communication_energy_j": "M3,0 v6",
};

/** Patterns of a drawing, each made when it is first asked for. */
export class Inks {
  constructor(svg) {
    this.defs = svg.append("defs");
    this.known = new Map();
  }

  /** The paint of a kind of mark: `fill` for rectangles; the class `ink-<kind>` gives colour and text colour. */
  of(kind) {
    if (!(kind in HATCHES)) return null;
    if (!this.known.has(kind)) {
      const id = freshId(`hatch-${kind}`);
      const pattern = this.defs.append("pattern").attr("id", id).attr("width", 6).attr("height", 6)
        .attr("patternUnits", "userSpaceOnUse").attr("class", `ink-${kind}`);
      pattern.append("rect").attr("width", 6).attr("height", 6).attr("class", "hatch-ground");
      pattern.append("path").attr("d", HATCHES[kind]).attr("class", "hatch-lines");
      this.known.set(kind, `url(#${id})`);
    }
    return this.known.get(kind);
  }
}

/** Rectangles (a selection) painted as their kind. */
export function painted(rectangles, inks, kindOf) {
  return rectangles
    .attr("class", (datum) => `mark ink-${kindOf(datum)}`)
    .attr("fill", (datum) => inks.of(kindOf(datum)));
}

/** A list that says what each paint means. */
export function legend(entries, notes = []) {
  return h("ul", { class: "legend" },
    entries.map(([kind, words]) => h("li", {}, swatch(kind), words)),
    notes.map((note) => h("li", { class: "quiet" }, note)));
}

function swatch(kind) {
  const svg = d3.create("svg").attr("class", "swatch").attr("width", 16).attr("height", 12).attr("aria-hidden", "true");
  const inks = new Inks(svg);
  painted(svg.append("rect").datum(kind).attr("width", 16).attr("height", 12).attr("rx", 2), inks, (own) => own);
  return svg.node();
}

/** The colour class of a stage: seven colours in turn; the stage's number always stands beside it. */
export const stageClass = (index) => `stage-${index % 7}`;
