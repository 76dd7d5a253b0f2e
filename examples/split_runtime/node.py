"""One node of a plan on a real machine.

Started on every machine with the same two files:
    python -m examples.split_runtime.node --me edge-1 --rendezvous HOST:PORT plan.json request.json

The source listens on the rendezvous port; the others call it there until it answers. Then all of them run the plan, as
fast as their machines are, and each prints what it saw.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from pydantic import ValidationError

from examples.split_runtime.job import Job, NotRunnable
from examples.split_runtime.planned_job import Runs, job_of
from models.base import InvalidInput
from models.plan import Plan
from models.profile import ModelSpec
from models.request import PlanRequest


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the plan ran; 1: the others did not come, or have other files; 2: this node's input cannot be used."""
    try:
        import torch.distributed as dist
    except ImportError:
        return _refuse("torch is not installed; it comes with the extra: pip install .[run]", 2)
    given = _parser().parse_args(arguments)
    try:
        host, port = given.rendezvous.rsplit(":", 1)
        files = [given.plan, given.request, *([given.model] if given.model is not None else [])]
        texts = [file.read_bytes() for file in files]
        runs = Runs(given.iterations)
        plan, request = Plan.model_validate_json(texts[0]), PlanRequest.model_validate_json(texts[1])
        job = job_of(request, plan, runs, ModelSpec.model_validate_json(texts[2]) if texts[2:] else None)
        _run(given, (host, int(port)), hashlib.sha256(b"\0".join(texts)).hexdigest(), job)
    except (OSError, ValueError, ValidationError, InvalidInput, NotRunnable) as error:
        return _refuse(str(error), 2)
    except (dist.DistError, RuntimeError) as error:
        return _refuse(str(error), 1)
    return 0


def _run(given: argparse.Namespace, meeting_point: tuple[str, int], digest: str, job: Job) -> None:
    import torch.distributed as dist

    from examples.split_runtime.member import Member
    from examples.split_runtime.report import of_one_node

    names = (job.source, *(node for node in job.nodes if node != job.source))
    if given.me not in names:
        raise NotRunnable(f"{given.me} has no part in this plan; its nodes are {', '.join(names)}")
    patience = timedelta(seconds=given.patience)
    is_source = given.me == job.source
    store = dist.TCPStore(*meeting_point, len(names), is_master=is_source, timeout=patience, wait_for_workers=False)
    _agree(store, given.me, names, f"{digest}/{given.iterations}")
    member = Member(given.me, names, store, given.interface, given.threads)
    sys.stdout.write(of_one_node(job, member.run(job)))
    sys.stdout.flush()
    member.leave()


def _agree(store: object, me: str, names: Sequence[str], digest: str) -> None:
    """Wait for all nodes, and refuse to run with different files."""
    from torch.distributed import TCPStore

    assert isinstance(store, TCPStore)
    store.set(f"files/{me}", digest)
    for name in names:
        if store.get(f"files/{name}").decode() != digest:
            raise RuntimeError(f"{name} has another plan, request or number of iterations than {me}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.split_runtime.node")
    parser.add_argument("plan", type=Path, help="the answer of POST /plan or placement plan; the same on every node")
    parser.add_argument("request", type=Path, help="the request that it answers; the same on every node")
    parser.add_argument("--me", required=True, help="this machine's node id in the request")
    parser.add_argument("--rendezvous", required=True, help="HOST:PORT on which the source listens")
    parser.add_argument("--interface", default="eth0", help="network interface towards the other nodes (eth0)")
    parser.add_argument(
        "--model",
        type=Path,
        help="JSON of the model object (huggingface_config, ...) where the request has measured layers",
    )
    parser.add_argument("--iterations", type=int, default=3, help="iterations or requests that are timed (3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch, as when the model was measured (1)")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds to wait for the other nodes (300)")
    return parser


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
