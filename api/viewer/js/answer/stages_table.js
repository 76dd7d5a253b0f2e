// The stages as a table: what runs where, for how long, and what crosses to the next.
import { h } from "../dom.js";
import { layers, payload, seconds, size } from "../format.js";
import { tableOf } from "../charts/figure.js";

export function stagesCard(plan) {
  const passes = ["forward", "backward", "decode", "update"].filter((name) => plan.stages.some((stage) => stage.busy_s[name] !== null && stage.busy_s[name] !== undefined));
  const crossing = (stage) => {
    const over = stage.transfer_to_next;
    return over ? `${payload(over.forward_bytes)} in ${seconds(over.forward_s)}${over.route.length > 2 ? ` via ${over.route.slice(1, -1).join(", ")}` : ""}` : "";
  };
  const levels = plan.stages.some((stage) => stage.level !== "default");
  const table = tableOf({
    columns: ["stage", "node", ...(levels ? ["operating point"] : []), "layers", ...passes, "memory", "to the next stage, forward"],
    rows: plan.stages.map((stage, index) => [String(index), stage.node, ...(levels ? [stage.level] : []), layers(stage.first_layer, stage.stop_layer).replace(/^layers? /, ""),
      ...passes.map((name) => seconds(stage.busy_s[name])), size(stage.memory.total_bytes), crossing(stage)]),
    right: passes.map((_, index) => index + (levels ? 4 : 3)).concat([passes.length + (levels ? 4 : 3)]),
  }, "Stages");
  return h("section", { class: "card", "aria-labelledby": "stages-title", "data-figure": "stages" },
    h("h3", { id: "stages-title" }, "Stages"), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Stages" }, table));
}
