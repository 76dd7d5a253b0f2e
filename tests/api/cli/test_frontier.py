"""`placement frontier`: options, exit codes, tables and the chart."""

from __future__ import annotations

import io
import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import examples
from api.cli.engine import Engine
from api.cli.frontier_view import show_frontier
from api.cli.scatter import scatter
from models import Frontier, FrontierRequest
from models.constraints import Backend
from models.frontier import FrontierTermination, OpenInterval
from models.plan import Status
from tests.api.cli import frontier_samples, samples
from tests.api.cli.runs import run


class Tracer:
    """Answers every request with one frontier, and remembers what it was asked."""

    def __init__(self, answer: Frontier) -> None:
        self.answer = answer
        self.asked: list[FrontierRequest] = []

    def __call__(self, request: FrontierRequest, **_: Any) -> Frontier:
        self.asked.append(request)
        return self.answer


NONE = {"points": (), "knee": None, "ideal": None, "nadir": None, "complete": False}
INFEASIBLE = frontier_samples.frontier(
    **NONE, status=Status.INFEASIBLE, termination=FrontierTermination.INFEASIBLE,
    infeasibility=samples.infeasible_plan().infeasibility,
)  # fmt: skip
NOTHING_FOUND = frontier_samples.frontier(
    **NONE, status=Status.NO_PLAN_FOUND, termination=FrontierTermination.TIME_LIMIT
)


def shown(frontier: Frontier, *, brief: bool = False, width: int = 100) -> str:
    written = io.StringIO()
    show_frontier(frontier, Console(file=written, width=width), brief=brief)
    return written.getvalue()


@pytest.mark.parametrize(
    ("answer", "code"),
    [(frontier_samples.frontier(), 0), (frontier_samples.open_frontier(), 0), (INFEASIBLE, 3), (NOTHING_FOUND, 4)],
    ids=["optimal", "feasible", "infeasible", "no_plan_found"],
)
def test_the_exit_code_says_how_the_search_ended(request_file: str, answer: Frontier, code: int) -> None:
    assert run("frontier", request_file, engine=Engine(frontier=Tracer(answer))).exit_code == code


def test_with_json_stdout_holds_the_frontier_and_nothing_else(request_file: str) -> None:
    result = run("frontier", request_file, "--json", engine=Engine(frontier=Tracer(frontier_samples.frontier())))
    assert Frontier.model_validate_json(result.stdout) == frontier_samples.frontier()


def test_output_writes_the_frontier_to_a_file_beside_the_tables(request_file: str, tmp_path: Path) -> None:
    written = tmp_path / "frontier.json"
    result = run(
        "frontier", request_file, "-o", str(written), engine=Engine(frontier=Tracer(frontier_samples.frontier()))
    )
    assert Frontier.model_validate_json(written.read_text()) == frontier_samples.frontier()
    assert result.stdout.startswith("OPTIMAL")


def test_a_place_that_cannot_be_written_is_refused_before_solving(request_file: str, tmp_path: Path) -> None:
    tracer = Tracer(frontier_samples.frontier())
    result = run("frontier", request_file, "-o", str(tmp_path / "absent" / "f.json"), engine=Engine(frontier=tracer))
    assert (result.exit_code, tracer.asked) == (2, [])


def test_options_replace_what_the_request_says_and_leave_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(samples.request_body(frontier={"max_points": 9}, solver={"seed": 5})))
    tracer = Tracer(frontier_samples.frontier())
    options = ("--epsilon", "0.05", "--backend", "cp_sat", "--time-limit", "3")
    run("frontier", str(file), *options, engine=Engine(frontier=tracer))
    [asked] = tracer.asked
    assert (asked.frontier.epsilon, asked.frontier.max_points) == (0.05, 9)
    assert (asked.solver.backend, asked.solver.time_limit_s, asked.solver.seed) == (Backend.CP_SAT, 3.0, 5)
    run("frontier", str(file), "--max-points", "4", engine=Engine(frontier=tracer))
    assert tracer.asked[1].frontier.max_points == 4


def test_an_option_out_of_range_is_refused_with_its_place(request_file: str) -> None:
    result = run(
        "frontier", request_file, "--epsilon", "2", engine=Engine(frontier=Tracer(frontier_samples.frontier()))
    )
    assert result.exit_code == 2
    assert "/frontier/epsilon: must be at most 1" in result.stderr


def test_an_interrupt_prints_what_is_known_so_far(request_file: str) -> None:
    def tracer(request: FrontierRequest, *, cancelled: Callable[[], bool], **_: Any) -> Frontier:
        signal.raise_signal(signal.SIGINT)
        pause = threading.Event()
        while not cancelled():
            pause.wait(0.01)
        return frontier_samples.open_frontier().model_copy(update={"termination": FrontierTermination.CANCELLED})

    result = run("frontier", request_file, engine=Engine(frontier=tracer))
    assert result.exit_code == 0
    assert "cancelled; this is what is known so far" in result.stdout


