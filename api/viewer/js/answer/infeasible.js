// No plan: why not, and the smallest changes that would help, each a button.
import { button, h } from "../dom.js";
import { byField } from "../format.js";

/** Apply a JSON Patch of `add` and `replace` operations to a copy of a request. */
export function patched(request, operations) {
  const changed = structuredClone(request);
  for (const { path, value } of operations) {
    const steps = path.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = steps.pop();
    const at = steps.reduce((here, step) => (here[step] ??= {}), changed);
    at[last] = value;
  }
  return changed;
}

/**
 * @param {object} plan an answer without a plan
 * @param {(relaxation: object) => void} apply applies a relaxation and solves again
 */
export function infeasibleCards(plan, apply) {
  const { infeasibility } = plan;
  if (!infeasibility) return [];
  const { reasons, relaxations } = infeasibility;
  return [
    h("section", { class: "card reasons-card", "aria-labelledby": "reasons-title", "data-figure": "reasons" },
      h("h3", { id: "reasons-title" }, "Why there is no plan"),
      h("ul", { class: "sentences" }, reasons.map((reason) => h("li", {}, reason.message, reason.required !== null && reason.available !== null ? needs(reason) : null)))),
    h("section", { class: "card", "aria-labelledby": "relaxations-title", "data-figure": "relaxations" },
      h("h3", { id: "relaxations-title" }, "What would help"),
      relaxations.length
        ? h("div", {}, h("p", { class: "quiet small" }, "Each is the smallest change of its kind, everything else kept."),
          h("ul", { class: "relaxations" }, relaxations.map((relaxation) => relaxed(relaxation, apply))))
        : h("p", { class: "quiet" }, "No change of a single limit was found that would help.")),
  ];
}

function relaxed(relaxation, apply) {
  const usable = relaxation.patch?.length > 0;
  return h("li", {},
    h("div", {}, h("strong", {}, relaxation.message), h("span", { class: "block quiet small" },
      relaxation.verified ? "Verified: with it, a plan was found." : "Not verified: no plan was sought with it.",
      relaxation.required !== null && relaxation.available !== null ? ` ${relaxation.constraint}: ${byField(relaxation.constraint, relaxation.available)} → ${byField(relaxation.constraint, relaxation.required)}` : null)),
    usable ? button("Apply and solve", () => apply(relaxation), { class: "button small primary", "aria-label": `Apply and solve: ${relaxation.message}` }) : null);
}

/** Required against available, as two bars of one scale. */
function needs(reason) {
  const most = Math.max(reason.required, reason.available) || 1;
  const line = (words, value, className) => {
    const fill = h("span", { class: `need-fill ${className}` });
    fill.style.width = `${Math.max(0.5, (100 * value) / most)}%`;
    return h("div", { class: "need" }, h("span", { class: "need-words" }, words), h("span", { class: "need-track", "aria-hidden": "true" }, fill), h("span", { class: "number" }, byField(reason.constraint, value)));
  };
  return h("div", { class: "needs" }, line("required", reason.required, "over"), line("available", reason.available, "has"));
}
