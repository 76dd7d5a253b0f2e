// The panel in which a request is chosen, edited and sent.
import { getJson } from "../api.js";
import { button, fill, h } from "../dom.js";
import { clearProblem, showProblem } from "./faults.js";
import { limitsSection, modelSection, objectiveSection, solverSection, workloadSection } from "./goals.js";
import { linksSection } from "./links.js";
import { nodesSection } from "./nodes.js";

const WITHOUT_PLAN = { name: "llama-2-7b-phone-and-tablet", title: "A request that cannot be met: Llama-2-7B on a phone and a tablet", description: "13.5 GB of weights, 12 GB of memory. The answer says how much is missing." };
const OPEN_AT_FIRST = new Set(["nodes", "model"]);

export class Editor {
  /** @param {{solve: () => void, trace: () => void, failed: (error) => void}} doings what the two large buttons do, and who says what failed */
  constructor(element, session, doings) {
    this.session = session;
    this.element = element;
    this.held = new Set();
    this.failed = doings.failed;
    this.form = h("div", { class: "form" });
    this.problem = h("div", { class: "problem", role: "alert", "aria-labelledby": "problem-title", hidden: true });
    this.json = h("textarea", { id: "request-json", rows: "22", spellcheck: "false", "aria-describedby": "json-fault", on: { change: () => this.#readJson() } });
    this.jsonFault = h("p", { class: "fault", id: "json-fault", role: "alert" });
    this.jsonView = h("div", { class: "json-view", hidden: true },
      h("label", { for: "request-json" }, "Request as JSON"), this.json, this.jsonFault,
      h("label", { class: "file small" }, h("span", {}, "or open a file: "), h("input", { type: "file", accept: "application/json,.json", on: { change: (event) => this.#readFile(event.currentTarget.files[0]) } })));
    this.views = { form: this.form, json: this.jsonView };
    this.tabs = Object.fromEntries([["form", "Form"], ["json", "JSON"]].map(([name, words]) => [name, button(words, () => this.show(name), { class: "segment", "aria-pressed": String(name === "form") })]));
    this.start = h("div", { class: "start" });
    this.foldButton = button("Show", () => this.fold(!element.classList.contains("folded")), { class: "button small bare fold", "aria-expanded": "true", "aria-label": "Show the request" });
    this.solveButton = button("Find the best plan", doings.solve, { class: "button primary" });
    this.traceButton = button("Trace the frontier", doings.trace, { class: "button" });
    session.addEventListener("request", () => this.#draw());
    session.addEventListener("edited", () => this.#writeJson());
  }

  /** Fetch examples and catalogue, then show the form. */
  async open() {
    const [{ examples }, { models }, { nodes }, { links }] = await Promise.all(["examples", "catalogue/models", "catalogue/nodes", "catalogue/links"].map((path) => getJson(path)));
    this.examples = [...examples, WITHOUT_PLAN];
    this.catalogue = { models, nodes, links };
    this.#offerExamples();
    fill(this.element, h("div", { class: "editor-head row between" }, h("h2", { id: "editor-title" }, "Request"), this.foldButton, h("div", { class: "segments", role: "group", "aria-label": "Edit as" }, Object.values(this.tabs))),
      h("div", { class: "editor-scroll", tabindex: "-1" }, this.start, this.problem, this.form, this.jsonView),
      h("div", { class: "editor-foot" }, this.solveButton, this.traceButton));
    if (this.session.request) this.#draw();
  }

  /** On a narrow screen a finished answer stands first: the request is folded away. */
  fold(folded) {
    this.element.classList.toggle("folded", folded);
    this.foldButton.textContent = folded ? "Show" : "Hide";
    this.foldButton.setAttribute("aria-expanded", String(!folded));
    this.foldButton.setAttribute("aria-label", `${folded ? "Show" : "Hide"} the request`);
  }

  /** Take an example's request. */
  async take(name) {
    const example = this.examples.find((entry) => entry.name === name);
    this.#hold("loading", true); // nothing shall be solved between the choice and its request
    try {
      this.session.replace(await getJson(`examples/${encodeURIComponent(name)}`));
    } finally {
      this.#hold("loading", false);
    }
    this.choice.value = name;
    this.description.textContent = example?.description ?? "";
  }

  /** The request was given from elsewhere: no example is chosen any more. */
  detach(words) {
    this.choice.value = "";
    this.description.textContent = words;
  }

  show(name) {
    for (const [own, view] of Object.entries(this.views)) {
      view.hidden = own !== name;
      this.tabs[own].setAttribute("aria-pressed", String(own === name));
    }
    if (name === "json") this.#writeJson();
  }

  /** Whether the request can be sent: the JSON is readable. */
  get ready() {
    return !this.jsonFault.textContent && this.session.request !== null;
  }

  busy(isBusy) {
    this.#hold("solving", isBusy);
  }

  refused(problem) {
    this.fold(false);
    showProblem(this.problem, this.form, problem, () => this.show("form"));
  }

  accepted() {
    clearProblem(this.problem, this.form);
  }

  #hold(why, held) {
    this.held[held ? "add" : "delete"](why);
    this.solveButton.disabled = this.held.size > 0;
    this.traceButton.disabled = this.held.size > 0;
  }

  #offerExamples() {
    this.description = h("p", { class: "hint" });
    this.choice = h("select", { id: "example", on: { change: (event) => event.currentTarget.value && this.take(event.currentTarget.value).catch(this.failed) } },
      h("option", { value: "" }, "your own request"), this.examples.map((example) => h("option", { value: example.name }, example.title)));
    fill(this.start, h("div", { class: "field" }, h("label", { for: "example" }, "Start from"), this.choice, this.description));
  }

  #draw() {
    if (!this.catalogue) return;
    const open = new Map([...this.form.querySelectorAll("[data-section]")].map((section) => [section.dataset.section, section.open]));
    const rows = [...this.form.querySelectorAll(".form-row[open]")].map((row) => row.dataset.pointer);
    const isOpen = (name) => open.get(name) ?? OPEN_AT_FIRST.has(name);
    const focused = document.activeElement?.dataset?.pointer ?? document.activeElement?.dataset?.add;
    const { session, catalogue } = this;
    fill(this.form,
      nodesSection(session, catalogue.nodes, isOpen("nodes")),
      linksSection(session, catalogue.links, isOpen("links")),
      modelSection(session, catalogue.models, isOpen("model")),
      workloadSection(session, isOpen("workload")),
      objectiveSection(session, isOpen("objective")),
      limitsSection(session, isOpen("limits")),
      solverSection(session, isOpen("solver")));
    this.#restore(rows, focused);
  }

  /** Unfold the rows that were open, and give the focus back. */
  #restore(rows, focused) {
    for (const pointer of rows) {
      const [, , what, index] = pointer.split("/");
      this.form.querySelector(`[data-rows="${what.slice(0, -1)}"]`)?.reveal(Number(index));
    }
    if (!focused) return;
    this.form.querySelector(`[data-pointer="${CSS.escape(focused)}"], [data-add="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #writeJson() {
    if (this.views.json.hidden || this.jsonFault.textContent) return;
    this.json.value = JSON.stringify(this.session.request, null, 2);
  }

  async #readFile(file) {
    if (!file) return;
    this.json.value = await file.text();
    this.#readJson();
  }

  #readJson() {
    try {
      const request = JSON.parse(this.json.value);
      const missing = ["cluster", "model", "workload"].filter((name) => !request?.[name] || typeof request[name] !== "object");
      if (missing.length || !Array.isArray(request.cluster.nodes)) throw new SyntaxError(`a plan request has cluster.nodes, model and workload; ${missing.join(", ") || "cluster.nodes"} is missing`);
      this.jsonFault.textContent = "";
      this.json.removeAttribute("aria-invalid");
      this.detach("Your own request.");
      this.session.replace(request);
    } catch (error) {
      this.json.setAttribute("aria-invalid", "true");
      this.jsonFault.textContent = `This is not a request: ${error.message}`;
    }
  }
}
