// Requests are sent from here, and what comes back is shown here.
import { getJson, postJson, Refused } from "./api.js";
import { announce, button, fill, h } from "./dom.js";
import { downloadJson } from "./charts/export.js";
import { emptyFigure } from "./charts/figure.js";
import { frontierFigure } from "./charts/frontier.js";
import { exportCard } from "./answer/handing_on.js";
import { patched } from "./answer/infeasible.js";
import { answerCards } from "./answer/page.js";
import { ProgressPanel } from "./answer/progress_panel.js";
import { comparisonCards, variantsOf, whatIfCard } from "./answer/whatif.js";
import { titleOf, verdictOf } from "./answer/words.js";
import { Solve } from "./solving.js";

export class Workbench {
  constructor(session, editor, { progress, result, answer }) {
    this.session = session;
    this.editor = editor;
    this.places = { progress, result, answer };
    this.shown = null;
    this.frontier = null;
    this.comparisons = [];
    this.running = false;
  }

  /** The empty state: what one can do here. */
  welcome(examples) {
    this.examples = examples;
  }

  /** Find the best plan for the request in the editor. */
  async solve() {
    const answer = await this.#run("plan", "Looking for the best plan");
    if (!answer) return;
    this.frontier = this.frontier && sameBut(this.frontier.request, answer.request) ? this.frontier : null;
    this.#arrive(answer);
  }

  /** Find every trade-off of latency and energy for the request in the editor. */
  async trace() {
    const answer = await this.#run("frontier", "Tracing the frontier");
    if (!answer) return;
    this.frontier = answer;
    const { points, knee } = answer.plan;
    if (!points.length) {
      this.#arrive(answer);
      return;
    }
    const shown = this.shown?.plan.stages?.length && sameBut(this.shown.request, answer.request);
    if (shown) this.redraw();
    else await this.choosePoint(knee?.index ?? 0);
    history.pushState(null, "", `#/plans/${encodeURIComponent(answer.plan.id)}`);
    this.places.result.querySelector("[data-figure=frontier]")?.scrollIntoView({ block: "center" });
  }

