// Who is linked with whom, from a request's list or its matrices.

const MANY = 20;

/** Pairs of nodes with a link, each once: `{a, b, medium}`. */
export function linkedPairs(request) {
  const { nodes, links, link_matrix: matrix } = request.cluster;
  const pairs = new Map();
  const add = (a, b, medium) => {
    const key = [a, b].sort().join("\u0000");
    if (!pairs.has(key)) pairs.set(key, { a, b, medium: medium ?? null });
  };
  for (const link of links ?? []) add(link.source, link.target, link.medium);
  for (const [i, row] of (matrix?.bandwidth_bits_per_s ?? []).entries()) {
    for (const [j, rate] of row.entries()) if (i !== j && rate !== null) add(nodes[i].id, nodes[j].id, matrix.medium);
  }
  return [...pairs.values()];
}

/** Whether so many links are better shown on demand. */
export const manyLinks = (pairs) => pairs.length > MANY;
