"""Memory in front of the store: what was asked lately, and proven answers ready to be sent."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from api.plans.answers import Asked

MOST_ASKED = 4096
"""Requests whose facts are remembered by the hash of their bytes; a few hundred bytes each."""


class AskedBefore:
    """What requests say, by the hash of their bytes: a request that comes again need not be checked again."""

    def __init__(self, most: int = MOST_ASKED) -> None:
        self._most = most
        self._known: OrderedDict[bytes, Asked] = OrderedDict()

    def get(self, digest: bytes) -> Asked | None:
        """What the bytes of this hash ask for, if they were found sound lately."""
        asked = self._known.get(digest)
        if asked is not None:
            self._known.move_to_end(digest)
        return asked

    def put(self, digest: bytes, asked: Asked) -> None:
        """Remember a sound request; the one that was not asked for longest is forgotten."""
        self._known[digest] = asked
        self._known.move_to_end(digest)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class ProvenAnswer:
    """An answer that holds for every request of the same content."""

    plan_id: str
    status: str
    answer: bytes
    ended_at: datetime
    marked: bool = False
    """Whether the answer says so already; it is marked when it is asked for first."""


class ProvenAnswers:
    """Answers by owner and content, the least recently used forgotten first; bounded by their bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], ProvenAnswer] = OrderedDict()

    def get(self, owner: str, content_key: str) -> ProvenAnswer | None:
        """The owner's answer to this content."""
        found = self._kept.get((owner, content_key))
        if found is not None:
            self._kept.move_to_end((owner, content_key))
        return found

    def put(self, owner: str, content_key: str, proven: ProvenAnswer) -> None:
        """Keep an answer, unless it alone is larger than all that may be kept."""
        self._drop((owner, content_key))
        if len(proven.answer) > self._most_bytes:
            return
        self._kept[owner, content_key] = proven
        self._bytes += len(proven.answer)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def forget(self, plan_ids: set[str]) -> None:
        """Plans that are no longer kept by the store answer nothing any more."""
        for key in [key for key, proven in self._kept.items() if proven.plan_id in plan_ids]:
            self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= len(dropped.answer)
