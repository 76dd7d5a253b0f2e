"""A guard against more counted work (boxes, labels, sweeps, arcs): seconds depend on the machine, counts do not.

`counted_work.json` holds a ceiling per instance and counter, a quarter above what was counted when it was written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contestants import AUTO
from benchmarks.families import BY_NAME, Size
from benchmarks.measuring import Measurement, measure

FILE = Path(__file__).with_name("counted_work.json")
HEAD_ROOM = 0.25
LEAST_ROOM = 2
"""What small counts may grow by, where a quarter is less than one."""
TIME_LIMIT_S = 60.0
RENEWAL = "If more work is meant: python -m benchmarks --renew-guard, and say why in the commit."
GUARDED = (
    ("latency", "16x4"), ("latency", "32x8"), ("energy", "16x4"), ("weighted", "16x4"), ("throughput", "16x4"),
    ("gpipe", "16x4"), ("gpipe", "24x6"), ("u_shape", "12x4"), ("dvfs", "12x4"), ("shared_medium", "16x4"),
    ("no_overlap", "16x4"), ("loose_latency", "16x4"), ("classes_latency", "24x6"), ("identical", "16x4"),
    ("mixed", "24x8"),
)  # fmt: skip
"""Family and size, all of seed 0."""

Counts = Mapping[str, int]
Ceilings = Mapping[str, Counts]


def ceilings() -> Ceilings:
    """What is committed."""
    found: dict[str, dict[str, int]] = json.loads(FILE.read_text())
    return found


def solve(family: str, size: str) -> Measurement:
    """One guarded instance, by the default backend."""
    return measure(BY_NAME[family].case(Size.parse(size), 0), AUTO, TIME_LIMIT_S)


def name_of(family: str, size: str) -> str:
    """The instance's key in the file."""
    return f"{family} {size}"


def excesses(counted: Counts, allowed: Counts) -> list[str]:
    """Counters above their ceiling. One without ceiling is new, one without count is gone: neither is an excess."""
    return [
        f"{counter}: {counted[counter]} counted, at most {ceiling} allowed"
        for counter, ceiling in allowed.items()
        if counter in counted and counted[counter] > ceiling
    ]


def complaint(run: Measurement, allowed: Counts) -> str | None:
    """Why a run does not pass: it is unproven, nothing of it is guarded, or it took more work; None where it passes."""
    where = f"{run.family} {run.instance}"
    counted = dict(run.sizes)
    if not run.proven:
        return f"{where}: not proven within {TIME_LIMIT_S:g} s, but {run.status}"
    if not set(counted) & set(allowed):
        return f"{where}: no counter has a ceiling. {RENEWAL}"
    found = excesses(counted, allowed)
    return f"{where}: {'; '.join(found)}. {RENEWAL}" if found else None


def ceilings_of(counted: Counts) -> dict[str, int]:
    """A quarter above, rounded up, and never less than two above."""
    return {
        counter: max(math.ceil(count * (1 + HEAD_ROOM)), count + LEAST_ROOM)
        for counter, count in sorted(counted.items())
    }


def renew() -> str:
    """Solve every guarded instance, write its ceilings, and say what changed."""
    before = ceilings() if FILE.exists() else {}
    after: dict[str, dict[str, int]] = {}
    lines = []
    for family, size in GUARDED:
        run = solve(family, size)
        if not run.proven:
            raise SystemExit(complaint(run, {}))
        name = name_of(family, size)
        after[name] = ceilings_of(dict(run.sizes))
        old = before.get(name, {})
        changed = [
            f"{key} {old.get(key, '-')} -> {value}" for key, value in after[name].items() if old.get(key) != value
        ]
        lines.append(f"{name}: {', '.join(changed) or 'as before'}\n")
    FILE.write_text(json.dumps(after, indent=1) + "\n")
    return "".join(lines)
