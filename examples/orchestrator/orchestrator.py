"""Keeps one placement running: asks when links change, and moves when it pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from examples.orchestrator.moving import Balance, Policy, balance, move_between
from examples.orchestrator.readings import Ends, Reading, rates_in, with_rates
from examples.orchestrator.watch import Sensitivity, Watch
from models import Evaluation, Layer, Plan, PlanRequest
from models.plan import Stage
from placement.client import NotFinished, PlacementClient, PlanFailed, TryLater

PATIENCE_S = 30.0
"""Longest wait for a plan; then the best so far is taken."""


class Verdict(StrEnum):
    """What came of a change."""

    SAME = "the running placement is still the best"
    TOO_DEAR = "a better placement does not pay for its move"
    MOVED = "moved"
    HAD_TO_MOVE = "moved: the running placement keeps its limits no longer"
    NO_PLAN = "no placement keeps the limits; the running one stays"
    NOT_KNOWN = "the service does not say; the running placement stays"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and on what grounds."""

    at_s: float
    verdict: Verdict
    changed: dict[Ends, float]
    running: Evaluation | None = None
    """The placement that ran, under the rates of now."""
    plan: Plan | None = None
    balance: Balance | None = None
    horizon_s: float | None = None


class Horizon:
    """H: how long rates last. The mean of the times between changes so far, an assumed one among them.

    For changes that come at random (at a constant rate), that is also the expected time to the next one.
    """

    def __init__(self, assumed_s: float) -> None:
        self._sum_s, self._count, self._last_s = assumed_s, 1, 0.0

    def changed(self, at_s: float) -> float:
        """The expectation at a change."""
        self._sum_s, self._count, self._last_s = self._sum_s + at_s - self._last_s, self._count + 1, at_s
        return self._sum_s / self._count


class Orchestrator:
    """One request, one running placement, and the service that knows better."""

    def __init__(
        self,
        client: PlacementClient,
        request: PlanRequest,
        *,
        policy: Policy = Policy(),  # noqa: B008 - frozen
        sensitivity: Sensitivity = Sensitivity(),  # noqa: B008 - frozen
        assumed_horizon_s: float = 120.0,
        apply: Callable[[Plan], None] = lambda _: None,
    ) -> None:
        if request.cluster.link_matrix is not None:
            raise ValueError("links are watched one by one: give cluster.links, not link_matrix")
        self._client, self._request, self._policy, self._apply = client, request, policy, apply
        self._watch = Watch(rates_in(request), sensitivity)
        self._horizon = Horizon(assumed_horizon_s)
        self._layers = self._profiled()
        self.stages: tuple[Stage, ...] = self._first()

    def see(self, reading: Reading) -> Decision | None:
        """Take note of a reading; None while nothing has changed."""
        changed = self._watch.changed(reading)
        if not changed:
            return None
        horizon_s = self._horizon.changed(reading.at_s)
        now = with_rates(self._request, self._watch.rates)
        try:
            running = self._client.evaluate(now, self.stages)
            plan = self._planned(now)
        except (TryLater, PlanFailed):
            return Decision(reading.at_s, Verdict.NOT_KNOWN, changed)
        if not plan.stages:
            return Decision(reading.at_s, Verdict.NO_PLAN, changed, running, plan)
        if _spans(plan.stages) == _spans(self.stages):
            return Decision(reading.at_s, Verdict.SAME, changed, running, plan)
        move = move_between(now, self._layers, self.stages, plan.stages, self._policy)
        judged = balance(now, running, plan, move, horizon_s, self._policy) if running.feasible else None
        if judged is not None and not judged.pays:
            return Decision(reading.at_s, Verdict.TOO_DEAR, changed, running, plan, judged, horizon_s)
        self._apply(plan)
        self.stages = plan.stages
        verdict = Verdict.HAD_TO_MOVE if judged is None else Verdict.MOVED
        return Decision(reading.at_s, verdict, changed, running, plan, judged, horizon_s)

    def _first(self) -> tuple[Stage, ...]:
        plan = self._planned(self._request)
        if not plan.stages:
            raise ValueError(f"there is no placement to begin with: {plan.status}")
        self._apply(plan)
        return plan.stages

    def _planned(self, request: PlanRequest) -> Plan:
        """The best plan; where that takes too long, the best so far."""
        try:
            return self._client.plan(request, wait_s=PATIENCE_S)
        except NotFinished as late:
            return self._client.cancel(late.plan_id)

    def _profiled(self) -> tuple[Layer, ...]:
        """The layers to be placed, derived by the service unless the request gives them."""
        if self._request.model.layers is not None:
            return self._request.model.layers
        asked = self._request.model_dump(mode="json", exclude_unset=True)
        return self._client.profile({**asked["model"], "workload": asked["workload"]}).layers


def _spans(stages: tuple[Stage, ...]) -> list[tuple[str, str, int, int]]:
    return [(stage.node, stage.level, stage.first_layer, stage.stop_layer) for stage in stages]
