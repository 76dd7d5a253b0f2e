// The cluster as a graph: nodes with their stages on it, links with what they carry.
import { d3 } from "../d3.js";
import { h } from "../dom.js";
import { joules, layers, payload, percent, plural, seconds, size } from "../format.js";
import { shortNames } from "../names.js";
import { layout, route } from "./cluster_layout.js";
import { figure } from "./figure.js";
import { stageClass } from "./marks.js";
import { explained } from "./tooltip.js";
import { linkedPairs, manyLinks } from "./topology.js";

const ICONS = {
  terminal: "M4,1h6a1.5,1.5 0 0 1 1.5,1.5v9a1.5,1.5 0 0 1 -1.5,1.5h-6a1.5,1.5 0 0 1 -1.5,-1.5v-9a1.5,1.5 0 0 1 1.5,-1.5zM6,11h2",
  edge: "M1.5,2h11v4.2h-11zM1.5,7.8h11v4.2h-11zM4,4.1h.1M4,9.9h.1",
  cloud: "M4,11.5a3,3 0 0 1 -.3,-6a3.6,3.6 0 0 1 6.9,-.6a2.9,2.9 0 0 1 -.2,6.6z",
};

const BAND = 22;
/** Width of the coloured side of a card. */
const LEFT = 31;

/** What is drawn of a plan: nodes with a role, links that carry, pairs that could. */
function graphOf(plan, request) {
  const source = request.workload.source;
  const stagesOn = d3.group(plan.stages.map((stage, index) => ({ ...stage, index })), (stage) => stage.node);
  const placed = [...new Set([...(stagesOn.has(source) ? [] : [source]), ...plan.stages.map((stage) => stage.node)])];
  const kinds = new Map(request.cluster.nodes.map((node) => [node.id, node.kind ?? "edge"]));
  const flows = plan.links.filter((link) => link.bytes > 0 || link.busy_s > 0);
  const carrying = new Set(flows.flatMap((link) => [link.source, link.target]));
  const others = plan.nodes.map((node) => node.id).filter((id) => !placed.includes(id));
  others.sort((a, b) => Number(carrying.has(b)) - Number(carrying.has(a)));
  return { source, stagesOn, placed, others, kinds, flows, carrying, uses: new Map(plan.nodes.map((node) => [node.id, node])), pairs: linkedPairs(request) };
}

function stageWords(stages) {
  return stages.map((stage) => layers(stage.first_layer, stage.stop_layer)).join(", ").replace(/, layers? /g, ", ");
}

function nodeTold(graph, id) {
  const use = graph.uses.get(id);
  const stages = graph.stagesOn.get(id) ?? [];
  const level = stages[0]?.level;
  return [id, [
    ["kind", graph.kinds.get(id)],
    ...stages.map((stage) => [`stage ${stage.index}`, layers(stage.first_layer, stage.stop_layer)]),
    level && level !== "default" && ["operating point", level],
    stages.length && ["memory", `${size(use.memory_used_bytes)}, ${size(use.memory_free_bytes)} free`],
    stages.length && ["busy", `${seconds(use.busy_s)} (${percent(use.utilisation)})`],
    use.energy_j > 0 && ["energy", joules(use.energy_j)],
    !stages.length && ["role", graph.carrying.has(id) ? "relays traffic" : id === graph.source ? "source of the input" : "not used"],
  ]];
}

const flowTold = (flow) => [`${flow.source} → ${flow.target}`, [
  ["carries", payload(flow.bytes)], ["busy", `${seconds(flow.busy_s)} (${percent(flow.utilisation)})`],
  flow.energy_j > 0 && ["energy", joules(flow.energy_j)], flow.medium && ["medium", flow.medium],
]];

function isBottleneck(plan, kind, id) {
  return plan.bottleneck?.kind === kind && plan.bottleneck.id === id;
}

