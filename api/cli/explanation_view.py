"""Why a plan is what it is, for people: sentences, and what would change it as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from api.cli import formats, placement_view
from api.cli.names import plain
from api.cli.tables import add_figures, add_names, add_sentences, table
from models.explanation import Explanation
from models.infeasibility import Attempt, Infeasibility, Relaxation
from models.plan import Plan


def show_explained(plan: Plan, console: Console) -> None:
    """Print the explanation of a plan, whatever of it was asked for."""
    if plan.explanation is not None:
        for part in parts(plan.explanation, console):
            console.print(part)


def why(explanation: Explanation) -> Iterator[RenderableType]:
    """The sentences that every plan has."""
    yield Text("Why", "bold")
    yield placement_view.listing(("-", sentence) for sentence in explanation.summary)
    yield ""


def parts(explanation: Explanation, console: Console) -> Iterator[RenderableType]:
    """Sentences, contributions, and what was found by solving again."""
    yield from why(explanation)
    yield from _contributions(explanation, console)
    if explanation.sensitivity is not None:
        yield from _told(
            "What would improve the plan",
            ((effect.message, _proven(proven=effect.proven)) for effect in explanation.sensitivity),
            console,
        )
    if explanation.unused_nodes:
        yield from _told(
            "Why nodes are not used",
            ((node.message, _proven(proven=node.proven)) for node in explanation.unused_nodes),
            console,
        )
    if explanation.stability:
        yield from _told(
            "Over which bandwidths the plan stays the best",
            ((link.message, str(link.method)) for link in explanation.stability),
            console,
        )
    yield from placement_view.notes(explanation.notes)


def _contributions(explanation: Explanation, console: Console) -> Iterator[RenderableType]:
    shown = table("What every part adds", ascii_only=console.options.ascii_only)
    add_names(shown, "part")
    add_figures(shown, "latency", "share", "energy", "share", "memory")
    for node in explanation.nodes:
        shown.add_row(
            plain(node.id),
            formats.seconds(node.latency_s),
            formats.percent(node.latency_share),
            formats.joules(node.energy_j),
            formats.percent(node.energy_share),
            formats.percent(node.memory_share),
        )
    for link in explanation.links:
        shown.add_row(
            f"{plain(link.source)} -> {plain(link.target)}",
            formats.seconds(link.latency_s),
            formats.percent(link.latency_share),
            formats.joules(link.energy_j),
            formats.percent(link.energy_share),
            "",
        )
    yield shown
    yield Text("the energy of links is part of their nodes'", "dim")
    yield ""


def _told(title: str, rows: Iterable[tuple[str, str]], console: Console) -> Iterator[RenderableType]:
    shown = table(title, ascii_only=console.options.ascii_only)
    add_sentences(shown, "")
    add_names(shown, "")
    for sentence, known in rows:
        shown.add_row(plain(sentence, 1000), known)
    yield shown
    yield ""


def _proven(*, proven: bool) -> str:
    return "proven" if proven else "open"


def infeasibility(found: Infeasibility, console: Console) -> Iterator[RenderableType]:
    """The conflict, and what would make a plan exist."""
    if found.conflict is not None:
        yield Text(plain(found.conflict.message, 1000))
        yield ""
    if found.relaxations:
        yield from _relaxations("What would make a plan exist (any one of these)", found.relaxations, console)
    for combination in found.combinations:
        yield from _relaxations("What would make a plan exist (all of these together)", combination.parts, console)


def attempt(tried: Attempt) -> Iterator[RenderableType]:
    """What was tried in vain."""
    yield Text(plain(tried.message, 2000))
    yield ""


def _relaxations(title: str, relaxations: Iterable[Relaxation], console: Console) -> Iterator[RenderableType]:
    shown = table(title, ascii_only=console.options.ascii_only)
    add_names(shown, "limit")
    add_sentences(shown, "change")
    add_figures(shown, "now", "needed")
    add_names(shown, "")
    for change in relaxations:
        factor = change.subject is None and change.constraint in {"memory_bytes", "energy_budget_j"}
        now, needed = (
            formats.times(value) if factor else formats.by_field(change.constraint, value)
            for value in (change.available, change.required)
        )
        shown.add_row(
            plain(change.constraint),
            plain(change.message, 1000),
            now,
            needed,
            "verified" if change.verified else "estimate",
        )
    yield shown
    yield ""
