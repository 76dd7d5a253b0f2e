// Why the plan is what it is, in sentences: what the service says, and only that.
import { button, h } from "../dom.js";
import { joules, percent, seconds, size } from "../format.js";

/**
 * @param {object|null} explanation `explanation` of an answer
 * @param {(() => void)|null} ask asks the service for what it finds out by solving again; null where that is done
 * @param {(effect: object) => void} tryOut applies the patch of an effect and solves
 */
export function explanationCard(explanation, ask, tryOut) {
  if (!explanation) return null;
  const deep = [explanation.sensitivity, explanation.unused_nodes, explanation.stability].some(Array.isArray);
  return h("section", { class: "card explanation", "aria-labelledby": "why-title", "data-figure": "explanation" },
    h("h3", { id: "why-title" }, "Why this plan"),
    h("ul", { class: "sentences" }, explanation.summary.map((sentence) => h("li", {}, sentence))),
    shares(explanation),
    limits(explanation.limits),
    sensitivity(explanation.sensitivity, tryOut),
    messages("Nodes without layers", explanation.unused_nodes),
    messages("How far links may change", explanation.stability),
    explanation.notes?.length ? h("ul", { class: "quiet small sentences" }, explanation.notes.map((note) => h("li", {}, note))) : null,
    deep || ask === null ? null : h("p", { class: "row ask" }, button("What would change it?", ask, { class: "button small" }),
      h("span", { class: "quiet small" }, "Solves again with a little more of everything, and with each unused node forced in.")));
}

function shares({ nodes, links }) {
  const parts = [
    ...nodes.map((node) => [node.id, "node", node.latency_s, node.latency_share, node.energy_j, node.energy_share, size(node.memory_bytes)]),
    ...links.map((link) => [`${link.source} → ${link.target}`, "link", link.latency_s, link.latency_share, link.energy_j, link.energy_share, ""]),
  ].sort((a, b) => b[2] - a[2]);
  if (!parts.length) return null;
  return folded("What each part contributes", h("table", {},
    h("thead", {}, h("tr", {}, ["part", "latency", "share", "energy", "memory"].map((words, index) => h("th", { scope: "col", class: index ? "number" : null }, words)))),
    h("tbody", {}, parts.map(([id, , latency, share, energy, , memory]) => h("tr", {}, h("th", { scope: "row" }, id), h("td", { class: "number" }, seconds(latency)),
      h("td", { class: "number" }, percent(share)), h("td", { class: "number" }, joules(energy)), h("td", { class: "number" }, memory))))));
}

function limits(entries) {
  if (!entries?.length) return null;
  return folded(`Limits (${entries.filter((entry) => entry.binding).length} of ${entries.length} binding)`,
    h("ul", { class: "sentences" }, entries.toSorted((a, b) => Number(b.binding) - Number(a.binding)).map((entry) => h("li", {}, entry.binding ? h("strong", {}, "binding: ") : null, entry.message))));
}

function sensitivity(effects, tryOut) {
  if (!effects?.length) return null;
  return h("div", { class: "part" }, h("h4", {}, "What would change it"),
    h("ul", { class: "effects" }, effects.map((effect) => h("li", {}, h("span", {}, effect.message, effect.proven ? null : h("span", { class: "quiet" }, " (not proven to the end)")),
      effect.saves_at_least > 0 || effect.saves_at_most > 0 ? button("Try it", () => tryOut(effect), { class: "button small bare", "aria-label": `Try it: ${effect.message}` }) : null))));
}

function messages(title, entries) {
  if (!entries?.length) return null;
  const list = h("ul", { class: "sentences" }, entries.map((entry) => h("li", {}, entry.message)));
  return entries.length > 6 ? folded(`${title} (${entries.length})`, list) : h("div", { class: "part" }, h("h4", {}, title), list);
}

function folded(title, content) {
  return h("details", { class: "part" }, h("summary", {}, title), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, content));
}
