// The best plan so far and the bound, over the seconds of a solve: two staircases that close in on one another.
import { d3 } from "../d3.js";
import { SECONDS, unitTicks } from "./ticks.js";

const HEIGHT = 120;
const MARGIN = { top: 8, right: 8, bottom: 20, left: 8 };

/** Draw into an svg element; `history` holds `{at, objective, bound}`. */
export function drawProgress(element, history, now, written) {
  const width = Math.max(200, Math.floor(element.getBoundingClientRect().width));
  const svg = d3.select(element).attr("height", HEIGHT);
  svg.selectAll("g").remove();
  const group = svg.append("g");
  const known = history.flatMap((entry) => [entry.objective, entry.bound]).filter((value) => Number.isFinite(value));
  if (!known.length) return;
  const end = Math.max(now, 0.05);
  const x = d3.scaleLinear([0, end], [MARGIN.left, width - MARGIN.right]);
  const [low, high] = d3.extent(known);
  const pad = (high - low) * 0.08 || Math.abs(high) * 0.02 || 1;
  const y = d3.scaleLinear([low - pad, high + pad], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const axis = group.append("g").attr("class", "axis");
  for (const { at: tick, text } of unitTicks(x.domain(), Math.max(2, width / 120), SECONDS)) {
    axis.append("line").attr("x1", x(tick)).attr("x2", x(tick)).attr("y1", MARGIN.top).attr("y2", HEIGHT - MARGIN.bottom);
    axis.append("text").attr("x", x(tick)).attr("y", HEIGHT - 5).attr("text-anchor", tick === 0 ? "start" : "middle").text(text);
  }
  const steps = (field) => {
    const own = history.filter((entry) => Number.isFinite(entry[field])).map((entry) => [Math.min(entry.at, end), entry[field]]);
    return own.length ? [...own, [end, own.at(-1)[1]]] : own;
  };
  const line = d3.line(([at]) => x(at), ([, value]) => y(value)).curve(d3.curveStepAfter);
  const [best, bound] = [steps("objective"), steps("bound")];
  if (best.length && bound.length) {
    const last = [best.at(-1)[1], bound.at(-1)[1]];
    group.append("line").attr("class", "gap-line").attr("x1", x(end)).attr("x2", x(end)).attr("y1", y(last[0])).attr("y2", y(last[1]));
  }
  if (best.length) label(group.append("path").attr("class", "best-line").attr("d", line(best)), group, "best", best.at(-1)[1], x(end), y, written);
  if (bound.length) label(group.append("path").attr("class", "bound-line").attr("d", line(bound)), group, "bound", bound.at(-1)[1], x(end), y, written);
}

function label(_, group, words, value, right, y, written) {
  const at = y(value);
  group.append("text").attr("class", "line-label").attr("x", right - 6).attr("y", words === "best" ? Math.max(14, at - 5) : Math.min(HEIGHT - MARGIN.bottom - 4, at + 14))
    .attr("text-anchor", "end").text(`${words} ${written(value)}`);
}
