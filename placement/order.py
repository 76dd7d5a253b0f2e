"""Where the order of the stages between the first and the last makes no difference.

With one kind of link between all nodes, and alike layers between the first stage's smallest and the last one's, a plan
keeps every figure when its middle stages change places, each with its own number of layers: each stage computes and
stores the same, each cut in between sends the same over the same kind of link, and each middle node still receives once
and sends once. The source must be no middle stage, since its links to the ends carry input, results or labels too. So
only plans whose middle nodes ascend in one order need be searched, on which walks cannot return. Not in 1f1b, whose
memory depends on the place of a stage.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placement.column_costs import IntArray
from placement.problem import Problem
from placement.routes import RouteTable
from placement.symmetry import link_kinds


def middle_order(problem: Problem) -> IntArray | None:
    """(N,): ranks in which middle stages may be taken to ascend; None where their order matters."""
    begin, end = max(1, problem.head_layers), problem.layer_count - max(1, problem.tail_layers)
    if problem.node_count < 3 or begin >= end or problem.replays:
        return None
    if not (_layers_alike(problem, begin, end) and _cuts_alike(problem, begin, end) and _links_alike(problem)):
        return None
    if not _source_apart(problem, begin):
        return None
    speed = problem.forward_s[[options[0] for options in problem.options_of_node], begin]
    rank = np.empty(problem.node_count, dtype=np.int64)
    rank[np.argsort(speed, kind="stable")] = np.arange(problem.node_count)
    return rank


def _layers_alike(problem: Problem, begin: int, end: int) -> bool:
    """Whether layers begin..end cost the same on every option, weigh the same, and may run on the same nodes."""
    sizes = problem.bytes
    rows = [problem.forward_s, problem.backward_s, problem.decode_s, problem.update_s, problem.allowed]
    rows += [getattr(sizes, name)[None] for name in vars(type(sizes))["__dataclass_fields__"]]
    return all(_one_value(row[:, begin:end]) for row in rows)


def _cuts_alike(problem: Problem, begin: int, end: int) -> bool:
    """Whether the same crosses cuts begin..end, both included, and the same nodes may see it."""
    payloads = problem.payloads
    sent = (payloads.forward, payloads.backward, payloads.decode)
    return _one_value(problem.receives[:, begin : end + 1]) and all(
        len({_bytes(table) for table in tables[begin : end + 1]}) == 1 for tables in sent
    )


def _links_alike(problem: Problem) -> bool:
    """Whether every node has a link of one kind to every other, and no relay matters."""
    network = problem.network
    complete = network.link_count == problem.node_count * (problem.node_count - 1)
    if not complete or network.relays_matter:
        return False
    kinds = link_kinds(network)[~np.eye(problem.node_count, dtype=np.bool_)]
    return bool((kinds == kinds[0]).all())


def _source_apart(problem: Problem, begin: int) -> bool:
    """Whether the source runs no middle stage, or all links share one medium anyway.

    Next to the first or the last stage, it would hand over on a channel that carries input, results or labels too.
    """
    everywhere = bool((problem.network.wires.medium >= 0).all())
    return problem.head_layers > 0 or not problem.allowed[problem.source, begin] or everywhere


def _one_value(rows: NDArray[np.generic]) -> bool:
    """Whether each row holds one value throughout."""
    return bool((rows == rows[:, :1]).all())


def _bytes(table: RouteTable | None) -> float | None:
    return None if table is None else table.payload_bytes
