"""What the placed model is used for: answering requests, or fine-tuning."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.base import DomainType
from models.units import Count, Identifier


class Schedule(StrEnum):
    """How the micro-batches of one training iteration flow through the stages."""

    SEQUENTIAL = "sequential"
    GPIPE = "gpipe"
    ONE_F_ONE_B = "1f1b"


class Warmup(StrEnum):
    """1f1b: micro-batches that stage s of S keeps in flight: classic min(M, S - s), deep min(M, 2 (S - s) - 1)."""

    CLASSIC = "classic"
    DEEP = "deep"


class Inference(DomainType):
    """Requests: one prefill, then one decode pass for every further output token."""

    kind: Literal["inference"]
    source: Identifier
    """The terminal on which raw input originates and to which results return."""
    output_tokens: Count = 1
    """Tokens generated per request; 1 is a single forward pass (encoders, classifiers)."""
    concurrency: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 1
    """Requests in flight at once; each keeps its KV cache."""


class Training(DomainType):
    """Iterations of split fine-tuning: M micro-batches forward and backward, then one update."""

    kind: Literal["training"]
    source: Identifier
    """The terminal on which raw input and labels originate."""
    micro_batches: Annotated[int, Field(strict=True, ge=1, le=4096)] = 1
    """Micro-batches M per iteration."""
    schedule: Schedule = Schedule.GPIPE
    warmup: Warmup = Warmup.CLASSIC
    """Depth of the warm-up (schedule 1f1b only)."""
    iterations: Count = 1
    """Iterations planned; figures in the answer are per iteration."""


Workload = Annotated[Inference | Training, Field(discriminator="kind")]