  /** Show the plan of a point of the frontier. */
  async choosePoint(index) {
    const { plan: frontier, request } = this.frontier;
    const point = frontier.points[index];
    try {
      const evaluation = await postJson("plan:evaluate", { ...without(request, ["frontier"]), stages: point.stages });
      const plan = { ...evaluation, id: `${frontier.id}.${index + 1}`, frontier_point: { number: index + 1, of: frontier.points.length, proven: point.proven } };
      this.#show(this.session.remember(plan, request));
      announce(`Point ${index + 1} of ${frontier.points.length} is shown.`);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Show a plan by its id, stored or seen. */
  async open(id) {
    if (this.shown?.plan.id === id) {
      this.redraw();
      return;
    }
    try {
      fill(this.places.result, h("p", { class: "card loading" }, "Loading the plan …"));
      const entry = await this.entry(id);
      if (entry.plan.base !== undefined) {
        this.#showComparison(entry);
        return;
      }
      this.editor.detach(`The request of ${id}.`);
      this.session.replace(entry.request);
      if (entry.plan.points) {
        this.frontier = entry;
        if (entry.plan.points.length) await this.choosePoint(entry.plan.knee?.index ?? 0);
        else this.#show(entry);
      } else this.#show(entry);
    } catch (error) {
      this.failed(error);
    }
  }

  /** A plan with the request it answers; raises `Refused`. */
  async entry(id) {
    const seen = this.session.seen.get(id);
    if (seen) return seen;
    const path = `plans/${encodeURIComponent(id)}`;
    const [plan, request] = await Promise.all([getJson(path, { headers: { Prefer: "wait=60" } }), getJson(`${path}/request`)]);
    return this.session.remember(plan, request);
  }

  /** Say on the page what went wrong. */
  failed(error) {
    if (!(error instanceof Refused)) console.error(error);
    const { problem } = error;
    fill(this.places.result, h("section", { class: "card failure", role: "alert" },
      h("h3", {}, problem?.title ?? "This page failed"), h("p", {}, problem?.detail ?? String(error.message)),
      h("div", { class: "row" }, button("Try again", () => location.reload(), { class: "button small" }))));
  }

  /** Draw what is shown once more. */
  redraw() {
    if (this.shown) this.#show(this.shown);
    else fill(this.places.result, this.#welcomeCard());
  }

  async #run(path, what, body = structuredClone(this.session.request)) {
    if (this.running || !this.editor.ready) return null;
    this.running = true;
    this.editor.busy(true);
    this.editor.accepted();
    const request = body.request ?? body;
    const solve = new Solve(path, body, (event) => panel.told(event));
    const panel = new ProgressPanel(this.places.progress, request, () => solve.cancel().catch((error) => this.failed(error)), what);
    this.places.answer.scrollIntoView({ block: "start" });
    try {
      const plan = await solve.run();
      if (plan === null) announce("Cancelled.");
      return plan && this.session.remember(plan, request);
    } catch (error) {
      if (error instanceof Refused && [400, 422].includes(error.problem.status)) this.editor.refused(error.problem);
      else this.failed(error);
      return null;
    } finally {
      panel.close();
      this.running = false;
      this.editor.busy(false);
    }
  }

  #arrive(entry) {
    this.#show(entry);
    history.pushState(null, "", `#/plans/${encodeURIComponent(entry.plan.id)}`);
    announce(`${verdictOf(entry.plan)[2]}. ${titleOf(entry.request)}.`);
  }

  #show(entry) {
    performance.mark("placement:draw");
    this.shown = entry;
    this.editor.fold(true);
    const { plan, request } = entry;
    const cards = answerCards(plan, request, {
      actions: this.#actions(entry),
      relax: (relaxation) => this.#change(request, relaxation),
      tryOut: (effect) => this.#change(request, effect),
      ask: plan.solver && plan.stages?.length ? () => this.#change({ ...request, explain: {} }, { patch: [] }) : null,
      frontier: this.#frontierCard(plan),
      whatIf: this.#whatIfCards(entry),
    });
    fill(this.places.result, cards);
    for (const figure of this.places.result.querySelectorAll(".figure")) figure.redraw?.();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      performance.mark("placement:drawn");
      performance.measure("placement:answer", "placement:draw", "placement:drawn");
    }));
  }

  #frontierCard(plan) {
    if (this.frontier) return frontierFigure(this.frontier.plan, plan.stages?.length ? plan : null, (index) => this.choosePoint(index));
    if (!plan.stages?.length) return null;
    const card = emptyFigure("frontier", "Latency against energy", "All plans that no other plan beats in both figures, each proven.");
    card.append(h("div", { class: "row" }, button("Trace the frontier", () => this.trace(), { class: "button small" })));
    return card;
  }

  /** A stored comparison by its own address. */
  #showComparison({ plan, request }) {
    this.editor.detach(`The request of ${plan.id}.`);
    this.session.replace(request.request);
    this.shown = null;
    fill(this.places.result, comparisonCards(plan));
    for (const figure of this.places.result.querySelectorAll(".figure")) figure.redraw?.();
  }

  #whatIfCards({ plan, request }) {
    if (!plan.solver || !plan.stages?.length) return [];
    const losses = variantsOf(plan, request);
    const ask = (wanted) => () => this.#whatIf(wanted);
    return [...this.comparisons.filter((entry) => entry.of === plan.id).flatMap((entry) => comparisonCards(entry.plan)),
      whatIfCard(losses.length ? ask({ variants: losses }) : null, ask({ privacy_sweep: {} })), exportCard(plan, without(request, ["explain", "frontier"]))];
  }

  /** Plan what is shown once more under variants; the answer stands beside the plan. */
  async #whatIf(wanted) {
    const { plan, request } = this.shown;
    const answer = await this.#run("plan:compare", "Planning with something changed", { request: without(request, ["explain", "frontier"]), ...wanted });
    if (!answer) return;
    this.session.seen.delete(answer.plan.id);
    const kind = Object.keys(wanted).join();
    this.comparisons = [...this.comparisons.filter((entry) => entry.of !== plan.id || entry.kind !== kind), { plan: answer.plan, of: plan.id, kind }];
    this.redraw();
    this.places.result.querySelector(wanted.variants ? "[data-figure=variants]" : "[data-figure=privacy]")?.scrollIntoView({ block: "center" });
    announce("The answer is below.");
  }

  #actions({ plan, request }) {
    const stored = !plan.frontier_point;
    const share = stored && ["Copy link", (event) => copyLink(plan.id, event.currentTarget), {}];
    const other = [...this.session.seen.keys()].reverse().find((id) => id !== plan.id && !this.session.seen.get(id).plan.points) ?? "";
    return [
      share,
      ["Compare", () => {
        location.hash = `#/compare/${encodeURIComponent(other)}/${encodeURIComponent(plan.id)}`;
      }, {}],
      ["Plan as JSON", () => downloadJson(`${plan.id}.json`, plan), {}],
      ["Request as JSON", () => downloadJson(`${plan.id}.request.json`, request), {}],
    ].filter(Boolean);
  }

  /** Put a changed request into the editor and solve it. */
  #change(request, { patch, message }) {
    this.session.replace(patched(request, patch));
    this.editor.detach(message ? `Changed: ${message}.` : "Your own request.");
    return this.solve();
  }

  #welcomeCard() {
    return h("section", { class: "card welcome", "aria-labelledby": "welcome-title" },
      h("h3", { id: "welcome-title" }, "Which layers should run where?"),
      h("p", {}, "Describe nodes, links and a Transformer on the left, or start from an example. The answer is the split of layers that is proven to be best, and why."),
      h("div", { class: "row" }, button("Find the best plan", () => this.solve(), { class: "button primary" }), button("Trace the frontier", () => this.trace())),
      h("h4", {}, "Examples"),
      h("ul", { class: "example-list" }, this.examples.map((example) => h("li", {}, button(example.title, () => this.editor.take(example.name).then(() => this.solve()).catch((error) => this.failed(error)), { class: "example" }), h("p", { class: "quiet small" }, example.description)))));
  }
}

function without(object, names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

/** Whether two requests ask for the same trade-offs: what is optimised and how long does not matter. */
function sameBut(a, b) {
  const core = (request) => JSON.stringify(without(request, ["objective", "solver", "explain", "frontier"]));
  return core(a) === core(b);
}

async function copyLink(id, control) {
  const link = `${location.origin}${location.pathname}#/plans/${encodeURIComponent(id)}`;
  try {
    await navigator.clipboard.writeText(link);
    control.textContent = "Link copied";
    announce("The link was copied.");
  } catch {
    const shown = h("input", { type: "text", readonly: true, value: link, "aria-label": "Link to this plan" });
    control.replaceWith(shown); // no clipboard without a secure context: the link is shown to be copied by hand
    shown.select();
  }
}
