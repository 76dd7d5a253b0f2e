"""Reads the packaged facts and resolves their source keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from models.catalogue import Measurement, Provenance, Source

BACKGROUND = "BG"
_BACKGROUND_NOTE = "background knowledge, not looked up"

Facts = Mapping[str, Any]


def packaged(name: str) -> Any:
    """The content of one packaged JSON file."""
    return json.loads((files(__package__) / name).read_text(encoding="utf-8"))


@cache
def sources() -> dict[str, Source]:
    """Every source by its key."""
    return {key: Source(key=key, **entry) for key, entry in packaged("sources.json").items()}


def provenance(facts: Facts, *, key: str = "sources") -> Provenance:
    """Sources and weakness of a fact; background knowledge is always weak."""
    found = tuple(sources()[name] for name in facts[key])
    weak = facts.get("weak")
    if weak is None and any(source.key == BACKGROUND for source in found):
        weak = _BACKGROUND_NOTE
    return Provenance(sources=found, weak=weak)


def joined(*origins: Provenance | None, weak: str | None = None) -> dict[str, Any]:
    """Provenance of a figure derived from others: all their sources, and everything that weakens one of them."""
    given = [origin for origin in origins if origin is not None]
    found = {source.key: source for origin in given for source in origin.sources}
    notes = dict.fromkeys(note for note in (*(origin.weak for origin in given), weak) if note is not None)
    return {"sources": tuple(found.values()), "weak": "; ".join(notes) or None}


def measurements(entries: Iterable[Facts]) -> tuple[Measurement, ...]:
    """Measurements as reported."""
    return tuple(
        Measurement(what=e["what"], values=tuple(e["values"]), unit=e["unit"], **dict(provenance(e))) for e in entries
    )
