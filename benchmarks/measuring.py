"""Measures one request with one contestant, in a process of its own so that peak memory is that request's."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from benchmarks.apart import Failed, apart, peak_bytes
from benchmarks.contestants import RULES, TEXTBOOK
from benchmarks.families import Case
from benchmarks.instances import heterogeneous
from benchmarks.peers import PEERS
from benchmarks.traces import Trace, trace_of
from models.plan import Evaluation
from models.request import EvaluateRequest, PlanRequest
from placement import warm_up
from placement.cost_model import compile_problem
from placement.problem import Placement, Problem
from placement.solver import Progress, evaluate, plan


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run took and answered. Times in s, memory in bytes; `error` says why there is no answer."""

    family: str
    instance: str
    seed: int
    contestant: str
    layers: int | None = None
    nodes: int | None = None
    status: str | None = None
    """As the planner says it; of a rule: feasible, or no_plan_found."""
    termination: str | None = None
    objective_kind: str | None = None
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    solve_s: float | None = None
    """Graph, bounds, cuts and the backend's own search; of a textbook formulation, which needs no graph, the search."""
    request_s: float | None = None
    """JSON in, plan, JSON out."""
    cpu_s: float | None = None
    """Processor time of the whole request, all threads: waits for a busy machine do not count."""
    peak_bytes: int | None = None
    """Largest resident set of the process, libraries included."""
    stages: int | None = None
    """Of the plan."""
    sizes: tuple[tuple[str, int], ...] = ()
    """Counted work."""
    baselines: tuple[tuple[str, float | None], ...] = ()
    """Every simple rule with its objective, None where its placement breaks a limit."""
    references: tuple[tuple[str, float], ...] = ()
    """weighted: the single optima that the objective is made of."""
    trace: Trace = field(default_factory=Trace)
    error: str | None = None

    @property
    def proven(self) -> bool:
        """Whether the plan is proven optimal."""
        return self.status == "optimal"


def blank_of(case: Case, contestant: str) -> Measurement:
    """Nothing measured yet."""
    layers, nodes = (case.size.layers, case.size.nodes) if case.size is not None else (None, None)
    return Measurement(case.family, case.instance, case.seed, contestant, layers, nodes)


def request_of(case: Case, backend: str, time_limit_s: float) -> bytes:
    """The case as the JSON that a caller would send."""
    settings = case.body.get("solver", {}) | {"backend": backend, "time_limit_s": time_limit_s, "seed": case.seed}
    return json.dumps(case.body | {"solver": settings}).encode()


def measure(case: Case, contestant: str, time_limit_s: float) -> Measurement:
    """Measure in this process; whatever goes wrong is an exception."""
    found = _rule(case, contestant) if contestant in RULES else _backend(case, contestant, time_limit_s)
    return replace(found, peak_bytes=peak_bytes())


def _backend(case: Case, backend: str, time_limit_s: float) -> Measurement:
    sent = request_of(case, backend, time_limit_s)
    events: list[Progress] = []
    begin, begin_cpu = time.perf_counter(), time.process_time()
    answer = plan(PlanRequest.model_validate_json(sent), on_progress=events.append)
    answer.model_dump_json()
    request_s, cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
    seconds = answer.solver.seconds
    graph_s = 0.0 if backend in TEXTBOOK else seconds.get("graph", 0.0)
    replayed = case.body["workload"].get("schedule") == "1f1b"
    return replace(
        blank_of(case, backend),
        status=answer.status.value,
        termination=answer.termination,
        objective_kind=answer.objective_kind.value,
        objective=answer.objective,
        bound=answer.bound,
        gap=answer.gap,
        solve_s=seconds["solve"] + graph_s,
        request_s=request_s,
        cpu_s=cpu_s,
        stages=len(answer.stages) or None,
        sizes=tuple(answer.solver.sizes.items()),
        baselines=tuple((row.name, row.objective if row.feasible else None) for row in answer.baselines),
        references=tuple((term.metric.value, term.reference) for term in answer.objective_terms),
        # 1f1b mixes bounds on replays with values of the formula that ranks
        trace=Trace() if replayed else trace_of(events),
    )


def _rule(case: Case, name: str) -> Measurement:
    """A rule's placement, scored by the planner's own evaluator; weighted objectives are scored later."""
    sent = request_of(case, "auto", 1.0)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    problem = compile_problem(PlanRequest.model_validate_json(sent))
    compiled = time.perf_counter()
    placement = PEERS[name](problem)
    solve_s = time.perf_counter() - compiled
    scored = None if placement is None else score(case.body, problem, placement)
    request_s, cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
    feasible = scored is not None and scored.feasible
    figures = (("latency", scored.latency_s), ("energy", scored.energy_j)) if scored is not None and feasible else ()
    return replace(
        blank_of(case, name),
        status="feasible" if feasible else "no_plan_found",
        objective_kind=problem.request.objective.kind.value,
        objective=scored.objective if scored is not None and feasible else None,
        solve_s=solve_s,
        request_s=request_s,
        cpu_s=cpu_s,
        stages=None if placement is None else len(placement),
        references=tuple((metric, value) for metric, value in figures if value is not None),
    )


def score(body: dict[str, Any], problem: Problem, placement: Placement) -> Evaluation:
    """POST /plan:evaluate of a placement; weighted and lexicographic objectives have no value of their own there."""
    stages = [
        {
            "node": problem.node_ids[problem.node_of(stage)],
            "level": problem.options[stage.option].level,
            "first_layer": stage.first,
            "stop_layer": stage.stop,
        }
        for stage in placement
    ]
    return evaluate(EvaluateRequest.model_validate(body | {"stages": stages}))


def weighted_value(rule: Measurement, optimum: Measurement) -> float | None:
    """Half of latency / T* and half of energy / E*, with the optimum's T* and E*; None where one is unknown."""
    own, single = dict(rule.references), dict(optimum.references)
    if not own or set(own) != set(single):
        return None
    return sum(0.5 * own[metric] / single[metric] for metric in own)


def measure_apart(case: Case, contestant: str, time_limit_s: float) -> Measurement:
    """As `measure`, in a fresh process that is warmed up as a service is before it opens its socket."""
    try:
        return apart(_warm_measure, (case, contestant, time_limit_s), time_limit_s)
    except Failed as failure:
        return replace(blank_of(case, contestant), error=str(failure))


def _warm_measure(case: Case, contestant: str, time_limit_s: float) -> Measurement:
    warm_up()
    measure(Case("warm-up", "4x2", 0, heterogeneous(4, 2, 0)), contestant, time_limit_s)
    return measure(case, contestant, time_limit_s)


def as_json(run: Measurement) -> dict[str, Any]:
    """All fields as JSON."""
    return asdict(run)


def from_json(fields: dict[str, Any]) -> Measurement:
    """The same measurement again."""
    pairs = {name: tuple(tuple(pair) for pair in fields[name]) for name in ("sizes", "baselines", "references")}
    trace = Trace(tuple(tuple(entry) for entry in fields["trace"]["entries"]), fields["trace"]["refuted"])
    return Measurement(**{**fields, **pairs, "trace": trace})
