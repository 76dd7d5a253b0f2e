// While a solve runs: best plan so far, bound, gap, and a button that ends it.
import { announce, button, fill, h } from "../dom.js";
import { drawProgress } from "../charts/progress.js";
import { percent, seconds } from "../format.js";
import { objectiveOf } from "./words.js";

const TICK_MS = 200;
const SPOKEN_EVERY_MS = 5000;
const NEVER = -1e12;

export class ProgressPanel {
  constructor(element, request, cancel, what) {
    this.element = element;
    this.request = request;
    this.history = [];
    this.began = performance.now();
    this.spoken = NEVER;
    this.cells = Object.fromEntries(["best so far", "bound", "gap", "elapsed"].map((name) => [name, h("dd", {}, "–")]));
    this.state = h("p", { class: "progress-state" }, "Sent …");
    this.chart = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.chart.setAttribute("aria-hidden", "true");
    this.chart.setAttribute("class", "chart chart-progress");
    this.cancelButton = button("Cancel", () => {
      this.cancelButton.disabled = true;
      this.say("Cancelling …");
      cancel();
    }, { class: "button danger" });
    fill(element, h("div", { class: "row between" }, h("div", {}, h("h3", { id: "progress-title" }, what), this.state), this.cancelButton),
      h("dl", { class: "progress-cells" }, Object.entries(this.cells).map(([name, cell]) => h("div", {}, h("dt", {}, name), cell))),
      this.chart);
    element.setAttribute("role", "region");
    element.setAttribute("aria-labelledby", "progress-title");
    element.hidden = false;
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  /** An event of the solve. */
  told({ name, data }) {
    if (name === "queued") this.say("Waiting for a solver …");
    if (name === "started" || name === "running") this.say("Being solved …");
    if (name === "incumbent" || name === "bound") {
      this.say(data.phase ? `Being solved: ${data.phase.replaceAll("_", " ")} …` : "Being solved …", { quietly: true });
      const { objective, bound, gap } = data;
      this.history.push({ at: (performance.now() - this.began) / 1000, objective, bound });
      const written = (value) => this.written(value, data.phase);
      this.cells["best so far"].textContent = written(objective);
      this.cells.bound.textContent = written(bound);
      this.cells.gap.textContent = percent(gap);
      this.speak(`Best so far ${written(objective)}, bound ${written(bound)}, gap ${percent(gap)}.`);
      this.tick();
    }
  }

  written(value, phase) {
    const kind = this.request.objective?.kind ?? "latency";
    if (value === null || value === undefined) return "–";
    if (kind === "latency" || kind === "energy") return objectiveOf({ objective_kind: kind }, this.request, value);
    if (["latency", "energy"].includes(phase)) return objectiveOf({ objective_kind: phase }, this.request, value);
    return String(Number(value.toPrecision(4)));
  }

  say(text, { quietly = false } = {}) {
    this.state.textContent = text;
    if (!quietly) announce(text);
  }

  speak(text) {
    if (performance.now() - this.spoken < SPOKEN_EVERY_MS) return;
    this.spoken = performance.now();
    announce(text);
  }

  tick() {
    const now = (performance.now() - this.began) / 1000;
    this.cells.elapsed.textContent = seconds(Math.max(0.001, Math.round(now * 10) / 10));
    drawProgress(this.chart, this.history, now, (value) => this.written(value));
  }

  /** Take the panel away. */
  close() {
    clearInterval(this.timer);
    this.element.hidden = true;
    this.element.replaceChildren();
  }
}
