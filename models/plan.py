"""The answer: which layers run where, what it costs, and how much of that is proven."""

from __future__ import annotations

from enum import StrEnum

from models.base import DomainType
from models.constraints import Metric, ObjectiveKind
from models.explanation import Explanation
from models.infeasibility import Attempt, Infeasibility, Violation


class Status(StrEnum):
    """optimal: proven; feasible: a plan with an honest bound; infeasible: proven that none exists."""

    QUEUED = "queued"
    """Accepted by the service; no solver has it yet."""
    RUNNING = "running"
    """Being solved; the figures are the best known so far."""
    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    NO_PLAN_FOUND = "no_plan_found"

    @property
    def finished(self) -> bool:
        """Whether the answer is the last word."""
        return self not in {Status.QUEUED, Status.RUNNING}


class Termination(StrEnum):
    """Why the search ended."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    GAP = "gap"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"
    MEMORY_LIMIT = "memory_limit"
    WORKER_LOST = "worker_lost"
    REPLAY = "replay"
    """1f1b: the formula's optimum is proven, but the replayed time stays above the proven bound."""


class PassSeconds(DomainType):
    """Busy seconds of one micro-batch (update: of one iteration); null where the workload has no such pass."""

    forward: float
    backward: float | None = None
    decode: float | None = None
    update: float | None = None


class Memory(DomainType):
    """Bytes by part."""

    weights_bytes: float
    gradients_bytes: float
    optimizer_bytes: float
    activations_bytes: float
    kv_cache_bytes: float
    workspace_bytes: float
    total_bytes: float


class Transfer(DomainType):
    """What crosses the cut behind a stage, per pass of one micro-batch, and the route it takes (hops counted)."""

    route: tuple[str, ...]
    """Nodes from sender to receiver, relays between them (route of the forward payload)."""
    forward_bytes: float
    forward_s: float
    backward_bytes: float | None = None
    backward_s: float | None = None
    decode_bytes: float | None = None
    decode_s: float | None = None


class Stage(DomainType):
    """A run of consecutive layers `first_layer`..`stop_layer` (half-open) on one node."""

    node: str
    level: str
    first_layer: int
    stop_layer: int
    busy_s: PassSeconds
    memory: Memory
    in_flight: int
    """Micro-batches whose activations are kept at once (0 in inference)."""
    transfer_to_next: Transfer | None = None


class NodeUse(DomainType):
    """What a node does in one request or iteration."""

    id: str
    used: bool
    level: str | None = None
    busy_s: float
    """Compute time per request or iteration, in s."""
    utilisation: float
    """Compute time / time per request or iteration at the stated throughput, 0..1."""
    memory_used_bytes: float
    memory_free_bytes: float
    energy_j: float
    """Joules of the node itself, unweighted: idle + compute + communication."""
    idle_energy_j: float
    compute_energy_j: float
    communication_energy_j: float
    energy_weight: float


class LinkUse(DomainType):
    """What a directed link carries in one request or iteration (links that carry nothing are left out)."""

    source: str
    target: str
    medium: str | None = None
    bytes: float
    busy_s: float
    """Time on the channel per request or iteration, in s."""
    utilisation: float
    energy_j: float


class Bottleneck(DomainType):
    """The resource with the largest busy time per micro-batch (inference: per request)."""

    kind: str
    """node, link or medium."""
    id: str
    busy_s: float


class Event(DomainType):
    """One bar of the timeline: a resource is busy with something."""

    resource: str
    activity: str
    """forward, backward, decode, update, input, label, activation, gradient or result."""
    stage: int | None = None
    micro_batch: int | None = None
    start_s: float
    end_s: float


class Simulated(DomainType):
    """The plan replayed event by event, beside the formula."""

    latency_s: float
    formula_latency_s: float
    note: str | None = None


class Metrics(DomainType):
    """The figures of a placement, all by the same cost model."""

    stages: tuple[Stage, ...] = ()
    nodes: tuple[NodeUse, ...] = ()
    links: tuple[LinkUse, ...] = ()
    latency_s: float | None = None
    """Seconds of one request or one iteration."""
    energy_j: float | None = None
    """Joules of one request or iteration, weighted by each node's energy_weight."""
    throughput_per_s: float | None = None
    """Requests (inference) or micro-batches (training) per second."""
    period_s: float | None = None
    """Largest busy time of a resource per micro-batch (inference: per request)."""
    bottleneck: Bottleneck | None = None
    explanation: Explanation | None = None
    """Why the placement costs what it costs; the plan's also what would change it, where the request asks."""
    simulated: Simulated | None = None
    timeline: tuple[Event, ...] = ()
    timeline_note: str | None = None
    """Says what was left out of the timeline, if anything."""


class Score(DomainType):
    """The verdict on the caller's placement; stands first in the answer."""

    feasible: bool
    violations: tuple[Violation, ...] = ()
    objective: float | None = None
    """Value of a single-metric objective: s, J, or per s."""
    notes: tuple[str, ...] = ()


class Evaluation(Metrics, Score):
    """POST /plan:evaluate: the caller's placement, scored."""


class Baseline(DomainType):
    """A simple rule's placement under the same cost model, for comparison."""

    name: str
    feasible: bool
    stages: tuple[str, ...] = ()
    """node first_layer..stop_layer, readable."""
    latency_s: float | None = None
    energy_j: float | None = None
    throughput_per_s: float | None = None
    objective: float | None = None
    reasons: tuple[str, ...] = ()
    """Why the baseline is infeasible."""


class ObjectiveTerm(DomainType):
    """One metric of a weighted or lexicographic objective."""

    metric: Metric
    value: float
    reference: float
    """weighted: the single optimum T* or E* that normalises; lexicographic: the best value in its turn."""
    proven: bool


class SolverReport(DomainType):
    """Who solved, how long it took, and how large the problem was."""

    backend: str
    version: str | None = None
    """Null until a solver has reported."""
    seed: int
    threads: int
    seconds: dict[str, float]
    """By phase; `total` is the whole solve."""
    sizes: dict[str, int]
    """Stage arcs, hand-over arcs, columns and rows, before and after reduction."""


class Envelope(DomainType):
    """What the service says about an answer; the first fields of each, so that it can be read and renewed apart."""

    id: str
    status: Status
    cached: bool = False
    """Answered from an earlier, proven answer to the same request, without solving."""
    queue_seconds: float | None = None
    """Wait for a solver in the service, in s; null outside of it and until it is known."""
    solve_seconds: float | None = None
    """Time that a solver of the service had the request in hand, in s; null likewise."""


class Verdict(Envelope):
    """What is proven about a plan; stands first in the answer."""

    termination: Termination | None = None
    """Why the search ended; null while it has not."""
    objective_kind: ObjectiveKind
    objective: float | None = None
    """Value of the objective: s, J, per s, or the weighted sum; lexicographic: the last metric in the order."""
    bound: float | None = None
    """Proven bound on the objective of any plan (from below; for throughput from above)."""
    gap: float | None = None
    """|objective - bound| / |objective|."""
    objective_terms: tuple[ObjectiveTerm, ...] = ()
    infeasibility: Infeasibility | None = None
    attempt: Attempt | None = None
    """Status no_plan_found: what was tried."""


class Plan(Metrics, Verdict):
    """The answer of POST /plan."""

    baselines: tuple[Baseline, ...] = ()
    solver: SolverReport
    notes: tuple[str, ...] = ()
