// What fills the memory of each node, against what it has.
import { h } from "../dom.js";
import { percent, size } from "../format.js";
import { drawBars } from "./bars.js";
import { figure } from "./figure.js";
import { legend, MEMORY_PARTS } from "./marks.js";

const WORDS = Object.fromEntries(MEMORY_PARTS);

/** Parts of a node's stages together: everything adds up but the workspace, of which the largest counts. */
function partsOf(stages) {
  return MEMORY_PARTS.map(([part]) => {
    const values = stages.map((stage) => stage.memory[part]);
    return [part, part === "workspace_bytes" ? Math.max(0, ...values) : values.reduce((sum, value) => sum + value, 0)];
  });
}

export function memoryFigure(plan) {
  const used = plan.nodes.filter((node) => plan.stages.some((stage) => stage.node === node.id));
  const order = new Map(plan.stages.map((stage, index) => [stage.node, index]).reverse());
  used.sort((a, b) => order.get(a.id) - order.get(b.id));
  const rows = used.map((node) => {
    const capacity = node.memory_used_bytes + node.memory_free_bytes;
    return {
      name: node.id,
      parts: partsOf(plan.stages.filter((stage) => stage.node === node.id)),
      capacity,
      label: `${size(node.memory_used_bytes)} of ${size(capacity)}`,
      facts: [["used", `${size(node.memory_used_bytes)} (${percent(node.memory_used_bytes / capacity)})`], ["free", size(node.memory_free_bytes)]],
      node,
    };
  });
  const present = MEMORY_PARTS.filter(([part]) => rows.some((row) => row.parts.find(([kind]) => kind === part)[1] > 0));
  const fullest = rows.toSorted((a, b) => b.node.memory_used_bytes / b.capacity - a.node.memory_used_bytes / a.capacity)[0];
  const over = rows.filter((row) => row.node.memory_free_bytes < 0);
  const summary = over.length
    ? `${over.map((row) => row.name).join(", ")}: more than the memory holds.`
    : `The fullest is ${fullest.name}: ${percent(fullest.node.memory_used_bytes / fullest.capacity)} of ${size(fullest.capacity)}.`;
  return figure({
    name: "memory",
    title: "Memory by node",
    summary,
    legend: legend([...present, ["capacity", "free"]]),
    draw: (group, width, svg) => drawBars(group, width, svg, { rows, written: size, words: WORDS, binary: true }),
    table: () => ({
      columns: ["node", ...present.map(([, words]) => words), "used", "capacity", "share"],
      rows: rows.map((row) => [h("span", {}, row.name), ...present.map(([part]) => size(row.parts.find(([kind]) => kind === part)[1])),
        size(row.node.memory_used_bytes), size(row.capacity), percent(row.node.memory_used_bytes / row.capacity)]),
      right: [...present.keys(), present.length, present.length + 1, present.length + 2].map((index) => index + 1),
    }),
  });
}
