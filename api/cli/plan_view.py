"""A plan for people: what is proven, what it costs, which layers run where, and what simpler rules would give."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from api.cli import explanation_view, formats, placement_view
from api.cli.names import plain
from api.cli.tables import add_figures, add_names, add_sentences, table
from models.constraints import Metric, ObjectiveKind
from models.infeasibility import Infeasibility, Violation
from models.plan import Baseline, Evaluation, Plan, Status, Termination
from models.request import PlanRequest

HEADLINES = {
    Status.OPTIMAL: ("OPTIMAL", "bold green"),
    Status.FEASIBLE: ("FEASIBLE", "bold yellow"),
    Status.INFEASIBLE: ("INFEASIBLE", "bold red"),
    Status.NO_PLAN_FOUND: ("NO PLAN FOUND", "bold red"),
    Status.QUEUED: ("QUEUED", "dim"),
    Status.RUNNING: ("RUNNING", "dim"),
}
_ENDINGS: dict[Termination | None, str] = {
    None: "the search has not ended",
    Termination.OPTIMAL: "the proof is complete: no plan is better",
    Termination.INFEASIBLE: "the proof is complete: no plan exists",
    Termination.GAP: "stopped at the gap that was asked for",
    Termination.TIME_LIMIT: "stopped at the time limit",
    Termination.CANCELLED: "cancelled; this is the best plan found so far",
    Termination.MEMORY_LIMIT: "stopped at the memory limit",
    Termination.WORKER_LOST: "the solver's process was lost",
    Termination.REPLAY: "best by the formula; its replayed time stays above the proven bound",
}


def show_plan(plan: Plan, request: PlanRequest, console: Console, *, brief: bool = False) -> None:
    """Print the plan; `brief` leaves only the status and the stages."""
    for part in _parts(plan, request, console, brief=brief):
        console.print(part)


def _parts(plan: Plan, request: PlanRequest, console: Console, *, brief: bool) -> Iterator[RenderableType]:
    yield from _proof(plan)
    if plan.infeasibility is not None:
        yield from infeasibility(plan.infeasibility, console)
    if plan.attempt is not None:
        yield from explanation_view.attempt(plan.attempt)
    if brief:
        yield from placement_view.stages(plan, request, console)
        return
    yield from placement_view.figures(plan, request)
    yield from placement_view.stages(plan, request, console)
    yield from placement_view.timeline(plan, console)
    yield from placement_view.nodes(plan, console)
    yield from placement_view.links(plan, console)
    yield from _baselines(plan, console)
    if plan.explanation is not None:
        yield from explanation_view.why(plan.explanation)
    yield from placement_view.notes(plan.notes)


def _proof(plan: Plan) -> Iterator[RenderableType]:
    """Status, objective, bound, gap, and why the search ended."""
    word, style = HEADLINES[plan.status]
    last = plan.objective_terms[-1].metric if plan.objective_terms else None
    line = Text.assemble((word, style))
    said = [f"{plan.objective_kind} {formats.objective(plan.objective_kind, plan.objective, last)}"]
    if plan.objective is None:
        said = []
    if plan.bound is not None:
        said.append(f"bound {formats.objective(plan.objective_kind, plan.bound, last)}")
    if plan.gap is not None:
        said.append(f"gap {formats.percent(plan.gap)}")
    yield line.append("  " + ", ".join(said) if said else "")
    report = plan.solver
    took = f"{report.backend} ({report.version}), {formats.seconds(report.seconds.get('total'))}"
    yield Text(f"{_ENDINGS[plan.termination]}; solved by {took}", "dim")
    for term in plan.objective_terms:
        known = "proven" if term.proven else "best known"
        yield Text(
            f"{term.metric}: {formats.metric(term.metric, term.value)}, "
            f"alone at best {formats.metric(term.metric, term.reference)} ({known})"
        )
    yield ""


def infeasibility(why: Infeasibility, console: Console) -> Iterator[RenderableType]:
    """Reasons, and what would make a plan exist."""
    yield from _violations("Why no plan exists", why.reasons, console)
    yield from explanation_view.infeasibility(why, console)


def _violations(title: str, violations: tuple[Violation, ...], console: Console) -> Iterator[RenderableType]:
    shown = table(title, ascii_only=console.options.ascii_only)
    add_names(shown, "rule")
    add_sentences(shown, "what is broken")
    add_figures(shown, "required", "available")
    for broken in violations:
        shown.add_row(
            plain(broken.constraint),
            plain(broken.message, 1000),
            formats.by_field(broken.constraint, broken.required),
            formats.by_field(broken.constraint, broken.available),
        )
    yield shown
    yield ""


def _baselines(plan: Plan, console: Console) -> Iterator[RenderableType]:
    if not plan.baselines:
        return
    metric = _compared(plan)
    heading = f"{'objective' if metric is None else metric} against the plan's"
    shown = table("Beside simpler rules", ascii_only=console.options.ascii_only)
    add_names(shown, "rule")
    add_figures(shown, "latency", "energy", "throughput")
    add_sentences(shown, heading if plan.stages else "")
    if plan.stages:
        shown.add_row(
            Text("this plan", "bold"),
            formats.seconds(plan.latency_s),
            formats.joules(plan.energy_j),
            formats.rate(plan.throughput_per_s),
            formats.times(1.0),
        )
    for baseline in plan.baselines:
        shown.add_row(
            plain(baseline.name).replace("_", " "),
            formats.seconds(baseline.latency_s),
            formats.joules(baseline.energy_j),
            formats.rate(baseline.throughput_per_s),
            _comparison(baseline, plan, metric),
        )
    yield shown
    yield ""


def _compared(plan: Plan) -> Metric | None:
    """The metric by which baselines are compared; None for a weighted sum."""
    if plan.objective_kind is ObjectiveKind.WEIGHTED:
        return None
    if plan.objective_kind is ObjectiveKind.LEXICOGRAPHIC:
        return plan.objective_terms[0].metric if plan.objective_terms else Metric.LATENCY
    return Metric(plan.objective_kind.value)


def _comparison(baseline: Baseline, plan: Plan, metric: Metric | None) -> Text:
    """How many times the plan's figure (throughput: which share of it), or why the rule gives no plan."""
    if not baseline.feasible:
        reasons = "; ".join(plain(reason, 1000) for reason in baseline.reasons) or "no reason given"
        return Text.assemble(("infeasible: ", "red"), reasons)
    ours, theirs = (_figure(side, metric) for side in (plan, baseline))
    return Text(formats.times(theirs / ours if ours and theirs is not None else None))


