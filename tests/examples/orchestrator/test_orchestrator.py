"""The orchestrator against the service with its planner: what it does in the scripted five minutes, and in trouble."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.orchestrator.__main__ import HERE, main
from examples.orchestrator.orchestrator import Decision, Horizon, Orchestrator, Verdict
from examples.orchestrator.readings import Reading, measured, rates_in, scripted, with_rates
from models import PlanRequest
from placement.client import PlacementClient, Retries
from placement.solver import plan
from tests.api.conftest import app_with
from tests.api.served import served


def planner(request: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Any:
    return plan(request, cancelled=cancelled)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app_with(plan=planner)) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[PlacementClient]:
    with PlacementClient(url) as client:
        yield client


@pytest.fixture(scope="module")
def request_() -> PlanRequest:
    return PlanRequest.model_validate_json((HERE / "request.json").read_bytes())


def dropped(factor: float, *ends: tuple[str, str]) -> Callable[[PlanRequest], Iterator[Reading]]:
    """Ten seconds in which these links carry that much of what they did."""

    def readings(request: PlanRequest) -> Iterator[Reading]:
        rates = rates_in(request) | {each: rates_in(request)[each] * factor for each in ends}
        return (Reading(float(second), rates) for second in range(10))

    return readings


def first_decision(orchestrator: Orchestrator, readings: Iterator[Reading]) -> Decision:
    return next(decision for reading in readings if (decision := orchestrator.see(reading)) is not None)


def test_the_script_is_decided_as_the_guide_says(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", url]) == 0
    said = capsys.readouterr().out
    shown = (HERE.parents[1] / "docs/client.md").read_text().split("```text\n")[1].split("```")[0]
    assert said == shown


def test_only_changes_that_matter_are_asked_about(client: PlacementClient, request_: PlanRequest) -> None:
    applied: list[Any] = []
    orchestrator = Orchestrator(client, request_, apply=applied.append)
    decisions = [decision for reading in scripted(request_) if (decision := orchestrator.see(reading)) is not None]
    assert [decision.verdict for decision in decisions] == [Verdict.TOO_DEAR, Verdict.MOVED, Verdict.MOVED]
    places = [[(stage.node, stage.first_layer) for stage in plan.stages] for plan in applied]
    assert len(places) == 3
    assert places[0] == places[2] != places[1]
    assert orchestrator.stages == applied[2].stages


def test_a_change_that_leaves_the_best_plan_is_no_reason_to_move(
    client: PlacementClient, request_: PlanRequest
) -> None:
    orchestrator = Orchestrator(client, request_)
    decision = first_decision(orchestrator, dropped(0.7, ("phone", "street"), ("street", "phone"))(request_))
    assert decision.verdict is Verdict.SAME


def test_a_placement_that_keeps_its_limits_no_longer_is_left_at_any_price(
    client: PlacementClient, request_: PlanRequest
) -> None:
    limited = request_.model_copy(
        update={"constraints": request_.constraints.model_copy(update={"max_latency_s": 0.9})}
    )
    orchestrator = Orchestrator(client, limited, assumed_horizon_s=1.0)
    decision = first_decision(orchestrator, dropped(0.05, ("phone", "edge"), ("edge", "phone"))(limited))
    assert (decision.verdict, decision.running.feasible) == (Verdict.HAD_TO_MOVE, False)


def test_where_no_placement_keeps_the_limits_the_running_one_stays(
    client: PlacementClient, request_: PlanRequest
) -> None:
    limited = request_.model_copy(
        update={"constraints": request_.constraints.model_copy(update={"max_latency_s": 0.4})}
    )
    orchestrator = Orchestrator(client, limited)
    before = orchestrator.stages
    decision = first_decision(orchestrator, dropped(0.05, *rates_in(limited))(limited))
    assert (decision.verdict, orchestrator.stages) == (Verdict.NO_PLAN, before)


def test_a_service_that_is_away_changes_nothing(url: str, request_: PlanRequest) -> None:
    away: list[bool] = []
    through = httpx.HTTPTransport()

    def answer(asked: httpx.Request) -> httpx.Response:
        if away:
            raise httpx.ConnectError("refused")
        said = through.handle_request(asked)
        return httpx.Response(said.status_code, headers=said.headers, content=said.read())

    with (
        through,
        PlacementClient(url, retries=Retries(deadline_s=0.1), transport=httpx.MockTransport(answer)) as client,
    ):
        orchestrator = Orchestrator(client, request_)
        before = orchestrator.stages
        away.append(True)
        decision = first_decision(orchestrator, scripted(request_))
    assert (decision.verdict, orchestrator.stages) == (Verdict.NOT_KNOWN, before)


def test_measured_links_are_read_from_files(tmp_path: Path) -> None:
    link = {"source": "a", "target": "b", "bandwidth_bits_per_s": 1e6, "reverse_bandwidth_bits_per_s": 2e6}
    (tmp_path / "one.json").write_text(json.dumps({"link": link, "report": {}}))
    (tmp_path / "other.json").write_text(json.dumps({"source": "b", "target": "c", "bandwidth_bits_per_s": "3Mbit/s"}))
    (tmp_path / "half.json").write_text('{"link": {"sou')
    slept: list[float] = []
    readings = measured(tmp_path, 7.0, clock=lambda: sum(slept), sleep=slept.append)
    first, second = next(readings), next(readings)
    assert first.rates == {("a", "b"): 1e6, ("b", "a"): 2e6, ("b", "c"): 3e6, ("c", "b"): 3e6}
    assert (first.at_s, second.at_s) == (0, 7)


def test_rates_are_put_into_the_request(request_: PlanRequest) -> None:
    changed = with_rates(request_, {("edge", "phone"): 5e6})
    assert rates_in(changed) == rates_in(request_) | {("edge", "phone"): 5e6}


def test_the_horizon_is_the_mean_time_between_changes() -> None:
    horizon = Horizon(assumed_s=120.0)
    assert [horizon.changed(at_s) for at_s in (60.0, 120.0)] == [90.0, 80.0]


@pytest.mark.parametrize("arguments", [["--request", "missing.json"], ["--url", "nowhere"]])
def test_what_cannot_be_used_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err
