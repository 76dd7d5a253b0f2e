// Two plans side by side: figures, differences, layers.
import { button, fill, h } from "../dom.js";
import { stageClass } from "../charts/marks.js";
import { joules, percent, rate, seconds, size } from "../format.js";
import { strip } from "./verdict.js";
import { modelName, titleOf, verdictOf } from "./words.js";

const FIGURES = [
  ["latency", (plan) => plan.latency_s, seconds, "less"],
  ["energy", (plan) => plan.energy_j, joules, "less"],
  ["throughput", (plan) => plan.throughput_per_s, rate, "more"],
  ["period (the busiest resource)", (plan) => plan.period_s, seconds, "less"],
  ["gap", (plan) => plan.gap, percent, null],
  ["stages", (plan) => plan.stages.length, String, null],
  ["nodes in use", (plan) => plan.nodes.filter((node) => node.used).length, String, null],
  ["largest memory of a node", (plan) => Math.max(0, ...plan.nodes.map((node) => node.memory_used_bytes)), size, "less"],
];

/** Paths at which two requests differ, with both values; at most `most`. */
function differences(a, b, most = 24) {
  const found = [];
  const walk = (left, right, path) => {
    if (found.length > most || JSON.stringify(left) === JSON.stringify(right)) return;
    const both = left && right && typeof left === "object" && typeof right === "object";
    if (!both || Array.isArray(left) !== Array.isArray(right)) {
      found.push([path, left, right]);
      return;
    }
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) walk(left[key], right[key], `${path}/${key}`);
  };
  walk(a, b, "");
  return found;
}

function shown(value) {
  if (value === undefined) return "–";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Change from a to b in words; better or worse is said, not only coloured. */
function change(a, b, better, written) {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return h("td", {}, "");
  if (a === b || (better === null && written(a) === written(b))) return h("td", {}, "the same");
  if (a === 0) return h("td", {}, "");
  const ratio = b / a - 1;
  if (better === null) return h("td", {}, "differs");
  if (Math.abs(ratio) < 1e-9) return h("td", {}, "the same");
  const good = better === "less" ? ratio < 0 : ratio > 0;
  return h("td", { class: good ? "gain" : "loss" }, `${ratio > 0 ? "+" : "−"}${percent(Math.abs(ratio))} ${good ? "better" : "worse"}`);
}

/**
 * @param {{plan, request}|null} a
 * @param {{plan, request}|null} b
 * @param {Array<[id, words]>} choices plans to choose from
 * @param {(a: string, b: string) => void} choose two ids were chosen
 */
export function comparisonView(element, { a, b, choices, chosen, choose, open }) {
  const select = (side, id) => h("label", { class: "field" }, h("span", {}, `Plan ${side.toUpperCase()}`),
    h("select", { "data-side": side, on: { change: (event) => choose(...(side === "a" ? [event.currentTarget.value, chosen[1]] : [chosen[0], event.currentTarget.value])) } },
      h("option", { value: "" }, "choose a plan"), choices.map(([own, words]) => h("option", { value: own, selected: own === id }, words))));
  const head = h("section", { class: "card", "aria-labelledby": "comparison-title" }, h("h2", { id: "comparison-title" }, "Compare two plans"),
    h("div", { class: "compare-choice" }, select("a", chosen[0]), select("b", chosen[1])));
  if (!a || !b) {
    fill(element, head, h("section", { class: "card empty" }, h("p", { class: "quiet" }, choices.length < 2
      ? "Two plans are needed. Solve a request, change something, and solve again: both are then listed here."
      : "Choose two plans to see them side by side.")));
    return;
  }
  fill(element, head, figures(a, b, open), layersCard(a, b), requests(a, b));
}

function figures(a, b, open) {
  const row = ([what, value, written, better]) => {
    const [left, right] = [a, b].map(({ plan }) => (plan.stages?.length ? value(plan) : null));
    const cell = (own) => h("td", { class: "number" }, own === null || own === undefined ? "–" : written(own));
    return h("tr", {}, h("th", { scope: "row" }, what), cell(left), cell(right), change(left, right, better, written));
  };
  const verdict = ({ plan }) => {
    const [tone, sign, words] = verdictOf(plan);
    return h("td", { class: "number" }, h("span", { class: `badge small ${tone}` }, h("span", { "aria-hidden": "true" }, sign), words));
  };
  return h("section", { class: "card", "aria-labelledby": "compare-figures", "data-figure": "comparison" },
    h("h3", { id: "compare-figures" }, "Figures"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures of both plans" }, h("table", { class: "comparison-table" },
      h("thead", {}, h("tr", {}, ["", "A", "B", "from A to B"].map((words, index) => h("th", { scope: "col", class: index === 1 || index === 2 ? "number" : null }, words)))),
      h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, "proof"), verdict(a), verdict(b), h("td", {}, "")), FIGURES.map(row),
        h("tr", {}, h("th", { scope: "row" }, "bottleneck"), [a, b].map(({ plan }) => h("td", { class: "number wrap" }, plan.bottleneck?.id ?? "–")), h("td", {}, ""))))),
    h("div", { class: "row actions" }, [["A", a], ["B", b]].map(([side, { plan }]) => button(`Open ${side}`, () => open(plan.id), { class: "button small" }))));
}

function layersCard(a, b) {
  return h("section", { class: "card", "aria-labelledby": "compare-layers" }, h("h3", { id: "compare-layers" }, "Layers"),
    [["A", a], ["B", b]].map(([side, { plan, request }]) => h("div", { class: "strip-row" }, h("p", { class: "small" }, h("strong", {}, side), ` ${titleOf(request)}`),
      plan.stages?.length ? strip(plan.stages, stageClass) : h("p", { class: "quiet small" }, "no plan"))));
}

function requests(a, b) {
  const found = differences(a.request, b.request);
  const same = found.length === 0;
  return h("section", { class: "card", "aria-labelledby": "compare-requests" }, h("h3", { id: "compare-requests" }, "What was asked differently"),
    same ? h("p", { class: "quiet" }, "Nothing: both answer the same request.")
      : h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Differences of both requests" }, h("table", {},
        h("thead", {}, h("tr", {}, ["field", `A (${modelName(a.request)})`, `B (${modelName(b.request)})`].map((words) => h("th", { scope: "col" }, words)))),
        h("tbody", {}, found.map(([path, left, right]) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, path || "/")), h("td", {}, shown(left)), h("td", {}, shown(right))))))));
}
