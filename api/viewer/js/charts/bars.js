// Stacked horizontal bars, one row per node: memory and energy share them.
import { d3 } from "../d3.js";
import { shortNames } from "../names.js";
import { Inks, painted } from "./marks.js";
import { byteTicks, JOULES, unitTicks } from "./ticks.js";
import { explained } from "./tooltip.js";

const AXIS = 24;

/**
 * @param {object} chart
 * @param {Array<{name, parts: Array<[kind, value]>, capacity?: number, label: string}>} chart.rows
 * @param {(value: number) => string} chart.written how a value is written in the box
 * @param {boolean} [chart.binary] sizes in bytes; else joules
 * @param {Record<string, string>} chart.words what each part is called
 */
export function drawBars(group, width, svg, { rows, written, words, binary = false }) {
  const dense = rows.length > 16;
  const stacked = width < 520 && !dense;
  const bar = dense ? 12 : 18;
  const step = stacked ? bar + 24 : bar + (dense ? 5 : 12);
  const longest = width < 520 ? 12 : 20;
  const inks = new Inks(svg);
  const left = stacked ? 0 : Math.min(170, 18 + 7.2 * Math.max(...rows.map((row) => Math.min(row.name.length, longest))));
  const rightOf = stacked ? 0 : 8 + 6.4 * Math.max(...rows.map((row) => row.label.length));
  const most = d3.max(rows, (row) => Math.max(row.capacity ?? 0, d3.sum(row.parts, ([, value]) => value)));
  const x = d3.scaleLinear([0, most || 1], [left, width - rightOf - 1]);
  const height = AXIS + rows.length * step + 4;
  svg.attr("height", height).classed("dense", dense);
  const short = shortNames(rows.map((row) => row.name), stacked ? Math.floor(width / 12) : longest);

  const ticks = (binary ? byteTicks : unitTicks)([0, most || 1], Math.max(2, (width - left - rightOf) / 90), JOULES);
  const grid = group.append("g").attr("class", "axis");
  for (const { at, text } of ticks) {
    grid.append("line").attr("x1", x(at)).attr("x2", x(at)).attr("y1", AXIS - 4).attr("y2", height);
    grid.append("text").attr("x", x(at)).attr("y", AXIS - 9).attr("text-anchor", at === 0 ? "start" : x(at) > width - 24 ? "end" : "middle").text(text);
  }
  const row = group.selectAll("g.bar-row").data(rows).join("g").attr("class", "bar-row")
    .attr("transform", (_, index) => `translate(0,${AXIS + index * step + (stacked ? 17 : 3)})`);
  row.append("text").attr("class", "label").attr("x", stacked ? 0 : left - 10).attr("y", stacked ? -4 : bar / 2)
    .attr("dy", stacked ? 0 : "0.35em").attr("text-anchor", stacked ? "start" : "end").text((own) => short(own.name));
  row.append("text").attr("class", "value").attr("x", width).attr("y", stacked ? -4 : bar / 2).attr("dy", stacked ? 0 : "0.35em")
    .attr("text-anchor", "end").text((own) => own.label);
  row.filter((own) => own.capacity !== undefined).append("rect").attr("class", "capacity").attr("x", left).attr("height", bar)
    .attr("rx", 3).attr("width", (own) => Math.max(1, x(own.capacity) - left));
  const parts = row.selectAll("rect.mark").data((own) => laid(own)).join("rect")
    .attr("x", (part) => x(part.from)).attr("width", (part) => Math.max(0, x(part.to) - x(part.from) - (part.last ? 0 : 0.75)))
    .attr("height", bar);
  painted(parts, inks, (part) => part.kind);
  explained(row, (own) => [own.name, [
    ...own.parts.filter(([, value]) => value > 0).map(([kind, value]) => [words[kind], written(value)]),
    ...(own.facts ?? []),
  ]]);
}

function laid(row) {
  let from = 0;
  const parts = row.parts.filter(([, value]) => value > 0);
  return parts.map(([kind, value], index) => {
    const part = { kind, from, to: from + value, last: index === parts.length - 1 };
    from += value;
    return part;
  });
}
