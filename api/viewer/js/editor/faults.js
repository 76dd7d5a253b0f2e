// What the service says against a request: at the fields themselves, and all together above them.
import { button, fill, h } from "../dom.js";
import { clear, complain } from "./fields.js";

/** The input for a JSON pointer or the nearest thing around it; unfolds whatever hides it. */
function reveal(form, pointer) {
  const row = /^\/cluster\/(nodes|links)\/(\d+)/.exec(pointer);
  if (row) form.querySelector(`[data-rows="${row[1].slice(0, -1)}"]`)?.reveal(Number(row[2]));
  for (let at = pointer; at; at = at.slice(0, at.lastIndexOf("/"))) {
    const found = [...form.querySelectorAll("[data-pointer]")].filter((element) => element.dataset.pointer === at);
    const input = found.find((element) => element.matches("input, select, textarea"));
    const place = input ?? found[0];
    if (!place) continue;
    for (let fold = place.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
    return { place, exact: at === pointer && input !== undefined };
  }
  return null;
}

/** Show problem details; `unfold` brings the form to the front where a fault is looked for in it. */
export function showProblem(box, form, problem, unfold) {
  clear(form);
  const violations = problem.violations ?? [];
  for (const violation of violations) {
    const found = reveal(form, violation.pointer);
    if (found?.exact) complain(found.place, violation.message);
  }
  const jump = (pointer) => {
    unfold();
    const found = reveal(form, pointer);
    if (!found) return;
    (found.place.matches("input, select, textarea") ? found.place : found.place.querySelector("summary") ?? found.place).focus();
    found.place.scrollIntoView({ block: "center" });
  };
  fill(box, h("h3", { id: "problem-title" }, problem.title),
    violations.length ? null : h("p", {}, problem.detail),
    violations.length ? h("ul", { class: "sentences" }, violations.map((violation) => h("li", {},
      button(violation.pointer || "the request", () => jump(violation.pointer), { class: "button small bare pointer" }), h("span", {}, ` ${violation.message}`)))) : null,
    problem.violations_omitted ? h("p", { class: "quiet small" }, `and ${problem.violations_omitted} more`) : null);
  box.hidden = false;
  box.tabIndex = -1;
  box.focus();
}

export function clearProblem(box, form) {
  clear(form);
  box.hidden = true;
  box.replaceChildren();
}
