// The simulated timeline: one row per node, link and medium, one bar per activity of a micro-batch.
import { d3 } from "../d3.js";
import { button, h } from "../dom.js";
import { percent, plural, seconds } from "../format.js";
import { shortResources } from "../names.js";
import { emptyFigure, figure } from "./figure.js";
import { ACTIVITIES, ACTIVITY_WORDS, Inks, legend, painted } from "./marks.js";
import { SECONDS, unitTicks } from "./ticks.js";
import { explained } from "./tooltip.js";

const AXIS = 26;
const DEEPEST = 2000;
/** How far one can zoom in. */
const STEP = 1.6;
const MANY_ROWS = 40;
/** From more rows on, those of links are shown on demand. */

/** Rows: nodes in the order of their stages, then links and media in the order in which they are first used. */
function rowsOf(plan) {
  const events = plan.timeline.toSorted((a, b) => a.start_s - b.start_s);
  const nodes = [...new Set(plan.stages.map((stage) => stage.node))];
  const seen = [...new Set(events.map((event) => event.resource))];
  const every = [...nodes.filter((name) => seen.includes(name)), ...seen.filter((name) => !nodes.includes(name))];
  const end = d3.max(events, (event) => event.end_s) || 1;
  const busy = d3.rollup(events, (own) => d3.sum(own, (event) => event.end_s - event.start_s), (event) => event.resource);
  return { every, nodes: every.filter((name) => nodes.includes(name)), allEvents: events, end, busy };
}

class Gantt {
  constructor(plan) {
    Object.assign(this, rowsOf(plan));
    this.transform = d3.zoomIdentity;
    this.showLinks(this.every.length <= MANY_ROWS);
  }

  /** Whether links and media have rows, too. */
  showLinks(shown) {
    this.names = shown || !this.nodes.length ? this.every : this.nodes;
    this.events = this.names === this.every ? this.allEvents : this.allEvents.filter((event) => this.names.includes(event.resource));
  }

  draw(group, width, svg) {
    this.stacked = width < 560;
    const dense = this.names.length > 20;
    this.bar = dense ? 10 : 20;
    this.step = this.stacked ? this.bar + 18 : this.bar + (dense ? 3 : 7);
    const longest = Math.max(...this.names.map((name) => Math.min(name.length, 26)));
    this.left = this.stacked ? 0 : Math.min(206, 16 + 7.4 * longest);
    this.right = width - (this.stacked ? 0 : 64);
    const height = AXIS + this.names.length * this.step + 6;
    svg.attr("height", height).classed("dense", dense);
    const short = shortResources(this.names, this.stacked ? Math.floor(width / 9) : 26);
    const row = d3.scalePoint(this.names, [0, (this.names.length - 1) * this.step]);
    const top = (name) => AXIS + (this.names.length === 1 ? 0 : row(name)) + (this.stacked ? 14 : 2);
    const clip = `clip-${svg.select("title").attr("id")}`;
    svg.append("clipPath").attr("id", clip).append("rect").attr("x", this.left).attr("width", this.right - this.left).attr("height", height);

    const lanes = group.append("g");
    const lane = lanes.selectAll("g").data(this.names).join("g").attr("transform", (name) => `translate(0,${top(name)})`);
    lane.append("rect").attr("class", "lane").attr("x", this.left).attr("width", this.right - this.left).attr("height", this.bar).attr("rx", 2);
    lane.append("text").attr("class", "label").attr("x", this.stacked ? 0 : this.left - 10).attr("y", this.stacked ? -4 : this.bar / 2)
      .attr("dy", this.stacked ? 0 : "0.35em").attr("text-anchor", this.stacked ? "start" : "end").text(short);
    lane.append("text").attr("class", "value").attr("x", width).attr("y", this.stacked ? -4 : this.bar / 2).attr("dy", this.stacked ? 0 : "0.35em")
      .attr("text-anchor", "end").text((name) => percent(this.busy.get(name) / this.end));
    this.axis = group.append("g").attr("class", "axis").attr("clip-path", `url(#${clip})`);
    this.axisHeight = height;

    const inks = new Inks(svg);
    const clipped = group.append("g").attr("clip-path", `url(#${clip})`);
    this.marks = clipped.selectAll("rect").data(this.events).join("rect").attr("y", (event) => top(event.resource)).attr("height", this.bar);
    painted(this.marks, inks, (event) => event.activity);
    explained(this.marks, told);
    this.numbers = clipped.append("g").attr("class", "numbers").attr("aria-hidden", "true");
    this.top = top;

    this.zoom = d3.zoom().scaleExtent([1, DEEPEST]).extent([[this.left, 0], [this.right, height]])
      .translateExtent([[this.left, 0], [this.right, height]])
      .filter((event) => (event.type === "wheel" ? event.ctrlKey || event.metaKey : !event.button))
      .on("zoom", ({ transform }) => {
        this.transform = transform;
        this.place();
      });
    this.svg = svg;
    svg.call(this.zoom).on("dblclick.zoom", null);
    svg.call(this.zoom.transform, this.transform);
  }

