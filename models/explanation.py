"""Why a plan is what it is: its limits, what every part of it contributes, and what would change it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool

from models.base import DomainType
from models.patch import Patch
from models.stage_span import StageSpan
from models.units import Fraction


class Explain(DomainType):
    """What a plan is to be explained by, beyond what every answer says; found by solving again."""

    unused_nodes: StrictBool = True
    """What it would cost to give each unused node at least one layer."""
    sensitivity: StrictBool = True
    """What a little more of each resource would save."""
    stability: StrictBool = True
    """Over which bandwidths of each used link the plan stays the best."""
    resolution: Annotated[float, Field(strict=True, gt=0, le=0.5)] = 0.01
    """Relative distance to which the ends of a stability range are found where they cannot be found exactly."""
    time_share: Fraction = 0.5
    """Share of `solver.time_limit_s` kept for this; the plan itself is sought in the rest."""


class LimitSlack(DomainType):
    """How far a plan stays from a limit."""

    constraint: str
    """The limit's name in the request."""
    subject: str | None = None
    """The node it belongs to; null: the plan as a whole."""
    used: float
    limit: float
    slack: float
    """What is left: limit - used (min_throughput_per_s: used - limit), in the limit's unit."""
    binding: bool
    """Nothing more of it can be used: no slack in a figure, no stage or layer to spare; of a node's memory: the next
    layer of neither neighbouring stage would fit."""
    message: str


class NodeContribution(DomainType):
    """What a node that has a stage, or the source, adds to the plan."""

    id: str
    latency_s: float
    """Its part of the plan's latency: its own computing on the way of a micro-batch, the waiting for it as the
    slowest, and the update if it is the slowest at that."""
    latency_share: float
    energy_j: float
    """Its part of the plan's energy, weighted by its energy_weight."""
    energy_share: float
    memory_bytes: float
    memory_share: float
    """Of what the node has."""


class LinkContribution(DomainType):
    """What a directed link adds to the plan."""

    source: str
    target: str
    latency_s: float
    """Its part of the plan's latency: transfers and propagation on the way, and the waiting for it as the slowest."""
    latency_share: float
    energy_j: float
    """Joules of both ends for sending and receiving, weighted; contained in the nodes' parts too."""
    energy_share: float


class ChangeKind(StrEnum):
    """What an operator may change."""

    BANDWIDTH = "bandwidth"
    """10 % more bandwidth of a link."""
    DELAY = "delay"
    """10 % less delay of a link."""
    SPEED = "speed"
    """A node that does everything in 1/1.1 of the time: rate, memory bandwidth and measured times."""
    MEMORY = "memory"
    """1 GiB more memory of a node."""
    POWER = "power"
    """10 % less idle and busy power of a node."""
    LIMIT = "limit"
    """A limit of the request, relaxed by 10 %, or by one stage."""
    PRIVACY = "privacy"
    """One layer less that has to stay on the source."""


class Effect(DomainType):
    """What one change of the request would do to the objective; found by solving again, never guessed."""

    kind: ChangeKind
    subject: str
    message: str
    patch: Patch
    """The change, as a JSON Patch of the request."""
    objective: float | None = None
    """Of the best plan known under the change, stated like the plan's."""
    bound: float | None = None
    """Proven bound on the objective under the change."""
    saves_at_least: float
    """By how much the change improves the best possible objective, in its unit; proven."""
    saves_at_most: float | None = None
    """Likewise; null: not known."""
    proven: bool
    """Both are the same, but for the tolerance of a proof (1e-6 of the objective)."""
    same_stages: bool | None = None
    """Whether the plan found under the change runs the same layers on the same nodes; null: none was sought."""


class UnusedReason(StrEnum):
    """Why a node has no layer."""

    COSTS_MORE = "costs_more"
    """Plans that use it exist, and the best of them is worse."""
    COSTS_NOTHING = "costs_nothing"
    """A plan that uses it is just as good."""
    INTERCHANGEABLE = "interchangeable"
    """It is equal in every figure to a node that is used."""
    IMPOSSIBLE = "impossible"
    """No plan can use it: rules, memory, routes or limits; proven."""
    NOT_SETTLED = "not_settled"
    """There was no time to find out, or to prove it."""


class UnusedNode(DomainType):
    """What it costs to give an unused node at least one layer."""

    id: str
    reason: UnusedReason
    message: str
    objective: float | None = None
    """Of the best plan known that uses the node, stated like the plan's."""
    bound: float | None = None
    """Proven bound on the objective of every plan that uses it."""
    costs_at_least: float | None = None
    """By how much the objective worsens, in its unit; proven. Null: not known."""
    costs_at_most: float | None = None
    """Likewise; null where no plan that uses the node is known."""
    proven: bool
    """The reason, and the cost but for the tolerance of a proof, are proven."""
    stages: tuple[StageSpan, ...] = ()
    """The best plan known that uses the node."""


class RangeEnd(StrEnum):
    """What is at an end of a stability range."""

    OTHER_PLAN = "other_plan"
    """Beyond it another plan is better."""
    SEARCHED = "searched"
    """The end of what was searched: a thousandth, or a thousand times, of the link's bandwidth."""
    UNPROVEN = "unproven"
    """Beyond it nothing was proven in the time left."""


class RangeMethod(StrEnum):
    """How a stability range was found."""

    PARAMETRIC = "parametric"
    """Every plan's objective is linear in 1 / bandwidth, so a plan that is best at two bandwidths is best between them,
    and the ends are where two plans' lines cross: exact, but for the tolerance of a proof."""
    BISECTION = "bisection"
    """The plan is proven the best at both ends and at every bandwidth tested between them."""


class Stability(DomainType):
    """Bandwidths of one used direction of a link over which the plan stays the best, all else unchanged."""

    source: str
    target: str
    bandwidth_bits_per_s: float
    """As it is."""
    low_bits_per_s: float
    high_bits_per_s: float
    low_end: RangeEnd
    high_end: RangeEnd
    below: tuple[StageSpan, ...] = ()
    """A plan that is better below the range; empty where none is known."""
    above: tuple[StageSpan, ...] = ()
    method: RangeMethod
    resolution: float
    """Relative distance within which another plan was found better; 0: exact."""
    message: str


class Explanation(DomainType):
    """Why a plan is what it is. The last three are there when the request asks for them (`explain`)."""

    summary: tuple[str, ...]
    """In sentences, the weightiest first."""
    limits: tuple[LimitSlack, ...] = ()
    nodes: tuple[NodeContribution, ...] = ()
    """latency_s of nodes and links, with other_latency_s, add up to the plan's; energy_j of nodes to its energy."""
    links: tuple[LinkContribution, ...] = ()
    other_latency_s: float = 0.0
    """1f1b: what the replay takes beyond the formula (below 0: less), which belongs to no node or link."""
    unused_nodes: tuple[UnusedNode, ...] | None = None
    sensitivity: tuple[Effect, ...] | None = None
    """The greatest saving first."""
    stability: tuple[Stability, ...] | None = None
    notes: tuple[str, ...] = ()
    """What the figures refer to, and what was left out for want of time."""
