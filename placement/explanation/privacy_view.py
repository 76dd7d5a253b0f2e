"""Latency and energy by how many layers have to stay on the source, and what is known of how little that hides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.comparison import Finding, PrivacyPoint, PrivacySweep, PrivacyView
from models.constraints import ObjectiveKind
from models.plan import Plan, Status
from models.profile import LayerKind
from models.request import PlanRequest
from models.stage_span import StageSpan
from placement.explanation.changes import with_part
from placement.problem import Problem
from placement.transformers import profile as expand

MOST_COUNTS = 33
STATEMENT = (
    "No number of layers kept on the terminal is a guarantee: what crosses a cut can still hold the input, attacks "
    "with learned decoders recover text even from deep layers, gradients that come back leak too, and a U-shaped split "
    "keeps the labels at home but not beyond inference. Keeping more layers makes simple attacks harder and costs what "
    "is shown here; protection that can be proven needs other means, such as noise, encryption or trusted nodes."
)
FINDINGS = (
    Finding(
        source="Qu et al. 2025, Prompt Inversion Attack against Collaborative Inference of Large Language Models",
        url="https://arxiv.org/abs/2503.09022",
        says="88.4 % of the tokens of prompts to Llama-65B recovered even behind the most layers that were tried "
        "(22.8 % by earlier attacks).",
        concerns="forward",
    ),
    Finding(
        source="Wan et al. 2024, Information Leakage from Embedding in Large Language Models (Embed Parrot)",
        url="https://arxiv.org/abs/2405.11916",
        says="Simple attacks weaken with depth; a learned one still recovers input from deep layers of ChatGLM-6B and "
        "Llama-2-7B.",
        concerns="forward",
    ),
    Finding(
        source="Chen et al. 2024, Unveiling the Vulnerability of Private Fine-Tuning in Split-Based Frameworks (BiSR)",
        url="https://arxiv.org/abs/2409.00960",
        says="In split fine-tuning both the activations that leave and the gradients that return give the text away.",
        concerns="backward",
    ),
    Finding(
        source="SDAR 2023, Passive Inference Attacks on Split Learning",
        url="https://arxiv.org/abs/2310.10483",
        says="U-shaped splits leak too: images reconstructed at split level 7 on CIFAR-10, and more than 98 % of the "
        "labels inferred.",
        concerns="labels",
    ),
    Finding(
        source="Golden Partition Zone 2025",
        url="https://arxiv.org/abs/2506.15412",
        says="In image models some layers hide four times more than their neighbours (by reconstruction error); depth "
        "alone does not decide.",
        concerns="forward",
    ),
)
"""Read as abstracts or code, not reproduced by us; figures are the authors'."""


@dataclass(frozen=True)
class SweepStep:
    """One split to look at, as a request."""

    head_layers: int
    tail_layers: int
    request: PlanRequest


def steps_of(problem: Problem, sweep: PrivacySweep) -> list[SweepStep]:
    """Every split that fits the model, the least restricted first."""
    layers = problem.layer_count
    heads = sweep.head_layers
    if heads is None:
        least = min(problem.head_layers, 1) if problem.head_layers else 0
        span = layers - least
        count = min(MOST_COUNTS, span + 1)
        heads = tuple(sorted({least + round(span * step / max(1, count - 1)) for step in range(count)}))
    return [
        SweepStep(head, tail, with_part(problem.request, "privacy", head_layers=head, tail_layers=tail).request)
        for tail in sorted(set(sweep.tail_layers))
        for head in sorted(set(heads))
        if head <= layers and tail <= layers
    ]


def privacy_view(steps: list[SweepStep], solve: Callable[[PlanRequest], Plan]) -> PrivacyView:
    """Solve the steps in turn. A plan that keeps more layers than it has to is the best for these counts too.

    That holds where the objective of a plan does not depend on what other plans reach: for single metrics, and for
    lexicographic orders without tolerance.
    """
    points: list[PrivacyPoint] = []
    latest: Plan | None = None
    tail = -1
    for step in steps:
        if step.tail_layers != tail:
            latest, tail = None, step.tail_layers
        if latest is None or not _covers(latest, step):
            latest = solve(step.request)
        points.append(_point(step, latest))
    return PrivacyView(points=tuple(points), statement=STATEMENT, findings=FINDINGS)


def _covers(plan: Plan, step: SweepStep) -> bool:
    """Whether a plan proven best for fewer layers keeps these as well; or whether none existed for fewer."""
    if plan.status is Status.INFEASIBLE:
        return True
    objective = step.request.objective
    if objective.kind is ObjectiveKind.WEIGHTED or objective.tolerance:
        return False
    first = plan.stages[0] if plan.stages else None
    if plan.status is not Status.OPTIMAL or first is None or first.node != step.request.workload.source:
        return False
    return first.stop_layer >= step.head_layers


def _point(step: SweepStep, plan: Plan) -> PrivacyPoint:
    layers = expand(step.request.model, step.request.workload).layers
    return PrivacyPoint(
        head_layers=step.head_layers,
        tail_layers=step.tail_layers,
        blocks_on_source=sum(layer.kind is LayerKind.BLOCK for layer in layers[: step.head_layers]),
        status=plan.status,
        proven=plan.status in {Status.OPTIMAL, Status.INFEASIBLE},
        latency_s=plan.latency_s,
        energy_j=plan.energy_j,
        objective=plan.objective,
        bound=plan.bound,
        stages=spans_of(plan),
    )


def spans_of(plan: Plan) -> tuple[StageSpan, ...]:
    """A plan's stages by their places."""
    return tuple(
        StageSpan(node=stage.node, level=stage.level, first_layer=stage.first_layer, stop_layer=stage.stop_layer)
        for stage in plan.stages
    )
