// Where nodes and links are drawn: stages along a line that turns at the margins, unused nodes in rows below.

const ROOMY = { width: 184, height: 72, gapX: 104, gapY: 62, labels: true };
const COMPACT = { width: 120, height: 48, gapX: 28, gapY: 34, labels: false };
const FEW_STAGES = 12;
const CHIP = { width: 128, height: 26, gap: 8 };
const ARC = 44;
const BESIDE = 30;
/** Room beside the cards for the labels of links that run down. */
const GUTTER = 40;
/** Room beside the cards for links that pass some of them. */
const HEAD = 9;
/** Length of an arrow's head, which is drawn beyond the end of its line. */

/**
 * @param {string[]} placed nodes with a stage, in the order of their first stages (the source first)
 * @param {string[]} others the other nodes
 * @param {{source, target}[]} flows links that carry something
 * @returns cards and chips by node id `{x, y, width, height}`, the height, and whether links have room for labels
 */
export function layout(placed, others, flows, width) {
  const size = placed.length > FEW_STAGES ? COMPACT : ROOMY;
  const columnsIn = (room) => Math.max(1, Math.min(placed.length, Math.floor((room + size.gapX) / (size.width + size.gapX))));
  const wide = columnsIn(width);
  const labelled = size.labels && wide > 1 && placed.length > wide ? BESIDE : 0;
  const gutter = wide > 1 && passesCards(placed, flows, wide) ? GUTTER : labelled;
  const columns = columnsIn(width - 2 * gutter);
  const rows = Math.ceil(placed.length / columns);
  const free = width - 2 * gutter - columns * size.width;
  const gapX = columns > 1 ? Math.min(size.gapX * 1.5, free / (columns - 1)) : 0;
  const left = others.length && columns > 1 ? gutter : (width - columns * size.width - (columns - 1) * gapX) / 2;
  const cells = new Map(placed.map((name, index) => [name, cellOf(index, columns)]));
  const arcs = arcsPerRow(flows, cells, rows);
  const top = [12];
  for (let row = 0; row < rows; row += 1) top.push(top[row] + size.height + size.gapY + (arcs[row] ? ARC : 0));
  const boxes = new Map(placed.map((name) => {
    const { row, column } = cells.get(name);
    return [name, { x: left + column * (size.width + gapX), y: top[row], width: size.width, height: size.height, row, column, columns, placed: true }];
  }));
  const bottom = placed.length ? top[rows] - size.gapY : 0;
  const chips = chipRows(others, width, bottom + 40);
  chips.boxes.forEach((box, name) => boxes.set(name, box));
  return { boxes, size, columns, otherLabelY: bottom + 28, height: others.length ? chips.bottom + 6 : bottom + 10 };
}

/** Whether something flows between cards of one column that are not neighbours. */
function passesCards(placed, flows, columns) {
  const cell = new Map(placed.map((name, index) => [name, cellOf(index, columns)]));
  return flows.some(({ source, target }) => {
    const [a, b] = [cell.get(source), cell.get(target)];
    return a && b && a.column === b.column && Math.abs(a.row - b.row) > 1;
  });
}

function cellOf(index, columns) {
  const row = Math.floor(index / columns);
  const along = index % columns;
  return { row, column: row % 2 ? columns - 1 - along : along };
}

/** Whether links between cards of one row that are not neighbours need room for an arc below it. */
function arcsPerRow(flows, cells, rows) {
  const arcs = Array(rows).fill(false);
  for (const { source, target } of flows) {
    const [a, b] = [cells.get(source), cells.get(target)];
    if (a && b && a.row === b.row && Math.abs(a.column - b.column) > 1) arcs[a.row] = true;
  }
  return arcs;
}

