// The same request with something lost, and the price of privacy: what an operator asks next.
import { button, h } from "../dom.js";
import { joules, percent, rate, seconds } from "../format.js";
import { findings, privacyFigure } from "../charts/privacy.js";

const MOST = 12;

/** Each used node but the source lost, and each used link down, weightiest first. */
export function variantsOf(plan, request) {
  const { source } = request.workload;
  const lost = [...new Set(plan.stages.map((stage) => stage.node))].filter((node) => node !== source);
  const pairs = new Map(plan.links.toSorted((a, b) => b.busy_s - a.busy_s).map((link) => [[link.source, link.target].sort().join("\u0000"), link]));
  const direct = new Set((request.cluster.links ?? []).map((link) => [link.source, link.target].sort().join("\u0000")));
  const down = [...pairs].filter(([pair]) => request.cluster.link_matrix || direct.has(pair)).map(([, link]) => link);
  return [
    ...lost.map((node) => ({ name: `without ${node}`, node_lost: node })),
    ...down.map(({ source: from, target: to }) => ({ name: `link ${from} to ${to} down`, link_down: { source: from, target: to } })),
  ].slice(0, MOST);
}

/** The card before anything was asked. */
export function whatIfCard(losses, privacy) {
  return h("section", { class: "card empty", "aria-labelledby": "whatif-title", "data-figure": "whatif" },
    h("h3", { id: "whatif-title" }, "What if"),
    h("p", { class: "quiet" }, "The same request, planned again with something changed."),
    h("div", { class: "row" }, losses ? button("Lose a node or a link", losses, { class: "button small" }) : null, button("Keep more layers private", privacy, { class: "button small" })));
}

/** What came of it: `comparison` is the answer of POST /plan:compare. */
export function comparisonCards(comparison) {
  const cards = [];
  if (comparison.variants.length) cards.push(variantsCard(comparison));
  if (comparison.privacy?.points.length) {
    const card = privacyFigure(comparison.privacy);
    card.append(findings(comparison.privacy));
    cards.push(card);
  }
  return cards;
}

function variantsCard({ base, variants }) {
  const row = (entry, own) => {
    const change = (figure) => entry.changes?.find((one) => one.figure === figure);
    const cell = (figure, value, written) => {
      const relative = change(figure)?.relative;
      return h("td", { class: "number" }, written(value), relative ? h("span", { class: "block quiet small" }, `${relative > 0 ? "+" : "−"}${percent(Math.abs(relative))}`) : null);
    };
    return h("tr", { class: own ? "own" : null }, h("th", { scope: "row" }, own ? "as it is" : entry.name, own ? null : h("span", { class: "block quiet small" }, entry.message)),
      ...(entry.stages.length
        ? [cell("latency", entry.latency_s, seconds), cell("energy", entry.energy_j, joules), cell("throughput", entry.throughput_per_s, rate)]
        : [h("td", { colspan: "3", class: "reasons" }, entry.status === "infeasible" ? "no plan exists" : "no plan found")]),
      h("td", {}, own ? "" : kept(entry.keeping_the_plan)));
  };
  return h("section", { class: "card baselines", "aria-labelledby": "variants-title", "data-figure": "variants" },
    h("h3", { id: "variants-title" }, "With something lost"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "With something lost" }, h("table", { class: "wide-rows" },
      h("thead", {}, h("tr", {}, ["change", "latency", "energy", "throughput", "if the plan is kept"].map((words, index) => h("th", { scope: "col", class: index && index < 4 ? "number" : null }, words)))),
      h("tbody", {}, base ? row(base, true) : null, variants.map((entry) => row(entry, false))))));
}

function kept(keeping) {
  if (!keeping) return "";
  return keeping.possible ? seconds(keeping.latency_s) : `not possible: ${keeping.reasons.join("; ")}`;
}
