"""Everything that a caller can ask for, as steps; both clients offer it with these arguments and docstrings."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack, overload
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel

from models import CompareRequest, Comparison, Evaluation, Frontier, Plan, PlanRequest, Profile
from models.catalogue import DeviceEntry, LinkEntry, TransformerEntry
from models.export import Export, FormatEntry, FormatList
from models.profile_request import ProfileRequest
from models.service import (
    Limits,
    LinkCatalogue,
    Liveness,
    ModelCatalogue,
    NodeCatalogue,
    PlanEntry,
    PlanList,
    Readiness,
    RequestSummary,
)
from placement.client.bodies import A, AnyStage, D, Handle, PlanPage, body_of, body_with_stages, read
from placement.client.errors import InvalidRequest, UnexpectedAnswer
from placement.client.exchanges import Exchanges
from placement.client.exporting import Exportable, ExportSettings, export_call
from placement.client.filters import PlanFilters, params_of
from placement.client.listening import Listening, PlanEvent
from placement.client.retries import Surroundings, Timeouts
from placement.client.steps import Call, Steps, Tell, Telling
from placement.client.waiting import Seen, Waiting, path_of

Json = Mapping[str, Any]
_PATHS: Mapping[type, str] = {Plan: "/plan", Frontier: "/frontier", Comparison: "/plan:compare"}
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class _Asking:
    """How a plan is asked for."""

    key: str | None
    """Idempotency-Key; None: a new one."""
    fresh: bool

    def headers(self, waits_s: int) -> dict[str, str]:
        """Of a request for a plan that is waited for so long."""
        key = uuid.uuid4().hex if self.key is None else self.key
        if not _KEY.fullmatch(key):
            raise InvalidRequest("idempotency_key: must be 1 to 255 printable ASCII characters")
        said = {**_JSON, "Idempotency-Key": key, "Prefer": f"respond-async, wait={waits_s}"}
        return said | {"Cache-Control": "no-cache"} if self.fresh else said


class Operations:
    """The operations of one client. They keep nothing, so that threads and tasks may share them."""

    def __init__(self, exchanges: Exchanges, timeouts: Timeouts, surroundings: Surroundings) -> None:
        self._exchanges = exchanges
        self._waiting = Waiting(exchanges, timeouts.poll_s, surroundings.clock)
        self._listening = Listening(exchanges, surroundings.clock)

    def plan(
        self,
        request: PlanRequest | Json,
        *,
        wait_s: float | None = None,
        idempotency_key: str | None = None,
        fresh: bool = False,
    ) -> Steps[Plan]:
        """The best plan, once it has ended; through restarts of the service, and solved once however often it is asked.

        `wait_s`: raise `NotFinished` after that time; the plan goes on. `idempotency_key`: a name for the request, so
        that a program that was restarted comes back to the same plan. `fresh`: solve, though the answer may be known.
        """
        return self._solved(Plan, request, _Asking(idempotency_key, fresh), wait_s)

    def frontier(
        self,
        request: PlanRequest | Json,
        *,
        wait_s: float | None = None,
        idempotency_key: str | None = None,
        fresh: bool = False,
    ) -> Steps[Frontier]:
        """Every trade-off of latency and energy that no plan beats; arguments as of `plan`."""
        return self._solved(Frontier, request, _Asking(idempotency_key, fresh), wait_s)

    def compare(
        self,
        request: CompareRequest | Json,
        *,
        wait_s: float | None = None,
        idempotency_key: str | None = None,
        fresh: bool = False,
    ) -> Steps[Comparison]:
        """A request under variants, side by side; arguments as of `plan`."""
        return self._solved(Comparison, request, _Asking(idempotency_key, fresh), wait_s)

    def submit(
        self, request: PlanRequest | Json, *, idempotency_key: str | None = None, fresh: bool = False
    ) -> Steps[Handle[Plan]]:
        """Have a plan solved and do not wait for it: the handle is for `wait`, `events`, `cancel` and `get`."""
        return self._submitted(Plan, request, _Asking(idempotency_key, fresh))

    def submit_frontier(
        self, request: PlanRequest | Json, *, idempotency_key: str | None = None, fresh: bool = False
    ) -> Steps[Handle[Frontier]]:
        """As `submit`, for a frontier."""
        return self._submitted(Frontier, request, _Asking(idempotency_key, fresh))

    def submit_comparison(
        self, request: CompareRequest | Json, *, idempotency_key: str | None = None, fresh: bool = False
    ) -> Steps[Handle[Comparison]]:
        """As `submit`, for a comparison."""
        return self._submitted(Comparison, request, _Asking(idempotency_key, fresh))

    @overload
    def get(self, plan: str) -> Steps[Plan]: ...
    @overload
    def get(self, plan: Handle[A]) -> Steps[A]: ...
    def get(self, plan: str | Handle[Any]) -> Steps[Any]:
        """The plan as it is now; its `status.finished` says whether that is the last word."""
        handle = _handle_of(plan)
        reply = yield from self._exchanges.reply(Call("GET", path_of(handle.id)))
        return read(handle.answers, reply)

    @overload
    def wait(self, plan: str, *, wait_s: float | None = None) -> Steps[Plan]: ...
    @overload
    def wait(self, plan: Handle[A], *, wait_s: float | None = None) -> Steps[A]: ...
    def wait(self, plan: str | Handle[Any], *, wait_s: float | None = None) -> Steps[Any]:
        """The plan once it has ended, through restarts of the service; raises `NotFinished` after `wait_s`."""
        return (yield from self._waiting.ended(_handle_of(plan), self._waiting.until(wait_s)))

    @overload
    def cancel(self, plan: str) -> Steps[Plan]: ...
    @overload
    def cancel(self, plan: Handle[A]) -> Steps[A]: ...
    def cancel(self, plan: str | Handle[Any]) -> Steps[Any]:
        """End the solve and return the best plan so far; one that has ended is returned as it is."""
        handle = _handle_of(plan)
        reply = yield from self._exchanges.reply(Call("DELETE", path_of(handle.id)))
        return (yield from self._waiting.ended(handle, None, Seen(reply, read(handle.answers, reply))))

    def events(self, plan: str | Handle[Any], *, after: int = 0) -> Telling[PlanEvent]:
        """The plan's life as it happens, each event once, through breaks and restarts, until it has ended.

        `after`: the number of the last event that is known already.
        """
        return self._listening.told(_handle_of(plan).id, after)

    def request_of(self, plan: str | Handle[Any]) -> Steps[dict[str, Any]]:
        """The request of a plan, as it was posted."""
        reply = yield from self._exchanges.reply(Call("GET", f"{path_of(_handle_of(plan).id)}/request"))
        try:
            request: dict[str, Any] = json.loads(reply.body)
        except ValueError:
            raise UnexpectedAnswer("the answer is no JSON", reply) from None
        return request

    def list_plans(self, *, cursor: str | None = None, **filters: Unpack[PlanFilters]) -> Steps[PlanPage]:
        """One page of the caller's plans, newest first; `cursor` is the `next_cursor` of the page before."""
        call = Call("GET", "/plans", params=params_of(filters, cursor))
        reply = yield from self._exchanges.reply(call)
        page = read(PlanList, reply)
        cursors = parse_qs(urlsplit(page.next or "").query).get("cursor", [])
        return PlanPage(page.plans, cursors[0] if cursors else None)

    def iterate_plans(self, **filters: Unpack[PlanFilters]) -> Telling[PlanEntry]:
        """All the caller's plans, newest first, `limit` with each exchange."""
        cursor = None
        while True:
            page = yield from self.list_plans(cursor=cursor, **filters)
            for entry in page.plans:
                yield Tell(entry)
            cursor = page.next_cursor
            if cursor is None:
                return

    def evaluate(self, request: PlanRequest | Json, stages: Sequence[AnyStage] | None = None) -> Steps[Evaluation]:
        """What a placement costs under a request, and which limits it breaks; `stages` may be those of a plan."""
        return self._worked_out(Evaluation, "/plan:evaluate", body_with_stages(request, stages))

    def validate(self, request: PlanRequest | Json) -> Steps[RequestSummary]:
        """What a request asks for; raises `InvalidRequest` with every fault."""
        return self._worked_out(RequestSummary, "/plan:validate", body_of(request))

    def profile(self, model: ProfileRequest | Json) -> Steps[Profile]:
        """The layers that follow from a Transformer's config or its name in the catalogue."""
        return self._worked_out(Profile, "/profiles", body_of(model))

    def export(
        self,
        plan: Exportable,
        format: str,  # noqa: A002 - the name on the wire
        *,
        request: PlanRequest | Json | None = None,
        **options: Unpack[ExportSettings],
    ) -> Steps[Export]:
        """A plan as a runtime reads it; raises `InvalidRequest` with every reason where the format cannot say it.

        `plan`: one that the service keeps, or its id; with its `request` any plan, or stages, and nothing is kept.
        `format`: an `ExportFormat`. `options`: what it needs and a plan does not say.
        """
        return read(Export, (yield from self._exchanges.reply(export_call(plan, format, request, options))))

    def export_formats(self) -> Steps[tuple[FormatEntry, ...]]:
        """All formats, with the options that each takes."""
        return (yield from self._known(FormatList, "/exports")).formats

    def catalogue_models(self) -> Steps[tuple[TransformerEntry, ...]]:
        """All Transformers that are known by name."""
        return (yield from self._known(ModelCatalogue, "/catalogue/models")).models

    def catalogue_nodes(self) -> Steps[tuple[DeviceEntry, ...]]:
        """All devices that are known, with their figures."""
        return (yield from self._known(NodeCatalogue, "/catalogue/nodes")).nodes

    def catalogue_links(self) -> Steps[tuple[LinkEntry, ...]]:
        """All kinds of link that are known."""
        return (yield from self._known(LinkCatalogue, "/catalogue/links")).links

    def limits(self) -> Steps[Limits]:
        """Every limit in force."""
        return self._known(Limits, "/limits")

    def health(self) -> Steps[Liveness]:
        """That the process lives; asked once, or `Unavailable`."""
        return self._known(Liveness, "/healthz", repeatable=False)

    def readiness(self) -> Steps[Readiness]:
        """That every solver works and plans are taken; asked once, or `Unavailable`."""
        return self._known(Readiness, "/readyz", repeatable=False)

    def _submitted(self, answers: type[A], request: BaseModel | Json, asking: _Asking) -> Steps[Handle[A]]:
        seen = yield from self._asked(answers, request, asking, None, waits_s=0)
        return Handle(seen.answer.id, answers)

    def _solved(self, answers: type[A], request: BaseModel | Json, asking: _Asking, wait_s: float | None) -> Steps[A]:
        until_s = self._waiting.until(wait_s)
        seen = yield from self._asked(answers, request, asking, until_s, self._waiting.whole_seconds(until_s))
        return (yield from self._waiting.ended(Handle(seen.answer.id, answers), until_s, seen))

    def _asked(
        self, answers: type[A], request: BaseModel | Json, asking: _Asking, until_s: float | None, waits_s: int
    ) -> Steps[Seen[A]]:
        headers = asking.headers(waits_s)  # the same key for all attempts
        call = Call("POST", _PATHS[answers], headers, body=body_of(request), waits_s=waits_s)
        reply = yield from self._exchanges.reply(call, until_s)
        return Seen(reply, read(answers, reply))

    def _worked_out(self, answers: type[D], path: str, body: bytes) -> Steps[D]:
        return read(answers, (yield from self._exchanges.reply(Call("POST", path, _JSON, body=body))))

    def _known(self, answers: type[D], path: str, *, repeatable: bool = True) -> Steps[D]:
        return read(answers, (yield from self._exchanges.reply(Call("GET", path, repeatable=repeatable))))


def _handle_of(plan: str | Handle[Any]) -> Handle[Any]:
    return Handle(plan, Plan) if isinstance(plan, str) else plan
