// Links of the cluster: a list that can be edited, or matrices that can be turned into one.
import { button, h } from "../dom.js";
import { bitRate, seconds } from "../format.js";
import { shortNames } from "../names.js";
import { about, field, section } from "./fields.js";
import { rowList } from "./rows.js";

/** The links that matrices say, as a list; two directions with equal figures become one link. */
function listed({ nodes, link_matrix: matrix }) {
  const at = (name, i, j) => matrix[name]?.[i]?.[j] ?? undefined;
  const same = (name, i, j) => at(name, i, j) === at(name, j, i);
  const rates = matrix.bandwidth_bits_per_s;
  const links = [];
  const made = (i, j, both) => Object.fromEntries(Object.entries({
    source: nodes[i].id, target: nodes[j].id, bandwidth_bits_per_s: rates[i][j], latency_s: at("latency_s", i, j),
    transmit_power_w: at("transmit_power_w", i, j), receive_power_w: at("receive_power_w", i, j),
    bidirectional: both ? undefined : false, duplex: matrix.duplex, medium: matrix.medium,
    reverse_bandwidth_bits_per_s: both && rates[i][j] !== rates[j][i] ? rates[j][i] : undefined,
  }).filter(([, value]) => value !== undefined && value !== null));
  for (let i = 0; i < nodes.length; i += 1) {
    for (let j = i + 1; j < nodes.length; j += 1) {
      const [there, back] = [rates[i]?.[j] ?? null, rates[j]?.[i] ?? null];
      const alike = ["latency_s", "transmit_power_w", "receive_power_w"].every((name) => same(name, i, j));
      if (there !== null && back !== null && alike) links.push(made(i, j, true));
      else {
        if (there !== null) links.push(made(i, j, false));
        if (back !== null) links.push(made(j, i, false));
      }
    }
  }
  return links;
}

export function linksSection(session, kinds, opened) {
  const { cluster } = session.request;
  if (cluster.link_matrix) return matrixSection(session, opened);
  const links = cluster.links ?? [];
  const ids = cluster.nodes.map((node) => String(node.id));
  const at = (index, name) => `/cluster/links/${index}/${name}`;
  const short = shortNames(ids, 14);
  const list = rowList({
    what: "link",
    items: links,
    pointer: (index) => `/cluster/links/${index}`,
    head: (link) => [`${short(String(link.source))} ${link.bidirectional === false ? "→" : "↔"} ${short(String(link.target))}`, about(link.bandwidth_bits_per_s, bitRate), link.latency_s ? about(link.latency_s, seconds) : null, link.medium],
    body: (index) => [
      field(session, { pointer: at(index, "source"), label: "from", kind: "choice", options: ids, redraw: true }),
      field(session, { pointer: at(index, "target"), label: "to", kind: "choice", options: ids, redraw: true }),
      field(session, { pointer: at(index, "bandwidth_bits_per_s"), label: "bandwidth", kind: "quantity", unit: "bit/s", placeholder: "100 Mbit/s" }),
      field(session, { pointer: at(index, "reverse_bandwidth_bits_per_s"), label: "bandwidth back", kind: "quantity", unit: "bit/s", placeholder: "the same" }),
      field(session, { pointer: at(index, "latency_s"), label: "delay, one way (s)", kind: "number", placeholder: "0" }),
      field(session, { pointer: at(index, "medium"), label: "shared medium", placeholder: "none" }),
      field(session, { pointer: at(index, "transmit_power_w"), label: "power, sending (W)", kind: "number", placeholder: "0" }),
      field(session, { pointer: at(index, "receive_power_w"), label: "power, receiving (W)", kind: "number", placeholder: "0" }),
      field(session, { pointer: at(index, "duplex"), label: "duplex", kind: "choice", options: ["full", "half"], optional: "full (default)" }),
      field(session, { pointer: at(index, "bidirectional"), label: "carries both ways", kind: "flag", absent: true, redraw: true }),
    ],
    remove: (index) => session.edit((request) => request.cluster.links.splice(index, 1), { redraw: true }),
  });
  return section("links", `Links (${links.length})`, { open: opened, pointer: "/cluster/links" },
    links.length ? list : h("p", { class: "quiet small" }, "No links yet: every layer stays on the source."), addRow(session, kinds, list));
}

function matrixSection(session, opened) {
  const { nodes } = session.request.cluster;
  return section("links", `Links (${nodes.length} × ${nodes.length} matrices)`, { open: opened, pointer: "/cluster/link_matrix" },
    h("p", { class: "quiet small" }, "Bandwidths and delays are given as matrices, one row per node. Edit them as JSON, or turn them into a list."),
    h("div", { class: "row" }, button("Turn into a list", () => session.edit((request) => {
      request.cluster.links = listed(request.cluster);
      delete request.cluster.link_matrix;
    }, { redraw: true }), { class: "button small" })));
}

/** The first two nodes between which there is no link. */
function unlinked({ nodes, links = [] }) {
  const taken = new Set(links.flatMap((link) => [`${link.source}\u0000${link.target}`, `${link.target}\u0000${link.source}`]));
  for (const a of nodes) for (const b of nodes) if (a !== b && !taken.has(`${a.id}\u0000${b.id}`)) return [a.id, b.id];
  return [nodes[0]?.id, nodes[1]?.id ?? nodes[0]?.id];
}

function addRow(session, kinds) {
  const usable = kinds.filter((kind) => kind.link);
  const choice = h("select", { "aria-label": "Kind of link of the catalogue", "data-add": "link-kind" }, h("option", { value: "" }, "100 Mbit/s, 5 ms"),
    usable.map((kind) => h("option", { value: kind.id }, kind.name)));
  return h("div", { class: "add-row" }, button("Add link", () => {
    const kind = usable.find((entry) => entry.id === choice.value);
    const piece = kind ? Object.fromEntries(Object.entries(kind.link).filter(([, value]) => value !== null)) : { bandwidth_bits_per_s: "100Mbit/s", latency_s: 0.005 };
    session.edit((request) => {
      const [source, target] = unlinked(request.cluster);
      (request.cluster.links ??= []).push({ source, target, ...piece });
    }, { redraw: true });
  }, { class: "button small", "data-add": "link" }), h("span", { class: "quiet small" }, "like"), choice);
}
