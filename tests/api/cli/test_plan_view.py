from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from api.cli.plan_view import show_evaluation, show_plan
from models import Plan, PlanRequest
from models.constraints import Metric, ObjectiveKind
from models.infeasibility import Infeasibility, Violation
from models.plan import Baseline, ObjectiveTerm, PassSeconds, Simulated, Status, Termination, Transfer
from tests.api.cli import samples

NAMES_THAT_ARE_LONG = tuple(f"node-with-a-long-name-{number:02}-in-rack-{number // 8}" for number in range(64))


def console(width: int = 80, **options: Any) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False, **options)


def shown(plan: Plan, width: int = 80, *, brief: bool = False, request: PlanRequest | None = None) -> str:
    screen = console(width)
    show_plan(plan, request or samples.request(), screen, brief=brief)
    return screen.file.getvalue()


def line(text: str, start: str) -> str:
    return next(one for one in text.splitlines() if one.startswith(start))


def test_the_first_line_says_what_is_proven() -> None:
    assert shown(samples.plan()).splitlines()[0] == "OPTIMAL  latency 1.93 s, bound 1.93 s, gap 0 %"


def test_a_feasible_plan_says_its_gap_and_why_the_search_ended() -> None:
    plan = samples.plan(status=Status.FEASIBLE, termination=Termination.TIME_LIMIT, bound=1.8, gap=0.067)
    first, second = shown(plan).splitlines()[:2]
    assert first == "FEASIBLE  latency 1.93 s, bound 1.80 s, gap 6.7 %"
    assert second == "stopped at the time limit; solved by milp (HiGHS 1.12.0), 420 ms"


@pytest.mark.parametrize("termination", list(Termination))
def test_every_reason_to_stop_has_its_sentence(termination: Termination) -> None:
    assert len(shown(samples.plan(termination=termination)).splitlines()[1]) > 30


def test_figures_carry_units_of_people() -> None:
    text = shown(samples.plan())
    assert line(text, "Latency").split()[1:] == ["1.93", "s", "per", "iteration"]
    assert line(text, "Energy").split()[1:] == ["75.0", "J", "per", "iteration"]
    assert line(text, "Throughput").split()[1:] == ["2.07", "micro-batches/s"]
    assert line(text, "Bottleneck").split(maxsplit=1)[1].strip() == "node server, busy 300 ms"


def test_in_inference_figures_are_per_request() -> None:
    request = samples.request(workload={"kind": "inference", "source": "phone"})
    text = shown(samples.plan(), request=request)
    assert line(text, "Latency").strip().endswith("per request")
    assert "requests/min" in line(text, "Throughput") or "requests/s" in line(text, "Throughput")


def test_a_stage_shows_node_layers_busy_times_memory_and_transfer() -> None:
    text = shown(samples.plan(), width=140)
    assert line(text, "1  jetson").split() == [
        "1", "jetson", "21..42", "100", "ms", "200", "ms", "30.0", "ms",
        "█████▌░░░░", "2.20", "/", "4.00", "GiB", "25.0", "ms", "2.00", "MiB",
    ]  # fmt: skip


def test_operating_points_are_shown_once_a_stage_has_one() -> None:
    slow = samples.stages_of(("phone",))[0].model_copy(update={"level": "15W"})
    assert "15W" in shown(samples.plan(("phone",), stages=(slow,)))
    assert "level" not in shown(samples.plan())


def test_relays_are_named() -> None:
    first, second = samples.stages_of(("phone", "server"))
    hop = Transfer(route=("phone", "router", "server"), forward_bytes=1e6, forward_s=0.1)
    plan = samples.plan(("phone", "server"), stages=(first.model_copy(update={"transfer_to_next": hop}), second))
    assert "stage 0 sends through router" in shown(plan)


def test_a_pass_that_the_workload_lacks_has_no_column() -> None:
    stage = samples.stages_of(("phone",))[0].model_copy(update={"busy_s": PassSeconds(forward=0.1, decode=0.01)})
    heads = line(shown(samples.plan(("phone",), stages=(stage,))), "#")
    assert "decode" in heads
    assert "backward" not in heads


def test_nodes_without_work_are_listed_but_have_no_row() -> None:
    text = shown(samples.plan())
    assert line(text, "not used") == "not used: spare"


def test_weights_of_energy_are_shown_once_they_matter() -> None:
    nodes = samples.node_uses(("phone", "server"))
    weighted = (nodes[0], nodes[1].model_copy(update={"energy_weight": 0.0}))
    assert "weight" in shown(samples.plan(("phone", "server"), nodes=weighted))
    assert "weight" not in shown(samples.plan())


def test_baselines_stand_beside_the_plan_with_their_ratio() -> None:
    text = shown(samples.plan())
    assert line(text, "even split").split()[-1] == "2.00x"
    assert line(text, "this plan").split()[-1] == "1.00x"


def test_an_infeasible_baseline_says_why() -> None:
    assert "infeasible: phone needs 3.1 GiB more memory" in shown(samples.plan(), width=140)


