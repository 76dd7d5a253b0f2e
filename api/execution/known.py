"""What is known of a job from what was told of it, however often it was begun: plans by phase, points of a frontier."""

from __future__ import annotations

import json
from typing import Any

from api.execution.base import Event
from models.constraints import Metric
from placement.gaps import relative_gap

_STANDS = frozenset(metric.value for metric in Metric)
"""Phases whose goal is the same in every attempt: figures as they are. Those of others build on what came before."""


class Known:
    """Reports folded into one; each is passed on with what is better than all before, if anything is."""

    def __init__(self) -> None:
        self._of_phase: dict[str, dict[str, Any]] = {}
        self._points: dict[str, dict[str, Any]] = {}

    @property
    def data(self) -> dict[str, Any] | None:
        """What an answer can be made of: the last phase's plan with the best bound on it, or all points."""
        if self._points:
            return {"found": list(self._points.values())}
        told = [data for data in self._of_phase.values() if data.get("objective") is not None]
        return told[-1] if told else None

    def learn(self, data: dict[str, Any]) -> Event | None:
        """The event to tell of a report (`Event.data`); None where it holds nothing new."""
        if "found" in data:
            return self._learn_points(data)
        phase = data.get("phase", "")
        before = self._of_phase.get(phase)
        if before is not None and phase.rpartition(": ")[2] in _STANDS:
            data = _better(before, data)
            if _figures(data) == _figures(before):
                return None
        self._of_phase[phase] = data
        plan = data.get("objective") is not None and (before is None or _plan(data) != _plan(before))
        return Event("incumbent" if plan else "bound", data)

    def _learn_points(self, data: dict[str, Any]) -> Event:
        new = []
        for point in data["found"]:
            key = json.dumps(point["stages"])
            if key not in self._points:
                self._points[key] = point
                new.append(point)
        return Event("incumbent" if new else "bound", data | {"found": new})


def _better(before: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The better plan of two reports of one goal, and the better bound."""
    better, known, new = data, before.get("objective"), data.get("objective")
    if known is not None and (new is None or new >= known):
        better = data | {"objective": known, "stages": before.get("stages")}
    bounds = [told["bound"] for told in (before, data) if told.get("bound") is not None]
    bound = max(bounds, default=None)
    return better | {"bound": bound, "gap": relative_gap(better.get("objective"), bound)}


def _figures(data: dict[str, Any]) -> tuple[Any, ...]:
    return data.get("objective"), data.get("bound")


def _plan(data: dict[str, Any]) -> tuple[Any, ...]:
    return data.get("objective"), data.get("stages")
