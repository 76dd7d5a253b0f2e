"""Run the orchestrator against a service and print its decisions: `python -m examples.orchestrator --url URL`.

Without --measured a script of five minutes is played at once: noise, a dip that is over before it counts, a drop that
hardly matters, one that does, and the recovery.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from examples.orchestrator.moving import Policy
from examples.orchestrator.orchestrator import Decision, Orchestrator
from examples.orchestrator.readings import measured, scripted
from models import Plan, PlanRequest
from models.plan import Metrics
from placement.client import PlacementClient, PlacementError

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the script is played; 2: what was given cannot be used, or the service is away."""
    given = _parser().parse_args(arguments)
    try:
        request = PlanRequest.model_validate_json(given.request.read_bytes())
        policy = Policy(restart_s=given.restart_s, joule_worth=given.joule_worth, stocked=frozenset(given.stocked))
        with PlacementClient(given.url, api_key=os.environ.get("PLACEMENT_API_KEY")) as client:
            applied: list[Plan] = []  # where a deployment would be told
            orchestrator = Orchestrator(
                client, request, policy=policy, assumed_horizon_s=given.assumed_horizon_s, apply=applied.append
            )
            _say(f"{0:6.0f} s  begin with {_figures(applied[0])}")
            readings = scripted(request) if given.measured is None else measured(given.measured, given.every_s)
            for reading in readings:
                decision = orchestrator.see(reading)
                if decision is not None:
                    _say("\n".join(lines_of(decision)))
    except KeyboardInterrupt:
        return 0
    except (PlacementError, ValidationError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - a program for people
        return 2
    return 0


def lines_of(decision: Decision) -> Iterator[str]:
    """A decision for people to read."""
    for (source, target), rate in sorted(decision.changed.items()):
        yield f"{decision.at_s:6.0f} s  {source} -> {target} now carries {rate / 1e6:.1f} Mbit/s"
    if decision.running is not None:
        yield f"          running: {_figures(decision.running)}"
    if decision.plan is not None and decision.plan.stages:
        yield f"          best:    {_figures(decision.plan)}"
    if decision.balance is not None:
        move, judged = decision.balance.move, decision.balance
        yield (
            f"          move:    {move.bytes / 1e6:.0f} MB in {move.seconds:.1f} s for {move.joules:.1f} J; "
            f"gain {judged.gain:.1f} against cost {judged.cost:.1f} in the next {decision.horizon_s:.0f} s"
        )
    yield f"          {decision.verdict}"


def _figures(figures: Metrics) -> str:
    where = ", ".join(f"{stage.node} {stage.first_layer}..{stage.stop_layer}" for stage in figures.stages)
    if figures.latency_s is None:
        return f"{where or 'no stages'}: cannot run"
    return f"{where}: {figures.latency_s:.3f} s, {figures.energy_j or 0.0:.1f} J"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program for people


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.orchestrator", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000", help="of the service; its key, if any, in PLACEMENT_API_KEY")
    add("--request", type=Path, default=HERE / "request.json", help="what is to be placed")
    add("--measured", type=Path, help="folder into which `placement measure link --out` writes; else the script")
    add("--every-s", type=float, default=5.0, help="how often that folder is read")
    add("--assumed-horizon-s", type=float, default=120.0, help="how long rates last, until some changes were seen")
    add("--restart-s", type=float, default=2.0, help="time to load a stage once its weights are there")
    add("--joule-worth", type=float, default=0.0, help="seconds that a joule is worth")
    add("--stocked", nargs="*", default=[], metavar="NODE", help="nodes that hold a copy of all weights")
    return parser


if __name__ == "__main__":
    sys.exit(main())
