"""Server-sent events: from lines to what happened to a plan, and from a stream that broke to the next one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from placement.client.errors import Unavailable, UnexpectedAnswer
from placement.client.exchanges import Exchanges
from placement.client.retries import REPEATED_ERRORS
from placement.client.steps import Call, Pause, Tell, Telling, next_line
from placement.client.waiting import path_of

LAST = "done"
"""The event behind which nothing follows."""


@dataclass(frozen=True, slots=True)
class PlanEvent:
    """Something that happened to a plan."""

    number: int
    """From 1 on; to listen again behind this event give it as `after`."""
    name: str
    """queued, started, incumbent, bound or done; later releases may know more."""
    data: Mapping[str, Any]
    """As docs/api.md says, by name."""


class EventReader:
    """Puts events together from the lines of one stream (WHATWG HTML, 9.2.6)."""

    def __init__(self) -> None:
        self.retry_s: float | None = None
        """How long to wait before the stream is opened again, if the service said so."""
        self._number: int | None = None
        self._name = ""
        self._data: list[str] = []

    def read(self, line: str) -> PlanEvent | None:
        """The event that the line completes. Events without a number concern the stream, not the plan: left out."""
        if not line:
            return self._completed()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            self._number = int(value) if value.isascii() and value.isdecimal() else None
        elif name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "retry" and value.isascii() and value.isdecimal():
            self.retry_s = int(value) / 1000
        return None

    def _completed(self) -> PlanEvent | None:
        number, name, text = self._number, self._name, "\n".join(self._data)
        self._number, self._name, self._data = None, "", []
        if number is None or not text:
            return None
        try:
            data = json.loads(text)
        except ValueError:
            raise UnexpectedAnswer(f"event {number} ({name}) holds no JSON") from None
        return PlanEvent(number, name or "message", data)


@dataclass(slots=True)
class _Heard:
    """How far a listener is."""

    after: int
    ended: bool = False
    alive: bool = False
    """Whether the stream that is open told anything, be it that nothing happened."""


class Listening:
    """Listens to plans, again and again, until there is nothing more to hear."""

    def __init__(self, exchanges: Exchanges, clock: Callable[[], float]) -> None:
        self._exchanges = exchanges
        self._clock = clock

    def told(self, plan_id: str, after: int) -> Telling[PlanEvent]:
        """Tell every event behind the number `after`, each once, through breaks and restarts, to the last one."""
        heard, path = _Heard(after), f"{path_of(plan_id)}/events"
        failures, since_s = 0, self._clock()
        while True:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(heard.after)} if heard.after else {})
            reply = yield from self._exchanges.opened(Call("GET", path, headers))
            if reply.status == 204:
                return
            reader = EventReader()
            heard.alive = False
            yield from _listen(reader, heard)
            if heard.ended:
                return
            failures, since_s = (1, self._clock()) if heard.alive else (failures + 1, since_s)
            pause_s = self._exchanges.pause_s(failures, reader.retry_s)
            if self._clock() + pause_s >= since_s + self._exchanges.retries.deadline_s:
                raise Unavailable(f"GET {path}: the stream of events broke {failures} times in a row")
            yield Pause(pause_s)


def _listen(reader: EventReader, heard: _Heard) -> Telling[PlanEvent]:
    """Tell the events of one stream until it ends or breaks."""
    try:
        while (line := (yield from next_line())) is not None:
            event = reader.read(line)
            heard.alive = heard.alive or line.startswith(":") or event is not None
            if event is not None and event.number > heard.after:
                heard.after, heard.ended = event.number, event.name == LAST
                yield Tell(event)
                if heard.ended:
                    return
    except REPEATED_ERRORS:
        return
