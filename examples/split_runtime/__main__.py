"""Run a plan on this machine, with emulated nodes and links: `python -m examples.split_runtime plan.json request.json`.

The nodes' shares of a core follow their compute rates in the request, the links their rates and latencies. Layer times
and links are measured first, then the cost model is asked, then the plan is run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from models.base import InvalidInput
from models.plan import Plan
from models.profile import ModelSpec
from models.request import PlanRequest


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the plan ran; 2: files that cannot be used, or a plan that cannot be run."""
    try:
        import torch  # noqa: F401  (asked for by name, before anything needs it)
    except ImportError:
        return _refuse("torch is not installed; it comes with the extra: pip install .[run]")
    from examples.split_runtime.job import NotRunnable

    given = _parser().parse_args(arguments)
    try:
        request = PlanRequest.model_validate_json(given.request.read_bytes())
        plan = Plan.model_validate_json(given.plan.read_bytes())
        model = ModelSpec.model_validate_json(given.model.read_bytes()) if given.model is not None else None
        _run(given, request, plan, model)
    except (OSError, ValidationError, InvalidInput, NotRunnable) as error:
        return _refuse(str(error))
    return 0


def _run(given: argparse.Namespace, request: PlanRequest, plan: Plan, model: ModelSpec | None) -> None:
    from examples.split_runtime.fleet import Fleet
    from examples.split_runtime.planned_job import Runs, job_of
    from examples.split_runtime.prediction import links_of, measured_request, predict, shapes_of
    from examples.split_runtime.protocol import Ground
    from examples.split_runtime.report import told

    job = job_of(request, plan, Runs(given.iterations), model)
    shapes, links = shapes_of(request, plan), links_of(request)
    with Fleet([node.id for node in request.cluster.nodes], given.ground and Ground(given.ground)) as fleet:
        fleet.shape(shapes, links)
        shares = ", ".join(f"{name} {shape.share:.2f}" for name, shape in shapes.items())
        _say(
            f"{len(shapes)} nodes ({fleet.ground.value}); shares of a core: {shares}\nmeasuring layers and links ...\n"
        )
        pairs = [(link.source, link.target) for link in links]
        measured = measured_request(
            request, model or request.model, fleet.measure_layers(job), fleet.measure_links(pairs)
        )
        predicted = predict(measured, job)
        _say("running ...\n\n")
        _say(told(job, fleet.run(job), predicted))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.split_runtime", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("plan", type=Path, help="the answer of POST /plan or placement plan")
    parser.add_argument("request", type=Path, help="the request that it answers")
    parser.add_argument(
        "--model",
        type=Path,
        help="JSON of the model object (huggingface_config, ...) where the request has measured layers",
    )
    parser.add_argument("--iterations", type=int, default=3, help="iterations or requests that are timed (3)")
    parser.add_argument(
        "--ground", choices=("namespaces", "loopback"), help="where links are emulated (namespaces if they can be made)"
    )
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _refuse(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