function drawLinks(group, graph, boxes, plan, roomForLabels, svg) {
  const arrow = `arrow-${svg.select("title").attr("id")}`;
  svg.append("defs").append("marker").attr("id", arrow).attr("viewBox", "0 0 10 10").attr("refX", 0.5).attr("refY", 5)
    .attr("markerWidth", 10).attr("markerHeight", 10).attr("markerUnits", "userSpaceOnUse").attr("orient", "auto").append("path").attr("d", "M0,0L10,5L0,10z").attr("class", "arrow-head");
  const both = (flow) => graph.flows.some((other) => other.source === flow.target && other.target === flow.source);
  const thick = d3.scaleSqrt([0, d3.max(graph.flows, (flow) => flow.bytes) || 1], [1.4, 4.5]);
  const drawn = graph.flows.filter((flow) => boxes.has(flow.source) && boxes.has(flow.target))
    .map((flow) => ({ ...flow, ...route(boxes.get(flow.source), boxes.get(flow.target), both(flow)) }));
  const flow = group.selectAll("g.flow").data(drawn).join("g").attr("class", (own) =>
    `flow${own.medium ? " shared" : ""}${isBottleneck(plan, "link", `${own.source} -> ${own.target}`) || isBottleneck(plan, "medium", own.medium) ? " bottleneck" : ""}`);
  flow.append("path").attr("class", "flow-line").attr("d", (own) => own.d).attr("stroke-width", (own) => thick(own.bytes)).attr("marker-end", `url(#${arrow})`);
  flow.append("path").attr("class", "flow-hit").attr("d", (own) => own.d);
  explained(flow, flowTold);
  if (!roomForLabels) return;
  const labelled = flow.filter((own) => own.label !== null);
  labelled.append("text").attr("class", "flow-label").attr("x", (own) => own.label.x).attr("y", (own) => own.label.y)
    .attr("text-anchor", (own) => own.label.anchor).text((own) => `${payload(own.bytes)} · ${seconds(own.busy_s)}`);
}

/** The number of each stage on a ground of its colour, down the left side of a card. */
function drawBands(card, graph, height) {
  const band = card.selectAll("g.band").data((id) => {
    const stages = graph.stagesOn.get(id) ?? [];
    return stages.map((stage, position) => ({ stage, y: (height / stages.length) * position, height: height / stages.length, first: position === 0, last: position === stages.length - 1 }));
  }).join("g").attr("class", ({ stage }) => `band ${stageClass(stage.index)}`).attr("transform", ({ y }) => `translate(0,${y})`);
  band.append("path").attr("d", ({ height: own, first, last }) => `M${BAND},0V${own}${last ? "H8a8,8 0 0 1 -8,-8" : "H0"}V${first ? 8 : 0}${first ? "a8,8 0 0 1 8,-8" : ""}z`);
  band.append("text").attr("x", BAND / 2).attr("y", ({ height: own }) => own / 2).attr("dy", "0.36em").attr("text-anchor", "middle").text(({ stage }) => stage.index);
}

function drawCards(group, graph, boxes, plan, roomy) {
  const short = shortNames(graph.placed, roomy ? 15 : 9);
  const card = group.selectAll("g.node").data(graph.placed).join("g")
    .attr("class", (id) => `node${isBottleneck(plan, "node", id) ? " bottleneck" : ""}`)
    .attr("transform", (id) => `translate(${boxes.get(id).x},${boxes.get(id).y})`);
  const { width, height } = boxes.get(graph.placed[0]);
  card.append("rect").attr("class", "node-card").attr("width", width).attr("height", height).attr("rx", 8);
  drawBands(card, graph, height);
  card.append("path").attr("class", "icon").attr("transform", `translate(${width - 22},${roomy ? 9 : 8})`).attr("d", (id) => ICONS[graph.kinds.get(id)] ?? ICONS.edge);
  card.append("text").attr("class", "node-name").attr("x", LEFT).attr("y", roomy ? 20 : 18).text(short);
  card.append("text").attr("class", "node-layers").attr("x", LEFT).attr("y", roomy ? 38 : 33).text((id) => {
    const stages = graph.stagesOn.get(id);
    return stages ? (roomy ? stageWords(stages) : stageWords(stages).replace(/^layers? /, "")) : "source, no layers";
  });
  const track = width - LEFT - 10;
  const share = (id) => {
    const { memory_used_bytes: used, memory_free_bytes: free } = graph.uses.get(id);
    return used + free > 0 ? Math.min(1, used / (used + free)) : 0;
  };
  if (roomy) {
    card.append("text").attr("class", "node-fact").attr("x", LEFT).attr("y", 55).text((id) => `memory ${percent(share(id))} · busy ${percent(graph.uses.get(id).utilisation)}`);
  }
  card.append("rect").attr("class", "gauge").attr("x", LEFT).attr("y", height - 9).attr("width", track).attr("height", 3).attr("rx", 1.5);
  card.append("rect").attr("class", "gauge-fill").attr("x", LEFT).attr("y", height - 9).attr("width", (id) => track * share(id)).attr("height", 3).attr("rx", 1.5);
  const limiting = card.filter((id) => isBottleneck(plan, "node", id)).append("g").attr("class", "tag").attr("transform", `translate(${LEFT},${roomy ? -9 : -12})`);
  limiting.append("rect").attr("width", 70).attr("height", 16).attr("rx", 8);
  limiting.append("text").attr("x", 35).attr("y", 11.5).attr("text-anchor", "middle").text("bottleneck");
  explained(card, (id) => nodeTold(graph, id));
}