def test_for_throughput_the_ratio_is_the_share_that_a_baseline_reaches() -> None:
    plan = samples.plan(objective_kind=ObjectiveKind.THROUGHPUT)
    assert line(shown(plan), "even split").split()[-1] == "0.5x"


def test_a_lexicographic_plan_is_compared_by_its_first_metric() -> None:
    terms = (
        ObjectiveTerm(metric=Metric.ENERGY, value=75.0, reference=75.0, proven=True),
        ObjectiveTerm(metric=Metric.LATENCY, value=2.0, reference=1.5, proven=False),
    )
    baseline = Baseline(name="even_split", feasible=True, latency_s=9.0, energy_j=300.0, objective=9.0)
    kind = ObjectiveKind.LEXICOGRAPHIC
    text = shown(samples.plan(objective_kind=kind, objective=2.0, objective_terms=terms, baselines=(baseline,)))
    assert text.startswith("OPTIMAL  lexicographic 2.00 s")
    assert line(text, "even split").split()[-1] == "4.00x"
    assert "latency: 2.00 s, alone at best 1.50 s (best known)" in text


def test_a_weighted_plan_is_compared_by_its_objective() -> None:
    baseline = Baseline(name="even_split", feasible=True, latency_s=9.0, energy_j=300.0, objective=3.0)
    plan = samples.plan(objective_kind=ObjectiveKind.WEIGHTED, objective=1.0, baselines=(baseline,))
    assert line(shown(plan), "even split").split()[-1] == "3.00x"


def test_infeasible_says_what_is_required_what_is_there_and_what_would_help() -> None:
    text = shown(samples.infeasible_plan())
    assert text.startswith("INFEASIBLE\n")
    assert line(text, "memory_bytes").split()[-4:] == ["5.30", "GiB", "4.00", "GiB"]
    assert line(text, "max_latency_s").split()[-5:] == ["500", "ms", "840", "ms", "verified"]


def test_no_plan_found_still_says_the_bound() -> None:
    assert shown(samples.no_plan()).startswith("NO PLAN FOUND  bound 400 ms\nstopped at the time limit")


def test_a_replay_that_differs_from_the_formula_says_both() -> None:
    replayed = Simulated(latency_s=2.5, formula_latency_s=2.0, note="the source is visited twice")
    assert "2.50 s, the formula says 2.00 s: the source is visited twice" in shown(
        samples.plan(simulated=replayed), 120
    )


def test_brief_leaves_the_status_and_the_stages() -> None:
    text = shown(samples.plan(), brief=True)
    assert text.startswith("OPTIMAL")
    assert "Stages" in text
    assert "Timeline" not in text
    assert "Nodes" not in text


@pytest.mark.parametrize("width", [60, 80, 140])
def test_sixty_four_nodes_of_long_names_keep_every_number_whole(width: int) -> None:
    request = samples.request(NAMES_THAT_ARE_LONG)
    text = shown(samples.plan(NAMES_THAT_ARE_LONG), width, request=request)
    assert max(map(len, text.splitlines())) <= width
    if width >= 80:
        row = line(text, "63  ")
        assert "63..64" in row
        assert "100 ms" in row
        assert "200 ms" in row
        assert "GiB" in row


def test_markup_in_a_name_is_printed_as_it_is() -> None:
    nodes = ("[bold]phone[/bold]", ":rocket:")
    text = shown(samples.plan(nodes), 140, request=samples.request(nodes))
    assert "[bold]phone[/bold]" in text
    assert ":rocket:" in text


def test_colour_is_used_on_a_terminal_and_left_out_elsewhere() -> None:
    coloured = console(force_terminal=True, color_system="standard")
    show_plan(samples.plan(), samples.request(), coloured)
    assert "\x1b[" in coloured.file.getvalue()
    assert "\x1b[" not in shown(samples.plan())


def test_no_color_keeps_colours_out_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = console(force_terminal=True, color_system="standard")
    show_plan(samples.plan(), samples.request(), screen)
    text = screen.file.getvalue()
    assert not any(f"\x1b[{colour}m" in text for colour in range(30, 38))


def test_an_evaluation_says_which_rules_are_broken() -> None:
    broken = Violation(constraint="max_latency_s", message="the latency is too long", required=2.0, available=1.0)
    screen = console()
    show_evaluation(samples.evaluation(feasible=False, violations=(broken,)), samples.request(), screen)
    text = screen.file.getvalue()
    assert text.startswith("INFEASIBLE  latency 2.00 s\n")
    assert line(text, "max_latency_s").split()[-4:] == ["2.00", "s", "1.00", "s"]
    assert "Stages" in text


def test_reasons_of_an_infeasible_plan_without_relaxations_stand_alone() -> None:
    reason = Violation(constraint="pinned", message="layer 3 cannot be anywhere")
    plan = samples.infeasible_plan().model_copy(update={"infeasibility": Infeasibility(reasons=(reason,))})
    text = shown(plan)
    assert "layer 3 cannot be anywhere" in text
    assert "What would make" not in text
