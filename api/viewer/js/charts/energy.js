// Where the joules of one request or iteration go.
import { joules, percent } from "../format.js";
import { drawBars } from "./bars.js";
import { emptyFigure, figure } from "./figure.js";
import { ENERGY_PARTS, legend } from "./marks.js";

const WORDS = Object.fromEntries(ENERGY_PARTS);

export function energyFigure(plan, unit) {
  const spending = plan.nodes.filter((node) => node.energy_j > 0);
  if (!spending.length) return emptyFigure("energy", "Energy by node", "The nodes and links of this request have no power figures, so every plan counts 0 J.");
  const rows = spending.toSorted((a, b) => b.energy_j - a.energy_j).map((node) => ({
    name: node.id,
    parts: ENERGY_PARTS.map(([part]) => [part, node[part]]),
    label: joules(node.energy_j) + (node.energy_weight === 1 ? "" : ` × ${node.energy_weight}`),
    facts: [["together", joules(node.energy_j)], node.energy_weight !== 1 && ["weight in the plan's energy", String(node.energy_weight)]],
    node,
  }));
  const present = ENERGY_PARTS.filter(([part]) => rows.some((row) => row.node[part] > 0));
  const unweighted = rows.reduce((sum, row) => sum + row.node.energy_j, 0);
  const weighted = rows.some((row) => row.node.energy_weight !== 1);
  const top = rows[0];
  return figure({
    name: "energy",
    title: "Energy by node",
    summary: `${top.name} spends most: ${joules(top.node.energy_j)} per ${unit}, ${percent(top.node.energy_j / unweighted)} of all.${
      weighted ? ` Bars are each node's own joules; the plan counts ${joules(plan.energy_j)} after weighting.` : ""}`,
    legend: legend(present),
    draw: (group, width, svg) => drawBars(group, width, svg, { rows, written: joules, words: WORDS }),
    table: () => ({
      columns: ["node", ...present.map(([, words]) => words), "together", "weight"],
      rows: rows.map((row) => [row.name, ...present.map(([part]) => joules(row.node[part])), joules(row.node.energy_j), String(row.node.energy_weight)]),
      right: Array.from({ length: present.length + 2 }, (_, index) => index + 1),
    }),
  });
}
