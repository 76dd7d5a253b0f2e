// No plan: why not, and the smallest changes that would help, each a button.
import { button, h } from "../dom.js";
import { byField } from "../format.js";
import { stepsOf } from "../pointer.js";

/** Apply a JSON Patch of `add` and `replace` operations to a copy of a request. */
export function patched(request, operations) {
  const changed = structuredClone(request);
  for (const { path, value } of operations) {
    const steps = stepsOf(path);
    const last = steps.pop();
    const at = steps.reduce((here, step) => (here[step] ??= {}), changed);
    at[last] = value;
  }
  return changed;
}

const known = (value) => value !== null && value !== undefined;

/**
 * @param {object} plan an answer without a plan
 * @param {(change: {patch, message}) => void} apply applies a relaxation and solves again
 */
export function infeasibleCards(plan, apply) {
  const { infeasibility } = plan;
  if (!infeasibility) return attempted(plan.attempt, apply);
  const { conflict, reasons, relaxations, combinations = [] } = infeasibility;
  const shown = conflict?.constraints?.length ? conflict.constraints : reasons;
  return [
    h("section", { class: "card reasons-card", "aria-labelledby": "reasons-title", "data-figure": "reasons" },
      h("h3", { id: "reasons-title" }, "Why there is no plan"),
      conflict ? h("p", { class: "sentence" }, conflict.message) : null,
      conflict?.irreducible ? h("p", { class: "quiet small" }, "Proven: without any one of them a plan keeps the others.") : null,
      h("ul", { class: "sentences" }, shown.map((reason) => h("li", {}, reason.message, known(reason.required) && known(reason.available) ? needs(reason) : null)))),
    h("section", { class: "card", "aria-labelledby": "relaxations-title", "data-figure": "relaxations" },
      h("h3", { id: "relaxations-title" }, "What would help"),
      relaxations.length || combinations.length
        ? h("div", {}, h("p", { class: "quiet small" }, relaxations.length ? "Each is the smallest change of its kind, everything else kept." : "No single change helps; these together do."),
          h("ul", { class: "relaxations" }, relaxations.map((relaxation) => relaxed(relaxation, apply)), combinations.map((combination) => combined(combination, apply))))
        : h("p", { class: "quiet" }, "No change of a single limit was found that would help.")),
  ];
}

/** What was tried where time ran out. */
function attempted(attempt, apply) {
  if (!attempt) return [];
  return [h("section", { class: "card", "aria-labelledby": "attempt-title", "data-figure": "attempt" },
    h("h3", { id: "attempt-title" }, "What was tried"), h("p", { class: "sentence" }, attempt.message),
    attempt.nearest ? h("ul", { class: "relaxations" }, combined(attempt.nearest, apply)) : null)];
}

function offer(words, details, change, apply) {
  return h("li", {},
    h("div", {}, h("strong", {}, words), details),
    change.patch?.length ? button("Apply and solve", () => apply(change), { class: "button small primary", "aria-label": `Apply and solve: ${words}` }) : null);
}

function relaxed(relaxation, apply) {
  const proof = !relaxation.verified ? "No plan was sought with it." : relaxation.smallest ? "Verified: a plan was found with it, and none with one percent less." : "Verified: with it, a plan was found.";
  return offer(relaxation.message, [
    known(relaxation.required) && known(relaxation.available)
      ? h("span", { class: "block small" }, `${relaxation.constraint}${relaxation.subject ? ` of ${relaxation.subject}` : ""}: ${byField(relaxation.constraint, relaxation.available)} → ${byField(relaxation.constraint, relaxation.required)}`) : null,
    h("span", { class: "block quiet small" }, proof)], relaxation, apply);
}

function combined(combination, apply) {
  return offer(combination.message, h("ul", { class: "sentences small" }, combination.parts.map((part) => h("li", {}, part.message))), combination, apply);
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
