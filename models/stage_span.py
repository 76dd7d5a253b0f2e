"""A stage by its place only: which layers run where."""

from __future__ import annotations

from models.base import DomainType


class StageSpan(DomainType):
    """Layers `first_layer`..`stop_layer` (half-open) on one node; POST /plan:evaluate takes these as they are."""

    node: str
    level: str
    first_layer: int
    stop_layer: int
