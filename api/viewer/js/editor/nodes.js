// Nodes of the cluster: add, change, remove, or take one from the catalogue.
import { button, h } from "../dom.js";
import { flopRate, size } from "../format.js";
import { shortNames } from "../names.js";
import { about, field, section } from "./fields.js";
import { rowList } from "./rows.js";

const KINDS = ["terminal", "edge", "cloud"];

/** An id that no node has: edge, edge-2, edge-3 ... */
function freshNodeId(nodes, wanted) {
  const taken = new Set(nodes.map((node) => node.id));
  if (!taken.has(wanted)) return wanted;
  for (let number = 2; ; number += 1) if (!taken.has(`${wanted}-${number}`)) return `${wanted}-${number}`;
}

export function nodesSection(session, devices, opened) {
  const { nodes } = session.request.cluster;
  const at = (index, name) => `/cluster/nodes/${index}/${name}`;
  const short = shortNames(nodes.map((node) => String(node.id ?? "?")), 24);
  const list = rowList({
    what: "node",
    items: nodes,
    pointer: (index) => `/cluster/nodes/${index}`,
    head: (node) => [short(String(node.id ?? "?")), node.kind ?? "edge", node.compute_flops_per_s !== undefined ? about(node.compute_flops_per_s, flopRate) : `${node.operating_points?.length ?? 0} levels`,
      node.memory_bytes !== undefined ? about(node.memory_bytes, size) : "no memory"],
    body: (index) => [
      renamed(session, index),
      field(session, { pointer: at(index, "kind"), label: "kind", kind: "choice", options: KINDS, optional: "edge (default)" }),
      field(session, { pointer: at(index, "compute_flops_per_s"), label: "compute, sustained", kind: "quantity", unit: "FLOP/s", placeholder: "10 TFLOP/s" }),
      field(session, { pointer: at(index, "memory_bytes"), label: "memory", kind: "quantity", unit: "B", placeholder: "16 GiB" }),
      field(session, { pointer: at(index, "memory_bandwidth_bytes_per_s"), label: "memory bandwidth", kind: "quantity", unit: "B/s", placeholder: "not a limit" }),
      field(session, { pointer: at(index, "layer_overhead_s"), label: "overhead per layer (s)", kind: "number", placeholder: "0" }),
      field(session, { pointer: at(index, "idle_power_w"), label: "idle power (W)", kind: "number", placeholder: "0" }),
      field(session, { pointer: at(index, "busy_power_w"), label: "busy power (W)", kind: "number", placeholder: "as idle" }),
      field(session, { pointer: at(index, "energy_budget_j"), label: "energy budget (J)", kind: "number", placeholder: "none" }),
      field(session, { pointer: at(index, "energy_weight"), label: "weight of its joules", kind: "number", placeholder: "1" }),
      field(session, { pointer: at(index, "trusted"), label: "trusted with private data", kind: "flag", absent: nodes[index].kind === "terminal" }),
      field(session, { pointer: at(index, "relay"), label: "relays traffic of others", kind: "flag" }),
      field(session, { pointer: at(index, "overlaps_communication"), label: "computes while it communicates", kind: "flag", absent: true }),
      nodes[index].operating_points?.length ? h("p", { class: "hint wide" }, `${nodes[index].operating_points.length} operating points: ${nodes[index].operating_points.map((point) => point.name).join(", ")}. Edit them as JSON.`) : null,
    ],
    remove: (index) => session.edit((request) => removeNode(request, index), { redraw: true }),
  });
  return section("nodes", `Nodes (${nodes.length})`, { open: opened, pointer: "/cluster/nodes" }, list, addRow(session, devices));
}

/** The id, which links and the workload follow when it changes. */
function renamed(session, index) {
  const node = session.request.cluster.nodes[index];
  const before = node.id;
  const holder = field(session, { pointer: `/cluster/nodes/${index}/id`, label: "id" });
  holder.querySelector("input").addEventListener("change", (event) => {
    const after = event.currentTarget.value.trim();
    if (after && after !== before) session.edit((request) => renameNode(request, before, after), { redraw: true });
  });
  return holder;
}

/** Every place that names a node by its id. */
function renameNode(request, before, after) {
  for (const link of request.cluster.links ?? []) {
    if (link.source === before) link.source = after;
    if (link.target === before) link.target = after;
  }
  if (request.workload.source === before) request.workload.source = after;
  for (const name of ["allowed_nodes", "forbidden_nodes"]) {
    const entries = request.constraints?.[name] ?? [];
    entries.forEach((entry, at) => {
      if (entry === before) entries[at] = after;
      else if (entry.nodes) entry.nodes = entry.nodes.map((id) => (id === before ? after : id));
    });
  }
  const pins = request.constraints?.pinned ?? [];
  if (Array.isArray(pins)) for (const pin of pins) if (pin.node === before) pin.node = after;
  if (!Array.isArray(pins)) for (const layer of Object.keys(pins)) if (pins[layer] === before) pins[layer] = after;
}

/** Take a node away, its links and its row and column of the matrices with it. */
function removeNode(request, index) {
  const [{ id }] = request.cluster.nodes.splice(index, 1);
  if (request.cluster.links) request.cluster.links = request.cluster.links.filter((link) => link.source !== id && link.target !== id);
  for (const matrix of Object.values(request.cluster.link_matrix ?? {})) {
    if (!Array.isArray(matrix)) continue;
    matrix.splice(index, 1);
    for (const row of matrix) row.splice(index, 1);
  }
}

function addNode(session, node) {
  session.edit((request) => {
    request.cluster.nodes.push({ ...node, id: freshNodeId(request.cluster.nodes, node.id) });
    for (const matrix of Object.values(request.cluster.link_matrix ?? {})) {
      if (!Array.isArray(matrix)) continue;
      for (const row of matrix) row.push(null);
      matrix.push(Array(matrix.length + 1).fill(null));
    }
  }, { redraw: true });
}

function addRow(session, devices) {
  const usable = devices.filter((device) => device.node);
  const groups = KINDS.map((kind) => [kind, usable.filter((device) => device.kind === kind)]).filter(([, own]) => own.length);
  const choice = h("select", { "aria-label": "Device of the catalogue", "data-add": "device" }, h("option", { value: "" }, "catalogue …"),
    groups.map(([kind, own]) => h("optgroup", { label: kind }, own.map((device) => h("option", { value: device.id }, device.name)))));
  return h("div", { class: "add-row" }, choice,
    button("Add device", () => {
      const device = usable.find((entry) => entry.id === choice.value);
      if (!device) return choice.focus();
      const piece = Object.fromEntries(Object.entries(device.node).filter(([, value]) => value !== null && !(Array.isArray(value) && !value.length)));
      return addNode(session, { id: device.id, ...piece, labels: { device: device.name } });
    }, { class: "button small" }),
    button("Add node", () => addNode(session, { id: "edge", kind: "edge", compute_flops_per_s: "10TFLOP/s", memory_bytes: "16GiB", idle_power_w: 10, busy_power_w: 60 }), { class: "button small", "data-add": "node" }));
}
