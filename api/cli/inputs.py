"""From files and options to validated requests; what is wrong with them goes to stderr, fault by fault."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
from rich.text import Text

from api.cli.consoles import Exit, messages
from api.cli.names import plain
from api.problems import MAX_VIOLATIONS, Problem
from api.requests import parse
from models import InvalidInput
from models.base import DomainType
from models.problem_details import Violation
from models.violations import violations_of

RequestType = TypeVar("RequestType", bound=DomainType)
Result = TypeVar("Result")


def read(file: str) -> bytes:
    """The file's bytes; "-" is standard input."""
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        refuse(file, error.strerror or str(error))


def object_of(raw: bytes, file: str) -> dict[str, Any]:
    """The JSON object in `raw`."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        refuse(file, f"it cannot be read as JSON: {error}")
    if not isinstance(body, dict):
        refuse(file, "it is not a JSON object")
    return body


def request_of(
    kind: type[RequestType], raw: bytes, file: str, change: Callable[[dict[str, Any]], None] | None = None
) -> RequestType:
    """The request in `raw`, checked as the service checks it, and again after `change` has set what options ask for."""
    try:
        request = parse(kind, raw)
        if change is None:
            return request
        body = json.loads(raw)
        change(body)
        return parse(kind, json.dumps(body).encode())
    except Problem as problem:
        refuse(file, problem.detail, problem.violations)


def done(work: Callable[[], Result], file: str, raw: bytes) -> Result:
    """The result of `work`; faults that only show once the model's layers are known are reported like the others."""
    try:
        return work()
    except InvalidInput as error:
        refuse(file, "the request breaks rules", violations_of(error, json.loads(raw)))


def refuse(file: str, why: str, violations: Sequence[Violation] = ()) -> NoReturn:
    """Say what is wrong with the input, and end with `Exit.BAD_INPUT`."""
    console = messages()
    name = "standard input" if file == "-" else plain(file)
    console.print(Text.assemble(("error: ", "bold red"), f"{name}: {plain(why, 1000)}"), soft_wrap=True)
    for violation in violations[:MAX_VIOLATIONS]:
        console.print(_described(violation), soft_wrap=True)
    if len(violations) > MAX_VIOLATIONS:
        console.print(f"  and {len(violations) - MAX_VIOLATIONS} more", soft_wrap=True)
    raise typer.Exit(Exit.BAD_INPUT)


def _described(violation: Violation) -> Text:
    """/cluster/nodes/0/id: node a: this id is given twice (duplicate; given "a")."""
    details = [violation.code]
    for word, value in (("given", violation.actual), ("limit", violation.limit)):
        if value is not None:
            details.append(f"{word} {json.dumps(value, ensure_ascii=False)}")
    place = plain(violation.pointer, 1000) or "the whole of it"
    return Text.assemble(
        "  ", (place, "bold"), f": {plain(violation.message, 1000)} ", (f"({plain('; '.join(details), 500)})", "dim")
    )