function drawChips(group, graph, boxes, labelY) {
  if (!graph.others.length) return;
  group.append("text").attr("class", "chips-title").attr("x", 0).attr("y", labelY).text(`Without layers (${graph.others.length})`);
  const short = shortNames(graph.others, Math.floor((boxes.get(graph.others[0]).width - 34) / 6.9));
  const chip = group.selectAll("g.chip").data(graph.others).join("g").attr("class", (id) => `chip${graph.carrying.has(id) ? " relay" : ""}`)
    .attr("transform", (id) => `translate(${boxes.get(id).x},${boxes.get(id).y})`);
  chip.append("rect").attr("width", (id) => boxes.get(id).width).attr("height", 26).attr("rx", 6);
  chip.append("path").attr("class", "icon").attr("transform", "translate(8,6)").attr("d", (id) => ICONS[graph.kinds.get(id)] ?? ICONS.edge);
  chip.append("text").attr("x", 27).attr("y", 17).text(short);
  explained(chip, (id) => nodeTold(graph, id));
}

export function clusterFigure(plan, request) {
  const graph = graphOf(plan, request);
  let all = graph.pairs.length > 0 && !manyLinks(graph.pairs);
  const toggle = h("input", { type: "checkbox", checked: all, on: { change: (event) => {
    all = event.currentTarget.checked;
    card.redraw();
  } } });
  const draw = (group, width, svg) => {
    const { boxes, size: shape, height, otherLabelY } = layout(graph.placed, graph.others, graph.flows, width);
    svg.attr("height", height);
    if (all) {
      const centre = (id) => ({ x: boxes.get(id).x + boxes.get(id).width / 2, y: boxes.get(id).y + boxes.get(id).height / 2 });
      group.append("g").attr("class", "idle-links").selectAll("line").data(graph.pairs).join("line")
        .attr("x1", (pair) => centre(pair.a).x).attr("y1", (pair) => centre(pair.a).y).attr("x2", (pair) => centre(pair.b).x).attr("y2", (pair) => centre(pair.b).y);
    }
    const links = group.append("g");
    drawChips(group, graph, boxes, otherLabelY);
    drawCards(group, graph, boxes, plan, shape.labels);
    drawLinks(links, graph, boxes, plan, shape.labels, svg);
  };
  const card = figure({
    name: "cluster",
    title: "Cluster",
    summary: `${plural(plan.stages.length, "stage")} on ${graph.stagesOn.size} of ${plural(graph.uses.size, "node")}; ${
      graph.flows.length ? `arrows are the ${plural(graph.flows.length, "link")} that carry data, wider for more bytes` : "nothing crosses a link"}.${
      graph.flows.some((flow) => flow.medium) ? " Dashed links share a medium." : ""}`,
    draw,
    tools: graph.pairs.length ? [h("label", { class: "check small" }, toggle, "all links")] : [],
    table: () => ({
      columns: ["node or link", "what", "busy", "memory used", "energy"],
      rows: [
        ...[...graph.placed, ...graph.others].map((id) => {
          const use = graph.uses.get(id);
          const stages = graph.stagesOn.get(id);
          return [id, stages ? stageWords(stages) : nodeTold(graph, id)[1].at(-1)[1], seconds(use.busy_s), stages ? size(use.memory_used_bytes) : "", joules(use.energy_j)];
        }),
        ...graph.flows.map((flow) => [`${flow.source} → ${flow.target}`, payload(flow.bytes), seconds(flow.busy_s), "", joules(flow.energy_j)]),
      ],
      right: [2, 3, 4],
    }),
  });
  return card;
}
