// Every trade-off of latency and energy: a staircase of points, each of which can be chosen.
import { d3 } from "../d3.js";
import { button } from "../dom.js";
import { joules, percent, plural, precisely, seconds } from "../format.js";
import { figure } from "./figure.js";
import { JOULES, SECONDS, unitTicks } from "./ticks.js";
import { explained } from "./tooltip.js";

const MARGIN = { top: 16, right: 18, bottom: 40, left: 72 };

const figures = (point) => `${precisely(seconds, point.latency_s)} and ${precisely(joules, point.energy_j)}`;

function padded([low, high], share = 0.06) {
  const pad = (high - low) * share || Math.abs(high) * 0.05 || 1;
  return [Math.max(0, low - pad), high + pad];
}

/**
 * @param {object} frontier the answer of POST /frontier
 * @param {{latency_s, energy_j}|null} shown the plan on display
 * @param {(index: number) => void} choose a point was chosen
 */
export function frontierFigure(frontier, shown, choose) {
  const { points, knee } = frontier;
  const told = (point) => [`Point ${points.indexOf(point) + 1} of ${points.length}`, [
    ["latency", precisely(seconds, point.latency_s)], ["energy", precisely(joules, point.energy_j)], ["stages", String(point.stages.length)],
    ["proof", point.proven ? "no plan beats it in both" : `within ${percent(point.gap)}`],
    points.indexOf(point) === knee?.index && ["knee", "largest gain for the least loss"],
    point.supported === false && ["weights", "none finds it"],
  ]];
  const name = (point) => `Point ${points.indexOf(point) + 1}: ${figures(point)}${points.indexOf(point) === knee?.index ? ", the knee" : ""}. Show this plan.`;
  const current = (point) => shown && Math.abs(point.latency_s - shown.latency_s) <= 1e-6 * point.latency_s && Math.abs(point.energy_j - shown.energy_j) <= 1e-6 * Math.max(point.energy_j, 1e-12);

  const draw = (group, width, svg) => {
    const height = Math.max(240, Math.min(340, width * 0.55));
    svg.attr("height", height);
    const x = d3.scaleLinear(padded(d3.extent(points, (point) => point.latency_s)), [MARGIN.left, width - MARGIN.right]);
    const y = d3.scaleLinear(padded(d3.extent(points, (point) => point.energy_j)), [height - MARGIN.bottom, MARGIN.top]);
    const axis = group.append("g").attr("class", "axis");
    for (const { at: tick, text } of unitTicks(x.domain(), Math.max(2, width / 130), SECONDS)) {
      axis.append("line").attr("x1", x(tick)).attr("x2", x(tick)).attr("y1", MARGIN.top).attr("y2", height - MARGIN.bottom);
      axis.append("text").attr("x", x(tick)).attr("y", height - MARGIN.bottom + 16).attr("text-anchor", "middle").text(text);
    }
    for (const { at: tick, text } of unitTicks(y.domain(), 5, JOULES)) {
      axis.append("line").attr("x1", MARGIN.left).attr("x2", width - MARGIN.right).attr("y1", y(tick)).attr("y2", y(tick));
      axis.append("text").attr("x", MARGIN.left - 8).attr("y", y(tick)).attr("dy", "0.35em").attr("text-anchor", "end").text(text);
    }
    axis.append("text").attr("class", "axis-title").attr("x", (MARGIN.left + width - MARGIN.right) / 2).attr("y", height - 6).attr("text-anchor", "middle").text("latency →");
    axis.append("text").attr("class", "axis-title").attr("transform", `translate(12,${(height - MARGIN.bottom + MARGIN.top) / 2})rotate(-90)`).attr("text-anchor", "middle").text("energy →");
    drawOpen(group, frontier.open_intervals, x, y);
    const line = d3.line((point) => x(point.latency_s), (point) => y(point.energy_j)).curve(d3.curveStepAfter);
    group.append("path").attr("class", "staircase").attr("d", line(points));
    const dot = group.selectAll("g.point").data(points).join("g")
      .attr("class", (point) => `point${current(point) ? " current" : ""}${point.proven ? "" : " unproven"}`)
      .attr("transform", (point) => `translate(${x(point.latency_s)},${y(point.energy_j)})`)
      .attr("role", "button").attr("tabindex", 0).attr("aria-label", name).attr("aria-pressed", (point) => String(Boolean(current(point))))
      .on("click", (_, point) => choose(points.indexOf(point)))
      .on("keydown", (event, point) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose(points.indexOf(point));
      });
    dot.append("circle").attr("class", "point-hit").attr("r", 12);
    dot.append("circle").attr("class", "point-ring").attr("r", 10);
    dot.append("circle").attr("class", "point-dot").attr("r", points.length > 60 ? 3.5 : 5.5);
    const kneePoint = knee ? points[knee.index] : null;
    if (kneePoint) {
      group.append("text").attr("class", "point-label").attr("x", x(kneePoint.latency_s) - 13).attr("y", y(kneePoint.energy_j) + 15)
        .attr("text-anchor", "end").text("knee");
    }
    explained(dot, told);
  };

  const ends = points.length > 1 ? `from ${figures(points[0])} to ${figures(points.at(-1))}` : "";
  return figure({
    name: "frontier",
    title: "Latency against energy",
    summary: `${plural(points.length, "plan")} that no other plan beats in both, ${ends || "the only one"}. ${
      frontier.complete ? "Proven complete." : "Not complete: shaded where further plans may lie."} Choose a point to see its plan.`,
    draw,
    interactive: true,
    table: () => ({
      columns: ["plan", "latency", "energy", "stages", "proof", ""],
      rows: points.map((point, index) => [`${index + 1}${index === knee?.index ? " (knee)" : ""}`, precisely(seconds, point.latency_s), precisely(joules, point.energy_j),
        point.stages.map((stage) => `${stage.node} ${stage.first_layer}–${stage.stop_layer - 1}`).join(", "),
        point.proven ? "proven" : `within ${percent(point.gap)}`,
        button("Show", () => choose(index), { class: "button small bare", "aria-label": `Show plan ${index + 1}` })]),
      right: [1, 2],
    }),
  });
}

/** Shade where further points may lie. */
function drawOpen(group, intervals, x, y) {
  const [left, right] = x.range();
  const [bottom, top] = y.range();
  const within = (value, a, b) => Math.min(Math.max(value, Math.min(a, b)), Math.max(a, b));
  for (const open of intervals ?? []) {
    const x1 = within(x(open.latency_low_s), left, right);
    const x2 = open.latency_high_s === null ? right : within(x(open.latency_high_s), left, right);
    const y1 = open.energy_high_j === null ? top : within(y(open.energy_high_j), bottom, top);
    const y2 = within(y(open.energy_low_j), bottom, top);
    if (x2 > x1 && y2 > y1) group.append("rect").attr("class", "open-interval").attr("x", x1).attr("y", y1).attr("width", x2 - x1).attr("height", y2 - y1);
  }
}
