"""From bytes to a validated request: size, kind and grammar are checked before the rules of the domain."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import ClientDisconnect

from api.problems import Problem, ProblemType
from models import CompareRequest, InvalidInput, PlanRequest
from models.base import DomainType, pointer_to
from models.problem_details import Violation
from models.violations import violations_of

RequestType = TypeVar("RequestType", bound=DomainType)

MAX_WEIGHT = 2_500_000
"""Most values in a body, an object counted as five: above what two matrices of 1024 x 1024 (rates, latencies) need.
Without it a hostile body of the allowed size could hold millions of faults, and minutes of work to list them."""
MANY_FAULTS = 20_000
"""Above this many faults the answer says how many there are, and lists none."""
_NOT_JSON = ("multipart/", "image/", "audio/", "video/", "font/", "text/html", "text/xml", "text/css", "text/csv",
             "application/xml", "application/pdf", "application/zip", "application/gzip", "application/yaml",
             "application/msgpack", "application/x-protobuf", "application/cbor")  # fmt: skip
"""Kinds that are clearly something else; curl's default (a form) and text/plain are read as JSON all the same."""


async def read_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """The raw body; refused by its declared length, and by its real one when that was not declared or not true.

    A body that trickles is given up after `timeout_s`: it would hold a connection and memory for as long as it likes.
    """
    _check_kind(request)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 19 and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError:
        detail = f"the body did not arrive within {timeout_s:g} s"
        raise Problem(ProblemType.BODY_TOO_SLOW, detail, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise CallerLeft from None
    return bytes(body)


class CallerLeft(Exception):
    """The caller closed the connection: nobody reads an answer."""


def _check_kind(request: Request) -> None:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind.startswith(_NOT_JSON):
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, f"Content-Type {kind[:100]} is not JSON")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding {encoding[:100]} is not accepted")


def _too_large(max_bytes: int) -> Problem:
    return Problem(
        ProblemType.BODY_TOO_LARGE, f"the body is longer than {max_bytes} bytes", headers={"Connection": "close"}
    )


def check_weight(raw: bytes) -> None:
    """Refuse a body that is costly to read, before it is read."""
    if raw.count(b",") + 5 * raw.count(b"{") > MAX_WEIGHT:
        raise Problem(ProblemType.BODY_TOO_LARGE, "the body holds more values than the largest request that is allowed")


def parse(kind: type[RequestType], raw: bytes) -> RequestType:
    """The request in `raw`; raises `Problem` with every violation when it breaks a rule."""
    check_weight(raw)
    try:
        request = kind.model_validate_json(raw)
    except ValidationError as error:
        raise _refusal(error, raw) from None
    if not _names_differ(raw):
        repeated = list(_repeated_keys(raw))
        if repeated:
            raise invalid(repeated)
    return request


def refused(found: InvalidInput, raw: bytes) -> Problem:
    """The problem for faults that were found while solving, with pointers into the body as it was written."""
    count = len(found.faults)
    return _too_many(count) if count > MANY_FAULTS else invalid(violations_of(found, json.loads(raw)))


def _too_many(count: int) -> Problem:
    message = f"the body breaks rules in {count} places, too many to list"
    return invalid([Violation(pointer="", code="too_many_faults", message=message, limit=MANY_FAULTS)])


def _faults_in(error: ValidationError) -> int:
    """How many faults there are; rules of the domain report all theirs in one error."""
    count = error.error_count()
    if count <= MANY_FAULTS:
        causes = (each.get("ctx", {}).get("error") for each in error.errors(include_url=False, include_input=False))
        count += sum(len(cause.faults) - 1 for cause in causes if isinstance(cause, InvalidInput))
    return count


def _refusal(error: ValidationError, raw: bytes) -> Problem:
    count = _faults_in(error)
    if count > MANY_FAULTS:
        return _too_many(count)
    if count == 1 and error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
        return Problem(ProblemType.MALFORMED_JSON, "the body cannot be read as JSON", violations_of(error, None))
    return invalid([*_repeated_keys(raw), *violations_of(error, json.loads(raw))])


def sha256_of(request: DomainType) -> str:
    """Hash of a request as it was understood, in hex: defaults filled in, units read, shorthands written out.

    Of a comparison also its variants as they came out: what a patch makes depends on how the rest was written.
    """
    whole = hashlib.sha256(request.model_dump_json().encode())
    for variant in request.variant_requests if isinstance(request, CompareRequest) else ():
        whole.update(b"\n" + variant.model_dump_json().encode())
    return whole.hexdigest()


def name_of(request: PlanRequest) -> str | None:
    """What the plan is listed by: the model's name as it was given, else the catalogue's."""
    return request.model.name or request.model.catalogue


def invalid(violations: list[Violation]) -> Problem:
    """The problem of a request that breaks these rules."""
    count = len(violations)
    return Problem(ProblemType.INVALID_INPUT, "1 violation" if count == 1 else f"{count} violations", violations)


def _names_differ(raw: bytes) -> bool:
    """Whether it is certain that no object gives a name twice: then nothing was dropped as it was read.

    Without escapes a text holds as many colons when it is read and written again, unless an entry is gone. This takes
    a third of the time of looking at every object; False (escapes, repeated names) says only that somebody must look.
    """
    return b"\\" not in raw and to_json(from_json(raw)).count(b":") == raw.count(b":")


class _Object(dict[str, Any]):
    """A JSON object that remembers names it was given more than once; parsers silently keep the last."""

    repeated: frozenset[str]


def _repeated_keys(raw: bytes) -> Iterator[Violation]:
    """A violation for every name that occurs twice in one object."""
    seen_any = False

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal seen_any
        plain = dict(pairs)
        if len(plain) == len(pairs):
            return plain
        seen_any = True
        found = _Object(plain)
        found.repeated = frozenset(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return found

    body = json.loads(raw, object_pairs_hook=read)
    if seen_any:
        yield from _walk(body, ())


def _walk(here: Any, path: tuple[str | int, ...]) -> Iterator[Violation]:
    if isinstance(here, _Object):
        for name in sorted(here.repeated):
            yield Violation(pointer=pointer_to(*path, name), code="duplicate_key", message="this name is given twice")
    entries = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
    for key, inside in entries:
        if isinstance(inside, dict | list):
            yield from _walk(inside, (*path, key))
