"""What is run: stints of one family, some sizes, some seeds and some contestants, chosen as selections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from benchmarks.contestants import AUTO, MOST_TEXTBOOK_PAIRS, OURS, RULES, TEXTBOOK
from benchmarks.families import EXAMPLES, FAMILIES, LADDER, SMALL, Case, Family, Size, cases, sizes_of
from benchmarks.measuring import Measurement, measure_apart
from benchmarks.peers import MOST_NODES

TIME_LIMIT_S = 60.0
GROWTH_FAMILIES = ("latency", "gpipe", "mixed")
GROWTH = sizes_of("16x8 32x8 48x8 64x8 80x8 126x8 126x12 126x16 126x24 126x32 126x48 126x64")
"""Layers at 8 nodes, then nodes at 126 layers: with fewer, 64 nodes of so little memory would hold a layer each."""


@dataclass(frozen=True, slots=True)
class Stint:
    """A family at some sizes; `own_seeds` are for our backends and rules, `textbook_seeds` for the formulations."""

    family: str
    sizes: tuple[Size, ...]
    contestants: tuple[str, ...]
    own_seeds: int = 3
    textbook_seeds: int = 1
    time_limit_s: float = TIME_LIMIT_S
    textbook_time_limit_s: float = TIME_LIMIT_S

    def runs(self) -> Iterator[tuple[Case, str, float]]:
        """All contestants on one instance in turn, so that they meet the same noise."""
        for case in cases(self.family, self.sizes, range(max(self.own_seeds, self.textbook_seeds))):
            for contestant in self.contestants:
                textbook = contestant in TEXTBOOK
                if case.seed < (self.textbook_seeds if textbook else self.own_seeds) and _copes(contestant, case):
                    yield case, contestant, self.textbook_time_limit_s if textbook else self.time_limit_s


def _copes(contestant: str, case: Case) -> bool:
    nodes = len(case.body["cluster"]["nodes"])
    if contestant in TEXTBOOK and case.size is not None:
        return case.size.layers * nodes <= MOST_TEXTBOOK_PAIRS
    return contestant not in RULES or nodes <= MOST_NODES


def quick() -> tuple[Stint, ...]:
    """Every family once, small, and the examples; nothing runs longer than 5 s."""
    return tuple(
        Stint(name, sizes, (AUTO, *TEXTBOOK, *RULES), own_seeds=1, time_limit_s=5.0, textbook_time_limit_s=5.0)
        for name, sizes in [(family.name, family.sizes[:1]) for family in FAMILIES] + [(EXAMPLES, ())]
    )


def default() -> tuple[Stint, ...]:
    """Every family at its own sizes; textbook formulations and our other two backends where that takes minutes."""
    return (
        *(Stint(family.name, family.sizes, (*_of_ours(family), *_of_textbook(family), *RULES)) for family in FAMILIES),
        Stint(EXAMPLES, (), (*OURS, *RULES)),
    )


def _of_ours(family: Family) -> tuple[str, ...]:
    small = all(size in LADDER[:2] for size in family.sizes)
    return OURS if small else (AUTO,)


def _of_textbook(family: Family) -> tuple[str, ...]:
    return TEXTBOOK if family.sizes == SMALL or family.name in {"latency", "gpipe"} else ()


def growth() -> tuple[Stint, ...]:
    """How the time to the proof grows in layers and in nodes."""
    return tuple(Stint(name, GROWTH, (AUTO,)) for name in GROWTH_FAMILIES)


def full() -> tuple[Stint, ...]:
    """Every family at every size, textbook formulations on every seed, growth; our other two backends on the ladder."""
    stints = []
    for family in FAMILIES:
        ladder = tuple(size for size in family.full_sizes if size in LADDER)
        rest = tuple(size for size in family.full_sizes if size not in LADDER)
        if ladder:
            stints.append(Stint(family.name, ladder, (*OURS, *TEXTBOOK, *RULES), textbook_seeds=3))
        if rest:
            stints.append(Stint(family.name, rest, (AUTO, *TEXTBOOK, *RULES), textbook_seeds=3))
    grown = tuple(
        replace(stint, sizes=tuple(size for size in stint.sizes if size not in _sizes_of_full(stint.family)))
        for stint in growth()
    )
    return (*stints, *grown, Stint(EXAMPLES, (), (*OURS, *TEXTBOOK, *RULES)))


def _sizes_of_full(name: str) -> tuple[Size, ...]:
    return next(family.full_sizes for family in FAMILIES if family.name == name)


SELECTIONS: dict[str, Callable[[], tuple[Stint, ...]]] = {
    "default": default,
    "quick": quick,
    "full": full,
    "growth": growth,
}


@dataclass(frozen=True, slots=True)
class Changes:
    """What the command line asks to be different from the selection; None leaves it."""

    families: tuple[str, ...] | None = None
    sizes: tuple[Size, ...] | None = None
    contestants: tuple[str, ...] | None = None
    seeds: int | None = None
    textbook_seeds: int | None = None
    time_limit_s: float | None = None
    textbook_time_limit_s: float | None = None

    def applied(self, stints: tuple[Stint, ...]) -> tuple[Stint, ...]:
        """The selection with these changes; other sizes replace all sizes of a family, in one stint."""
        chosen: dict[str, Stint] = {}
        kept: list[Stint] = []
        for stint in stints:
            if self.families is not None and stint.family not in self.families:
                continue
            changed = replace(
                stint,
                sizes=self.sizes or stint.sizes,
                contestants=self.contestants or stint.contestants,
                own_seeds=self.seeds or stint.own_seeds,
                textbook_seeds=self.textbook_seeds
                if self.textbook_seeds is not None
                else min(stint.textbook_seeds, self.seeds or stint.textbook_seeds),
                time_limit_s=self.time_limit_s or stint.time_limit_s,
                textbook_time_limit_s=self.textbook_time_limit_s or stint.textbook_time_limit_s,
            )
            if self.sizes is None or stint.family not in chosen:
                kept.append(changed)
            chosen[stint.family] = changed
        return tuple(kept)


def run(stints: tuple[Stint, ...]) -> Iterator[Measurement]:
    """Every run of the stints, as it ends."""
    for stint in stints:
        for case, contestant, limit_s in stint.runs():
            yield measure_apart(case, contestant, limit_s)
