// What it costs to keep layers on the terminal: latency and energy by their number, plain and U-shaped.
import { d3 } from "../d3.js";
import { h } from "../dom.js";
import { joules, seconds } from "../format.js";
import { figure } from "./figure.js";
import { JOULES, SECONDS, unitTicks } from "./ticks.js";
import { explained } from "./tooltip.js";

const MARGIN = { top: 22, right: 14, bottom: 36, left: 58 };
const HEIGHT = 210;

const splitWords = (tail) => (tail === 0 ? "plain split" : `U-shaped, ${tail} at the end`);

/** One panel: a figure of the best plan by how many layers stay. */
function panel(group, { x, top, points, tails, value, units, title, right }) {
  const known = points.filter((point) => Number.isFinite(value(point)));
  const [low, high] = d3.extent(known, value);
  const pad = (high - low) * 0.1 || Math.abs(high) * 0.1 || 1;
  const y = d3.scaleLinear([Math.max(0, low - pad), high + pad], [top + HEIGHT - MARGIN.bottom, top + MARGIN.top]);
  const axis = group.append("g").attr("class", "axis");
  axis.append("text").attr("class", "panel-title").attr("x", 0).attr("y", top + 11).text(title);
  for (const { at: tick, text } of unitTicks(y.domain(), 4, units)) {
    axis.append("line").attr("x1", MARGIN.left).attr("x2", right).attr("y1", y(tick)).attr("y2", y(tick));
    axis.append("text").attr("x", MARGIN.left - 8).attr("y", y(tick)).attr("dy", "0.35em").attr("text-anchor", "end").text(text);
  }
  for (const tick of x.ticks(Math.max(2, (right - MARGIN.left) / 60)).filter(Number.isInteger)) {
    axis.append("text").attr("x", x(tick)).attr("y", top + HEIGHT - MARGIN.bottom + 15).attr("text-anchor", "middle").text(tick);
  }
  axis.append("text").attr("class", "axis-title").attr("x", (MARGIN.left + right) / 2).attr("y", top + HEIGHT - 6).attr("text-anchor", "middle").text("first layers that stay on the source →");
  tails.forEach((tail, index) => {
    const own = known.filter((point) => point.tail_layers === tail);
    group.append("path").attr("class", `series series-${index}`).attr("d", d3.line((point) => x(point.head_layers), (point) => y(value(point)))(own));
    const mark = d3.symbol(index ? d3.symbolSquare : d3.symbolCircle, 38)();
    const marks = group.append("g").attr("class", `series series-${index}`).selectAll("path").data(own).join("path").attr("class", "series-mark").attr("d", mark)
      .attr("transform", (point) => `translate(${x(point.head_layers)},${y(value(point))})`);
    explained(marks, (point) => [`${point.head_layers} layers stay (${point.blocks_on_source} blocks)`, [
      ["split", splitWords(point.tail_layers)], ["latency", seconds(point.latency_s)], ["energy", joules(point.energy_j)], ["proven", point.proven ? "yes" : "no"]]]);
  });
}

export function privacyFigure(view) {
  const points = view.points;
  const tails = [...new Set(points.map((point) => point.tail_layers))].sort();
  const none = points.filter((point) => point.latency_s === null || point.latency_s === undefined).length;
  const legend = h("ul", { class: "legend" }, tails.map((tail, index) => h("li", {}, h("span", { class: `series-key series-${index}`, "aria-hidden": "true" }), splitWords(tail))));
  return figure({
    name: "privacy",
    title: "What keeping layers on the source costs",
    summary: `The best plan for each number of first layers that must stay.${none ? ` For ${none} of ${points.length} no plan was found.` : ""}`,
    legend,
    draw: (group, width, svg) => {
      const side = width > 640;
      const each = side ? (width - 24) / 2 : width;
      svg.attr("height", side ? HEIGHT : 2 * HEIGHT + 8);
      const x = d3.scaleLinear(d3.extent(points, (point) => point.head_layers), [MARGIN.left + 6, each - MARGIN.right]);
      const shared = { x, top: 0, points, tails, right: each - MARGIN.right };
      panel(group.append("g"), { ...shared, value: (point) => point.latency_s, units: SECONDS, title: "latency" });
      panel(group.append("g").attr("transform", side ? `translate(${each + 24},0)` : `translate(0,${HEIGHT + 8})`), { ...shared, value: (point) => point.energy_j, units: JOULES, title: "energy" });
    },
    notes: [view.statement],
    table: () => ({
      columns: ["first layers on the source", "split", "blocks on the source", "latency", "energy", "status"],
      rows: points.map((point) => [String(point.head_layers), splitWords(point.tail_layers), String(point.blocks_on_source), seconds(point.latency_s), joules(point.energy_j), point.status]),
      right: [2, 3, 4],
    }),
  });
}

/** What is published about attacks, with its sources. */
export function findings(view) {
  return h("details", { class: "part" }, h("summary", {}, `What is known of attacks (${view.findings.length})`),
    h("ul", { class: "sentences small" }, view.findings.map((finding) => h("li", {}, `${finding.says} (`, h("a", { href: finding.url, rel: "noreferrer" }, finding.source), ")"))));
}
