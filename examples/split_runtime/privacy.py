"""What left the source: whether raw tokens or labels were among it, by the ledgers of all nodes.

Ledgers are kept at the one door through which tensors leave a node (sending), by kind, dtype and shape. Activations and
gradients are floating-point; token ids and labels are integers, so an integer tensor that leaves the source is one of
them, whatever it was called. In the namespaces of the tests the bytes on the wire are searched too.
"""

from __future__ import annotations

from collections.abc import Iterable

from examples.split_runtime.job import Crossing, Kind

RAW = {Kind.INPUT: "raw tokens", Kind.LABEL: "labels"}


def leaks(crossings: Iterable[Crossing], source: str) -> tuple[str, ...]:
    """A sentence for everything raw that left the source; empty where nothing did."""
    return tuple(
        f"{crossing.count} messages with {RAW.get(crossing.kind, 'integers')} ({crossing.dtype}, "
        f"{' x '.join(map(str, crossing.shape))}) went from {source} to {crossing.target}"
        for crossing in crossings
        if crossing.source == source and (crossing.kind in RAW or "int" in crossing.dtype)
    )
