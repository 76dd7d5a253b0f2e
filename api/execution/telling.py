"""Progress as data, as it is streamed, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from models.request import PlacedStage
from placement.frontier.method import FoundPoint
from placement.search import Progress
from placement.solver import FrontierProgress

Build = Callable[[], dict[str, Any]]


def reported(progress: Progress) -> Build:
    """What builds the data of an event (`api.execution.base.Event`)."""
    return partial(known_of, progress)


def known_of(progress: Progress) -> dict[str, Any]:
    """The data of an event about a plan."""
    stages = None if progress.stages is None else _dumped(progress.stages)
    return asdict(replace(progress, stages=None)) | {"stages": stages}


def progress_of(known: dict[str, Any]) -> Progress:
    """What `known_of` made data of."""
    stages = known["stages"]
    return Progress(**known | {"stages": None if stages is None else _placed(stages)})


class Points:
    """Reports on a frontier. Not each is sent: one that is holds all points found since the one sent before."""

    def __init__(self) -> None:
        self._found: list[FoundPoint] = []
        self._sent = 0

    def reported(self, progress: FrontierProgress) -> Build:
        """What builds the data of an event, called once where it is sent."""
        self._found += progress.found
        return partial(self._data, progress)

    def _data(self, progress: FrontierProgress) -> dict[str, Any]:
        new = self._found[self._sent :]
        self._sent += len(new)
        found = [asdict(replace(point, stages=())) | {"stages": _dumped(point.stages)} for point in new]
        return asdict(replace(progress, found=())) | {"found": found}


def points_of(known: dict[str, Any] | None) -> list[FoundPoint]:
    """The points that were told."""
    told = [] if known is None else known["found"]
    return [FoundPoint(point["latency_s"], point["energy_j"], _placed(point["stages"])) for point in told]


def _dumped(stages: Sequence[PlacedStage]) -> list[dict[str, Any]]:
    return [stage.model_dump() for stage in stages]


def _placed(stages: list[dict[str, Any]]) -> tuple[PlacedStage, ...]:
    return tuple(map(PlacedStage.model_validate, stages))
