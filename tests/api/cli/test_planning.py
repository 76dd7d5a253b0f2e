from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli.engine import Engine
from models import Fault, InvalidInput, Plan, PlanRequest
from models.constraints import Backend, ObjectiveKind
from models.plan import Status, Termination
from tests.api.cli import samples
from tests.api.cli.runs import run


class Solver:
    """Answers every request with one plan, and remembers what it was asked."""

    def __init__(self, answer: Plan) -> None:
        self.answer = answer
        self.asked: list[PlanRequest] = []

    def __call__(self, request: PlanRequest, **_: Any) -> Plan:
        self.asked.append(request)
        return self.answer


def bad(tmp_path: Path, **parts: Any) -> str:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(samples.request_body(**parts)))
    return str(path)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (samples.plan(), 0),
        (samples.plan(status=Status.FEASIBLE, termination=Termination.TIME_LIMIT), 0),
        (samples.infeasible_plan(), 3),
        (samples.no_plan(), 4),
    ],
    ids=["optimal", "feasible", "infeasible", "no_plan_found"],
)
def test_the_exit_code_says_how_planning_ended(request_file: str, answer: Plan, code: int) -> None:
    assert run("plan", request_file, engine=Engine(plan=Solver(answer))).exit_code == code


def test_a_plan_is_shown_as_tables(request_file: str) -> None:
    result = run("plan", request_file, engine=Engine(plan=Solver(samples.plan())))
    assert result.stdout.startswith("OPTIMAL  latency 1.93 s")
    assert "Timeline" in result.stdout
    assert result.stderr == ""


def test_with_json_stdout_holds_the_plan_and_nothing_else(request_file: str) -> None:
    plan = samples.plan()
    result = run("plan", request_file, "--json", engine=Engine(plan=Solver(plan)))
    assert Plan.model_validate_json(result.stdout) == plan


def test_the_request_is_read_from_standard_input() -> None:
    solver = Solver(samples.plan())
    assert run("plan", "-", stdin=json.dumps(samples.request_body()), engine=Engine(plan=solver)).exit_code == 0
    assert solver.asked == [samples.request()]


def test_output_writes_the_plan_to_a_file_beside_the_tables(request_file: str, tmp_path: Path) -> None:
    written = tmp_path / "plan.json"
    result = run("plan", request_file, "--output", str(written), engine=Engine(plan=Solver(samples.plan())))
    assert Plan.model_validate_json(written.read_text()) == samples.plan()
    assert result.stdout.startswith("OPTIMAL")


def test_a_place_that_cannot_be_written_is_refused_before_solving(request_file: str, tmp_path: Path) -> None:
    solver = Solver(samples.plan())
    result = run("plan", request_file, "-o", str(tmp_path / "absent" / "plan.json"), engine=Engine(plan=solver))
    assert (result.exit_code, solver.asked) == (2, [])


def test_options_replace_what_the_request_says(request_file: str) -> None:
    solver = Solver(samples.plan())
    options = ("--backend", "cp_sat", "--time-limit", "3", "--objective", "energy")
    run("plan", request_file, *options, engine=Engine(plan=solver))
    [asked] = solver.asked
    assert (asked.solver.backend, asked.solver.time_limit_s) == (Backend.CP_SAT, 3.0)
    assert asked.objective.kind is ObjectiveKind.ENERGY


def test_the_objective_of_the_same_kind_keeps_its_details(tmp_path: Path) -> None:
    solver = Solver(samples.plan())
    file = bad(tmp_path, objective={"kind": "weighted", "latency_weight": 0.9})
    run("plan", file, "--objective", "weighted", engine=Engine(plan=solver))
    assert solver.asked[0].objective.latency_weight == 0.9


def test_an_option_out_of_range_is_refused_with_its_place(request_file: str) -> None:
    result = run("plan", request_file, "--time-limit", "-1", engine=Engine(plan=Solver(samples.plan())))
    assert result.exit_code == 2
    assert "/solver/time_limit_s: must be more than 0" in result.stderr


def test_every_fault_is_named_with_pointer_and_message_on_stderr(tmp_path: Path) -> None:
    file = bad(tmp_path, workload={"kind": "inference", "source": "nobody"}, constraints={"pinned": {"1": "nowhere"}})
    result = run("plan", file, engine=Engine(plan=Solver(samples.plan())))
    assert (result.exit_code, result.stdout) == (2, "")
    assert '/workload/source: workload.source: unknown node nobody (unknown_node; given "nobody")' in result.stderr
    assert "/constraints/pinned/1: constraints.pinned: unknown node nowhere" in result.stderr


def test_faults_that_show_while_solving_are_bad_input_too(request_file: str) -> None:
    def solver(request: PlanRequest, **_: Any) -> Plan:
        raise InvalidInput([Fault("/model/huggingface_config", "unknown_architecture", "known are llama and gpt2")])

    result = run("plan", request_file, engine=Engine(plan=solver))
    assert result.exit_code == 2
    assert "known are llama and gpt2" in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"cluster": ', "cannot be read as JSON"),
        (b"", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[1]", "must be an object"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b'{"model": NaN}', "/model: must be an object"),
        (b'{"a": 1, "a": 2}', "/a: this name is given twice"),
    ],
)
def test_what_is_not_a_request_is_bad_input(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "request.json"
    path.write_bytes(content)
    result = run("plan", str(path), engine=Engine(plan=Solver(samples.plan())))
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("command", ["plan", "evaluate", "profile"])
def test_a_file_that_does_not_exist_is_bad_input(command: str, tmp_path: Path) -> None:
    result = run(command, str(tmp_path / "absent.json"))
    assert result.exit_code == 2
    assert "absent.json: No such file or directory" in result.stderr


def test_an_internal_error_ends_with_one(request_file: str) -> None:
    def solver(request: PlanRequest, **_: Any) -> Plan:
        raise RuntimeError("mismatch between claim and referee")

    assert run("plan", request_file, engine=Engine(plan=solver)).exit_code == 1


def test_an_interrupt_asks_the_solver_to_stop_and_its_best_plan_is_printed(request_file: str) -> None:
    def solver(request: PlanRequest, *, cancelled: Callable[[], bool], **_: Any) -> Plan:
        signal.raise_signal(signal.SIGINT)
        pause = threading.Event()
        while not cancelled():
            pause.wait(0.01)
        return samples.plan(status=Status.FEASIBLE, termination=Termination.CANCELLED, bound=1.0, gap=0.48)

    result = run("plan", request_file, engine=Engine(plan=solver))
    assert result.exit_code == 0
    assert result.stdout.startswith("FEASIBLE  latency 1.93 s, bound 1.00 s, gap 48 %")
    assert "best plan found so far" in result.stdout
    assert "Ctrl-C again to give up" in result.stderr


def test_a_second_interrupt_ends_the_command(request_file: str) -> None:
    hold = threading.Event()

    def solver(request: PlanRequest, *, cancelled: Callable[[], bool], **_: Any) -> Plan:
        signal.raise_signal(signal.SIGINT)
        while not cancelled():
            hold.wait(0.01)
        signal.raise_signal(signal.SIGINT)
        hold.wait(30)
        return samples.plan()

    result = run("plan", request_file, engine=Engine(plan=solver))
    hold.set()
    assert result.exit_code == 130
    assert result.stdout == ""


def test_the_interrupt_handler_is_given_back(request_file: str) -> None:
    before = signal.getsignal(signal.SIGINT)
    run("plan", request_file, engine=Engine(plan=Solver(samples.plan())))
    assert signal.getsignal(signal.SIGINT) is before