def _figure(side: Baseline | Plan, metric: Metric | None) -> float | None:
    figures = {
        None: side.objective,
        Metric.LATENCY: side.latency_s,
        Metric.ENERGY: side.energy_j,
        Metric.THROUGHPUT: side.throughput_per_s,
    }
    return figures[metric]


def show_evaluation(evaluation: Evaluation, request: PlanRequest, console: Console) -> None:
    """Print the score of the caller's own stages: first whether they are allowed, then what they cost."""
    for part in _evaluation_parts(evaluation, request, console):
        console.print(part)


def _evaluation_parts(evaluation: Evaluation, request: PlanRequest, console: Console) -> Iterator[RenderableType]:
    word, style = ("FEASIBLE", "bold green") if evaluation.feasible else ("INFEASIBLE", "bold red")
    said = formats.objective(request.objective.kind, evaluation.objective, _last_metric(request))
    yield Text.assemble((word, style), f"  {request.objective.kind} {said}" if evaluation.objective is not None else "")
    yield ""
    if evaluation.violations:
        yield from _violations("Rules that these stages break", evaluation.violations, console)
    yield from placement_view.figures(evaluation, request)
    yield from placement_view.stages(evaluation, request, console)
    yield from placement_view.timeline(evaluation, console)
    yield from placement_view.nodes(evaluation, console)
    yield from placement_view.links(evaluation, console)
    yield from placement_view.notes(evaluation.notes)


def _last_metric(request: PlanRequest) -> Metric:
    return (request.objective.order or (Metric.LATENCY, Metric.ENERGY))[-1]