  /** Put every bar where the zoom wants it. */
  place() {
    const x = this.transform.rescaleX(d3.scaleLinear([0, this.end], [this.left, this.right]));
    const wide = (event) => Math.max(0.75, x(event.end_s) - x(event.start_s) - 0.5);
    this.marks.attr("x", (event) => x(event.start_s)).attr("width", wide);
    const ticks = unitTicks(x.domain(), Math.max(2, (this.right - this.left) / 95), SECONDS);
    const tick = this.axis.selectAll("g").data(ticks).join((enter) => {
      const added = enter.append("g");
      added.append("line").attr("y1", AXIS - 6);
      added.append("text").attr("y", AXIS - 11);
      return added;
    }).attr("transform", (own) => `translate(${x(own.at)},0)`);
    tick.select("line").attr("y2", this.axisHeight);
    tick.select("text").text((own) => own.text).attr("text-anchor", (own) => (x(own.at) - this.left < 20 ? "start" : x(own.at) > this.right - 24 ? "end" : "middle"));
    const numbered = this.bar < 14 ? [] : this.events.filter((event) => event.micro_batch !== null && event.micro_batch !== undefined
      && wide(event) >= 6 + 7 * String(event.micro_batch).length && x(event.end_s) > this.left && x(event.start_s) < this.right);
    this.numbers.selectAll("text").data(numbered).join("text").attr("class", (event) => `number-on ink-${event.activity}`)
      .attr("x", (event) => (Math.max(x(event.start_s), this.left) + Math.min(x(event.end_s), this.right)) / 2)
      .attr("y", (event) => this.top(event.resource) + this.bar / 2).attr("dy", "0.36em").text((event) => event.micro_batch);
  }

  zoomBy(factor) {
    this.svg.call(this.zoom.scaleBy, factor);
  }

  move(share) {
    this.svg.call(this.zoom.translateBy, (share * (this.right - this.left)) / this.transform.k, 0);
  }

  all() {
    this.svg.call(this.zoom.transform, d3.zoomIdentity);
  }
}

function told(event) {
  return [`${ACTIVITY_WORDS[event.activity] ?? event.activity} on ${event.resource}`, [
    event.stage !== null && event.stage !== undefined && ["stage", String(event.stage)],
    event.micro_batch !== null && event.micro_batch !== undefined && ["micro-batch", String(event.micro_batch)],
    ["from", seconds(event.start_s)],
    ["to", seconds(event.end_s)],
    ["for", seconds(event.end_s - event.start_s)],
  ]];
}

export function timelineFigure(plan) {
  if (!plan.timeline.length) return emptyFigure("timeline", "Timeline", plan.timeline_note ?? "There is nothing to replay.");
  const gantt = new Gantt(plan);
  const used = new Set(plan.timeline.map((event) => event.activity));
  const numbered = plan.timeline.some((event) => event.micro_batch !== null && event.micro_batch !== undefined);
  const busiest = d3.greatest(gantt.busy, ([, busy]) => busy);
  const tool = (sign, label, act) => button(sign, act, { class: "button small", "aria-label": label, title: label });
  const links = h("input", { type: "checkbox", checked: gantt.names === gantt.every, on: { change: (event) => {
    gantt.showLinks(event.currentTarget.checked);
    card.redraw();
  } } });
  const card = figure({
    name: "timeline",
    title: "Timeline",
    summary: `${plural(plan.timeline.length, "activity", "activities")} on ${plural(gantt.every.length, "resource")} in ${seconds(gantt.end)}, replayed event by event. ${
      busiest[0]} is busy longest: ${percent(busiest[1] / gantt.end)} of the time.`,
    legend: legend(ACTIVITIES.filter((kind) => used.has(kind)).map((kind) => [kind, ACTIVITY_WORDS[kind]]),
      [...(numbered ? ["numbers: micro-batches"] : []), "right: share of time busy"]),
    draw: (group, width, svg) => gantt.draw(group, width, svg),
    tools: [gantt.every.length > gantt.nodes.length && gantt.nodes.length ? h("label", { class: "check small" }, links, "links") : null, tool("−", "Zoom out", () => gantt.zoomBy(1 / STEP)), tool("+", "Zoom in", () => gantt.zoomBy(STEP)), tool("All", "Show the whole timeline", () => gantt.all())],
    notes: plan.timeline_note ? [`${plan.timeline_note[0].toUpperCase()}${plan.timeline_note.slice(1)}.`] : [],
    table: () => ({
      columns: ["start", "end", "lasts", "resource", "activity", "stage", "micro-batch"],
      rows: gantt.allEvents.map((event) => [seconds(event.start_s), seconds(event.end_s), seconds(event.end_s - event.start_s), event.resource,
        ACTIVITY_WORDS[event.activity] ?? event.activity, event.stage === null ? "" : String(event.stage), event.micro_batch === null ? "" : String(event.micro_batch)]),
    }),
  });
  const body = card.querySelector(".figure-body");
  body.tabIndex = 0;
  body.setAttribute("role", "group");
  body.setAttribute("aria-label", "Timeline: + and − zoom, left and right arrows move, 0 shows all");
  body.addEventListener("keydown", (event) => {
    const act = { "+": () => gantt.zoomBy(STEP), "=": () => gantt.zoomBy(STEP), "-": () => gantt.zoomBy(1 / STEP), "0": () => gantt.all(),
      ArrowLeft: () => gantt.move(0.2), ArrowRight: () => gantt.move(-0.2) }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  card.querySelector(".figure-summary").append(h("span", { class: "pointer-hint" }, " Drag to move, Ctrl and wheel to zoom."));
  return card;
}