def test_the_real_planner_answers_the_example_by_hand() -> None:
    [example] = [e for e in examples.of(examples.Purpose.FRONTIER) if e.name == "two-nodes-by-hand"]
    result = run("frontier", "-", "--quiet", stdin=example.read().decode())
    assert result.exit_code == 0
    assert result.stdout.startswith("OPTIMAL  3 points, latency 350 ms to 2.10 s, energy 10.5 J to 13.1 J")


def test_the_table_names_figures_proof_weights_and_stages_of_every_point() -> None:
    rows = [" ".join(line.split()) for line in shown(frontier_samples.frontier()).splitlines() if "phone 0..10" in line]
    assert rows == [
        "0 1.00 s 10.0 J 1.00/s yes 0.8..1 phone 0..10 > server@eco 10..20",
        "knee 1 2.00 s 3.00 J 30.0/min yes 0..0.8 phone 0..10 > jetson@eco 10..20",
        "2 4.00 s 2.50 J 15.0/min yes none phone 0..10",
    ]


def test_what_is_open_is_listed_with_its_bounds() -> None:
    text = shown(frontier_samples.open_frontier())
    assert "FEASIBLE  2 points" in text
    assert "stopped at the time limit" in text
    assert "gap 25 %" in text
    intervals = text.split("Where further points may lie")[1].splitlines()[3:5]
    assert [line.split() for line in intervals] == [
        ["1.00", "s", "4.00", "s", "1.50", "J", "10.0", "J"],
        ["4.00", "s", "-", "1.50", "J", "2.00", "J"],
    ]


def test_many_intervals_are_counted_rather_than_listed() -> None:
    one = OpenInterval(latency_low_s=1.0, latency_high_s=4.0, energy_low_j=1.5, energy_high_j=10.0)
    assert "and 5 more" in shown(frontier_samples.open_frontier().model_copy(update={"open_intervals": (one,) * 25}))


def test_a_cover_says_how_close_it_is() -> None:
    assert "every plan is within 5.0 % of one of these" in shown(frontier_samples.frontier(epsilon=0.05))


def test_infeasible_says_why_and_what_would_help() -> None:
    text = shown(INFEASIBLE)
    assert text.startswith("INFEASIBLE")
    assert "jetson needs 1.3 GiB more memory" in text
    assert "Points" not in text


def test_brief_leaves_out_chart_and_notes() -> None:
    text = shown(frontier_samples.frontier(), brief=True)
    assert "◆" not in text
    assert "Notes" not in text
    assert "Points" in text


def chart(frontier: Frontier, width: int, *, ascii_only: bool = False) -> list[str]:
    return [line.plain for line in scatter(frontier, width, ascii_only=ascii_only)]


def test_the_chart_puts_the_fastest_point_top_left_the_thriftiest_bottom_right_and_the_knee_where_it_belongs() -> None:
    """32 columns for 3 s and 12 rows for 7.5 J: (2, 3) is in column 10 and in row 0 from below."""
    lines = chart(frontier_samples.frontier(), 40)
    assert lines[0] == "10.0 J │●"
    assert lines[11] == "2.50 J │" + " " * 10 + "◆" + " " * 20 + "●"
    assert lines[12] == "       └" + "─" * 32
    assert lines[13] == "        1.00 s" + "4.00 s".rjust(26)
    assert lines[14] == "        ● proven  ◆ knee"
    assert all(len(line) <= 40 for line in lines)


def test_the_chart_in_ascii_dots_what_is_open_and_tells_unproven_points_apart() -> None:
    lines = chart(frontier_samples.open_frontier(), 40, ascii_only=True)
    assert lines[0] == "10.0 J |o" + "." * 31
    assert lines[11] == "2.00 J |" + "." * 31 + "*"
    assert lines[14] == "        * proven  o not proven  . open: further points may lie here"
    assert all(line.isascii() for line in lines)


def test_a_point_in_the_knees_cell_does_not_hide_it() -> None:
    points = frontier_samples.frontier().points
    close = frontier_samples.frontier_point(2.001, 2.999, ("phone",))
    lines = chart(frontier_samples.frontier(points=(*points[:2], close, points[2])), 40)
    assert lines[11] == "2.50 J │" + " " * 10 + "◆" + " " * 20 + "●"


def test_one_point_needs_no_chart() -> None:
    alone = frontier_samples.frontier(points=frontier_samples.frontier().points[:1], knee=None)
    assert chart(alone, 40) == []
    assert "OPTIMAL  1 point, latency 1.00 s, energy 10.0 J" in shown(alone)
