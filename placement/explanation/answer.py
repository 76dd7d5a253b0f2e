"""What a request asks to have explained, within the time that it keeps for that."""

from __future__ import annotations

from models.explanation import Explain, Explanation
from placement.explanation.forcing import unused_nodes_of
from placement.explanation.sensitivity import sensitivity_of
from placement.explanation.stability import stability_of
from placement.explanation.yardstick import Questioner


def explained(explanation: Explanation, asked: Explain, questioner: Questioner) -> Explanation:
    """The explanation with the parts that were asked for; each gets an equal share of the time left."""
    parts = asked.sensitivity + asked.unused_nodes + asked.stability
    found: dict[str, object] = {}

    def share() -> float:
        return questioner.search.seconds_left / max(1, parts - len(found))

    if asked.sensitivity:
        found["sensitivity"] = sensitivity_of(questioner, share())
    if asked.unused_nodes:
        found["unused_nodes"] = unused_nodes_of(questioner, share())
    if asked.stability:
        found["stability"] = stability_of(questioner, share(), asked.resolution)
    return explanation.model_copy(update={**found, "notes": tuple(_notes(questioner, asked))})


def _notes(questioner: Questioner, asked: Explain) -> list[str]:
    notes = []
    yardstick = questioner.yardstick
    if yardstick.metric is None:
        notes.append("the weighted objective is measured by the request's own single optima, also under changes")
    if yardstick.held:
        held = ", ".join(metric.value for metric, _ in yardstick.held)
        notes.append(f"effects are on the last metric of the order; {held} is held to what the plan was allowed")
    if not questioner.proven:
        notes.append("the plan itself is not proven the best, so effects are ranges")
        if asked.stability:
            notes.append("stability was not sought: a plan that is not proven the best has no such range")
    if questioner.solver is not questioner.search.solver:
        notes.append(f"solved again by {questioner.solver.name}, since the request's backend does not use the graph")
    if questioner.search.cancelled():
        notes.append("cancelled: what is missing was not asked")
    elif questioner.search.out_of_time:
        notes.append("the time ran out: some questions are answered by what was known until then, or not at all")
    return notes
