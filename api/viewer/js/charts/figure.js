// The frame of every chart: heading, description, legend, a table with the same figures, and downloads.
import { d3 } from "../d3.js";
import { button, freshId, h } from "../dom.js";
import { download, rasterised, standAlone } from "./export.js";
import { hideTooltip } from "./tooltip.js";

const NARROWEST = 240;

/**
 * A chart in a card.
 *
 * @param {object} chart
 * @param {string} chart.name of files and tests: "timeline"
 * @param {string} chart.title the heading
 * @param {string} chart.summary what there is to see, in a sentence: shown, and read to those who do not see it
 * @param {(svg, width: number) => void} chart.draw fills a d3 selection of an empty svg and sets its height
 * @param {() => {columns: string[], rows: Array[]}} chart.table the same figures; cells that are numbers are aligned right
 * @param {Element} [chart.legend]
 * @param {Element[]} [chart.tools] further controls
 * @param {boolean} [chart.interactive] whether marks inside can be focused
 */
export function figure({ name, title, summary, draw, table, legend = null, tools = [], interactive = false, notes = [] }) {
  const headingId = freshId(name);
  const body = h("div", { class: "figure-body" });
  const current = () => body.querySelector("svg");
  const text = () => standAlone(current(), title, legend ? [...legend.children] : []);
  const card = h("section", { class: `card figure figure-${name}`, "aria-labelledby": headingId, "data-figure": name },
    h("div", { class: "row between figure-head" },
      h("h3", { id: headingId }, title),
      h("div", { class: "row figure-tools" }, tools,
        button("SVG", () => download(`${name}.svg`, text(), "image/svg+xml"), { class: "button small bare", "aria-label": `Download ${title} as SVG` }),
        button("PNG", async () => download(`${name}.png`, await rasterised(text())), { class: "button small bare", "aria-label": `Download ${title} as PNG` }))),
    h("p", { class: "quiet small figure-summary" }, summary),
    legend,
    body,
    notes.map((note) => h("p", { class: "quiet small" }, note)),
    table ? tableDetails(title, table) : null);

  const redraw = () => {
    const width = Math.max(NARROWEST, Math.floor(body.clientWidth));
    hideTooltip();
    body.replaceChildren(drawn({ name, title, summary, draw, interactive }, width));
    card.dataset.width = width;
  };
  const observer = new ResizeObserver(() => requestAnimationFrame(() => {
    if (body.clientWidth > 0 && Number(card.dataset.width) !== Math.max(NARROWEST, Math.floor(body.clientWidth))) redraw();
  }));
  observer.observe(body);
  card.redraw = redraw;
  return card;
}

/** The svg of a chart, named for screen readers; the empty title inside keeps browsers from showing the outer one. */
function drawn({ name, title, summary, draw, interactive }, width) {
  const titleId = freshId(`${name}-title`);
  const descId = freshId(`${name}-desc`);
  const svg = d3.create("svg").attr("width", width).attr("role", interactive ? "group" : "img")
    .attr("aria-labelledby", titleId).attr("aria-describedby", descId).attr("class", `chart chart-${name}`);
  svg.append("title").attr("id", titleId).text(title);
  svg.append("desc").attr("id", descId).text(summary);
  const inside = svg.append("g").attr("class", "drawing");
  inside.append("title");
  draw(inside, width, svg);
  return svg.node();
}

function tableDetails(title, table) {
  const holder = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: data` });
  return h("details", {
    class: "data-table",
    on: {
      toggle: (event) => {
        if (event.currentTarget.open && !holder.firstChild) holder.append(tableOf(table(), title));
      },
    },
  }, h("summary", {}, "Data table"), holder);
}

/** An HTML table; the first cell of each row heads it. */
export function tableOf({ columns, rows, right = [] }, caption) {
  const align = (index) => (right.includes(index) ? "number" : null);
  return h("table", {}, caption ? h("caption", { class: "hidden" }, caption) : null,
    h("thead", {}, h("tr", {}, columns.map((column, index) => h("th", { scope: "col", class: align(index) }, column)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, index) =>
      index === 0 ? h("th", { scope: "row" }, cell) : h("td", { class: align(index) }, cell))))));
}

/** A card that says why there is nothing to see. */
export function emptyFigure(name, title, why) {
  const headingId = freshId(name);
  return h("section", { class: `card figure figure-${name} empty`, "aria-labelledby": headingId, "data-figure": name },
    h("h3", { id: headingId }, title), h("p", { class: "quiet" }, why));
}