function chipRows(names, width, from) {
  const perRow = Math.max(1, Math.floor((width + CHIP.gap) / (CHIP.width + CHIP.gap)));
  const stretched = Math.min(168, (width - (perRow - 1) * CHIP.gap) / perRow);
  const boxes = new Map(names.map((name, index) => [name, {
    x: (index % perRow) * (stretched + CHIP.gap),
    y: from + Math.floor(index / perRow) * (CHIP.height + CHIP.gap),
    width: stretched, height: CHIP.height, placed: false,
  }]));
  return { boxes, bottom: from + Math.ceil(names.length / perRow) * (CHIP.height + CHIP.gap) };
}

const middle = (box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });

/** The path of a link that carries something, the place and side of its label. `both`: it carries the other way, too. */
export function route(a, b, both) {
  const [from, to] = [middle(a), middle(b)];
  const neighbours = a.placed && b.placed;
  if (neighbours && a.row === b.row && Math.abs(a.column - b.column) === 1) {
    const right = to.x > from.x;
    const y = from.y + (both ? (right ? -9 : 9) : 0);
    const [x1, x2] = right ? [a.x + a.width, b.x] : [a.x, b.x + b.width];
    const above = !both || right;
    return { d: `M${x1},${y}L${x2 + (right ? -HEAD : HEAD)},${y}`, label: { x: (x1 + x2) / 2, y: above ? y - 7 : y + 15, anchor: "middle" } };
  }
  if (neighbours && a.column === b.column && Math.abs(a.row - b.row) === 1) {
    const down = to.y > from.y;
    const x = from.x + (both ? (down ? 9 : -9) : 0);
    const [y1, y2] = down ? [a.y + a.height, b.y] : [a.y, b.y + b.height];
    const atRight = !both || down;
    return { d: `M${x},${y1}L${x},${y2 + (down ? -HEAD : HEAD)}`, label: { x: atRight ? x + 8 : x - 8, y: (y1 + y2) / 2 + 4, anchor: atRight ? "start" : "end" } };
  }
  if (neighbours && a.row === b.row) {
    const dip = a.y + a.height + ARC;
    const shift = both && to.x < from.x ? 12 : 0;
    const [x1, x2] = [from.x + (to.x > from.x ? 14 : -14), to.x + (to.x > from.x ? -14 : 14)];
    return { d: `M${x1},${a.y + a.height}C${x1},${dip + shift} ${x2},${dip + shift} ${x2},${b.y + b.height + HEAD}`,
      label: { x: (x1 + x2) / 2, y: a.y + a.height + 0.75 * (ARC + shift) - 6, anchor: "middle" } };
  }
  if (neighbours && a.column === b.column) return { d: besides(a, b, from, to), label: null };
  return { d: curved(a, b, from, to, both), label: null };
}

/** Past the cards between two of one column: outside of the first and last column, else on the right. */
function besides(a, b, from, to) {
  const down = to.y > from.y;
  const right = a.columns === 1 ? down : a.column > 0;
  const edge = (box) => (right ? box.x + box.width : box.x);
  const bulge = (right ? 1 : -1) * (a.columns === 1 ? Math.min(64, 40 + 6 * Math.abs(a.row - b.row)) : down ? 52 : 34);
  return `M${edge(a)},${from.y}C${edge(a) + bulge},${from.y} ${edge(b) + bulge},${to.y} ${edge(b) + (right ? HEAD : -HEAD)},${to.y}`;
}

/** A curve between two boxes anywhere, from the side that faces the other. */
function curved(a, b, from, to, both) {
  const down = to.y > from.y;
  const level = Math.abs(to.y - from.y) < 1;
  if (level) {
    const bow = from.y - a.height / 2 - 22;
    return `M${from.x},${a.y}Q${(from.x + to.x) / 2},${bow} ${to.x},${b.y - HEAD}`;
  }
  const y1 = down ? a.y + a.height : a.y;
  const y2 = down ? b.y - HEAD : b.y + b.height + HEAD;
  const bend = (y2 - y1) * 0.5;
  const aside = both ? (down ? 22 : -22) : 0;
  return `M${from.x + aside},${y1}C${from.x + aside},${y1 + bend} ${to.x + aside},${y2 - bend} ${to.x + aside},${y2}`;
}
