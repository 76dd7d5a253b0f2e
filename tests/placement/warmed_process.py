"""Warms up, then plans requests of each kind; prints what each kernel was called with before and afterwards."""

from __future__ import annotations

import json
import sys

from placement import branching, warm_up
from placement.warming import kernels_by_name
from tests.placement.kernels.every_kind import solve_every_kind


def signatures() -> dict[str, int]:
    """For how many kinds of arguments each kernel is loaded or compiled."""
    return {name: len(kernel.signatures) for name, kernel in kernels_by_name().items()}


def called_by(names: set[str]) -> set[str]:
    """These kernels, and those that they call, directly or not."""
    kernels = kernels_by_name()
    by_function = {id(kernel): name for name, kernel in kernels.items()}
    reached, waiting = set(names), list(names)
    while waiting:
        function = kernels[waiting.pop()].py_func
        for used in function.__code__.co_names:
            name = by_function.get(id(function.__globals__.get(used)))
            if name is not None and name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


if __name__ == "__main__":
    first = warm_up()
    second = warm_up()
    before = signatures()
    warm = {name for name, count in before.items() if count}
    # Boxes of small requests are cut too, as those of large ones are.
    branching.FIRST_LABELS, branching.FIRST_STEPS, branching.NEXT_STEPS = 2, 20, 5
    solve_every_kind()
    report = {
        "done": [*first.compiled, *first.loaded],
        "done_again": [*second.compiled, *second.loaded],
        "cold": sorted(set(before) - called_by(warm)),
        "added": {name: count for name, count in signatures().items() if count != before[name]},
    }
    sys.stdout.write(json.dumps(report))
