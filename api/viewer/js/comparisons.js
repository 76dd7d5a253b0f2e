// Two plans to compare: those of this page, and those that the service keeps.
import { getJson } from "./api.js";
import { comparisonView } from "./answer/comparison.js";
import { objectiveOf, titleOf, verdictOf } from "./answer/words.js";

const LISTED = 50;

export class Comparisons {
  constructor(session, element, workbench) {
    this.session = session;
    this.element = element;
    this.workbench = workbench;
  }

  async show(idA, idB) {
    const choices = await this.#choices();
    const [a, b] = await Promise.all([idA, idB].map((id) => (id ? this.#entry(id) : null)));
    comparisonView(this.element, {
      a, b, choices, chosen: [idA, idB],
      choose: (left, right) => {
        location.hash = `#/compare/${encodeURIComponent(left)}/${encodeURIComponent(right)}`;
      },
      open: (id) => {
        location.hash = `#/plans/${encodeURIComponent(id)}`;
      },
    });
  }

  async #entry(id) {
    try {
      return await this.workbench.entry(id);
    } catch {
      return null; // gone: the list offers others
    }
  }

  /** Plans of this page first, then what else the service keeps, newest first. */
  async #choices() {
    const own = [...this.session.seen.values()].reverse().filter(({ plan }) => plan.points === undefined && plan.base === undefined).map(({ plan, request, at }) => [plan.id,
      `${titleOf(request)}: ${plan.stages?.length ? objectiveOf(plan, request, plan.objective ?? plan.latency_s) : verdictOf(plan)[2]} (${at.toLocaleTimeString("en-GB")})`]);
    const known = new Set(own.map(([id]) => id));
    try {
      const { plans } = await getJson(`plans?kind=plan&status=optimal,feasible&limit=${LISTED}`);
      return [...own, ...plans.filter((entry) => !known.has(entry.id)).map((entry) => [entry.id,
        `${entry.name ?? "plan"}: ${objectiveOf(entry, { objective: {} }, entry.objective)} (${new Date(entry.created_at).toLocaleString("en-GB")})`])];
    } catch {
      return own; // the store is away: what this page has seen can still be compared
    }
  }
}
