"""The catalogue: devices, links and Transformers with their sources. Read once, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from typing import TypeVar

from models.base import Fault, InvalidInput
from models.catalogue import DeviceEntry, LinkEntry, TransformerEntry
from placement.catalogue.devices import build_devices
from placement.catalogue.links import build_links
from placement.catalogue.transformers import build_transformers

__all__ = ["device", "devices", "link", "links", "transformer", "transformers"]

_Entry = TypeVar("_Entry", DeviceEntry, LinkEntry, TransformerEntry)


@cache
def devices() -> tuple[DeviceEntry, ...]:
    """Every device."""
    return build_devices()


@cache
def links() -> tuple[LinkEntry, ...]:
    """Every kind of link."""
    return build_links()


@cache
def transformers() -> tuple[TransformerEntry, ...]:
    """Every Transformer."""
    return build_transformers()


def device(entry_id: str) -> DeviceEntry:
    """The device of that id; `InvalidInput` names near matches."""
    return _lookup("device", entry_id, devices())


def link(entry_id: str) -> LinkEntry:
    """The link of that id; `InvalidInput` names near matches."""
    return _lookup("link", entry_id, links())


def transformer(entry_id: str) -> TransformerEntry:
    """The Transformer of that id; `InvalidInput` names near matches."""
    return _lookup("model", entry_id, transformers())


def _lookup(what: str, entry_id: str, entries: Iterable[_Entry]) -> _Entry:
    by_id = {entry.id: entry for entry in entries}
    if entry_id in by_id:
        return by_id[entry_id]
    near = get_close_matches(entry_id.lower(), by_id, n=5, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(by_id)}"
    shown = entry_id if entry_id.isprintable() and entry_id.isascii() and len(entry_id) <= 60 else "of that name"
    message = f"catalogue: no {what} {shown}; {hint}"
    raise InvalidInput([Fault("", "unknown_catalogue_entry", message, None, near or list(by_id))])
