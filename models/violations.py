"""From refused input to the list of its faults: where each one is, which rule it breaks, and what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from models.base import Fault, InvalidInput, pointer_to
from models.problem_details import Violation

_LONGEST_TEXT = 200
_LONGEST_LIST = 16
_DISCRIMINATED = {"workload": frozenset({"inference", "training"})}
"""Fields behind which pydantic puts the tag of a union into the path, with those tags."""
_LIMITS = ("ge", "gt", "le", "lt", "max_length", "min_length", "expected", "expected_tags")
"""Keys of a pydantic error's context that say what would be accepted."""
_SENTENCES = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field",
    "finite_number": "must be a finite number",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "tuple_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "this field is required",
}
"""pydantic's own sentences speak of Python (tuples, dictionaries, instances), and some repeat the input."""
_NOTHING = object()


def violations_of(error: ValidationError | InvalidInput, raw: object) -> list[Violation]:
    """Every fault behind `error`, each with an RFC 6901 pointer into `raw`, the parsed JSON that was refused.

    Pointers name places as the caller wrote them: tags of unions are left out and shorthands (a bare list of nodes,
    {"3": "edge-1"}) are followed back. With `raw` None (JSON that could not be parsed) the path is taken as it is.
    Values are repeated only where they are short, so that an answer never echoes a large input.
    """
    if isinstance(error, InvalidInput):
        return [_of_fault(fault, raw) for fault in error.faults]
    found: list[Violation] = []
    for detail in error.errors(include_url=False):
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, InvalidInput):
            prefix = pointer_to(*_untagged(detail["loc"]))
            found += [_of_fault(fault.below(prefix), raw) for fault in cause.faults]
        elif not _is_consequence(detail):
            found.append(_of_detail(detail, cause, raw))
    return list({(violation.pointer, violation.message): violation for violation in found}.values())


def _is_consequence(detail: Any) -> bool:
    """A list that pydantic finds too short only because entries of it were refused, each with a fault of its own."""
    written = detail.get("input")
    return (
        detail["type"] == "too_short"
        and isinstance(written, list | tuple)
        and len(written) >= detail["ctx"]["min_length"]
    )


def _of_fault(fault: Fault, raw: object) -> Violation:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in fault.pointer.split("/")[1:]]
    return Violation(
        pointer=_pointer(parts, raw, may_be_absent=True),
        code=fault.code,
        message=_shortened(fault.message),
        actual=_short(fault.actual),
        limit=_short(fault.limit),
    )


def _of_detail(detail: Any, cause: object, raw: object) -> Violation:
    code, context = detail["type"], detail.get("ctx", {})
    location = _untagged(detail["loc"])
    if code.startswith("union_tag"):
        location.append(context["discriminator"].strip("'"))
    absent = code in ("missing", "union_tag_not_found")
    if cause is not None:
        message = str(cause)
    elif code in _SENTENCES:
        message = _SENTENCES[code].format_map(context)
    else:
        message = re.sub(r"^(Input|String|Value) should", "must", detail["msg"])
    return Violation(
        pointer=_pointer(location, raw, may_be_absent=absent),
        code=code,
        message=_shortened(message),
        actual=None if absent or code == "json_invalid" else _short(context.get("tag", detail.get("input"))),
        limit=next((_short(context[key]) for key in _LIMITS if key in context), None),
    )


def _untagged(location: Sequence[str | int]) -> list[str | int]:
    """The path without the tags that pydantic adds behind a discriminated field."""
    return [
        part
        for index, part in enumerate(location)
        if index == 0 or part not in _DISCRIMINATED.get(str(location[index - 1]), ())
    ]


def _pointer(parts: Sequence[str | int], raw: object, *, may_be_absent: bool) -> str:
    """The deepest place of `raw` on this path; its last step may lead to an absent field when that is the fault."""
    if raw is None:
        return pointer_to(*(str(part)[:_LONGEST_TEXT] for part in parts))
    parts = _without_shorthand(parts, raw)
    here, place = raw, []
    for index, part in enumerate(parts):
        key, inside = _step(here, part)
        last = index == len(parts) - 1
        if inside is _NOTHING and not (last and may_be_absent and isinstance(here, dict)):
            break
        if len(str(key)) > _LONGEST_TEXT:
            break
        place.append(key)
        here = inside
    return pointer_to(*place)


def _step(here: object, part: str | int) -> tuple[str | int, object]:
    """The key as the caller wrote it, and what lies under it; `_NOTHING` where there is no such place."""
    if isinstance(here, dict):
        if part in here:
            return part, here[part]
        if str(part) in here:
            return part, here[str(part)]
    elif isinstance(here, list | tuple) and str(part).isdecimal() and int(part) < len(here):
        return part, here[int(part)]
    return part, _NOTHING


def _without_shorthand(parts: Sequence[str | int], raw: object) -> list[str | int]:
    """Follow what a shorthand was read as back to what was written: ["a", "b"] for all layers, {"3": "a"} for pins."""
    found = list(parts)
    written: object = raw
    for index, part in enumerate(found[:-1]):
        _, written = _step(written, part)
        before, entry, behind = found[: index + 1], str(found[index + 1]), found[index + 2 :]
        if part == "pinned" and isinstance(written, dict) and entry.isdecimal() and int(entry) < len(written):
            return [*before, list(written)[int(entry)]]
        bare = isinstance(written, list | tuple) and all(isinstance(node, str) for node in written)
        if part in ("allowed_nodes", "forbidden_nodes") and bare and behind[:1] == ["nodes"]:
            return [*before, *behind[1:]]
    return found


def _short(value: object) -> Any:
    """A short scalar, or a short list of them; None for everything else, and text for what JSON cannot write."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**18 else None
    if isinstance(value, str):
        return str(value) if len(value) <= _LONGEST_TEXT else None
    if isinstance(value, list | tuple) and len(value) <= _LONGEST_LIST:
        shown = [_short(entry) for entry in value if not isinstance(entry, list | tuple | dict)]
        return shown if len(shown) == len(value) else None
    return None


def _shortened(message: str) -> str:
    return message if len(message) <= 5 * _LONGEST_TEXT else message[: 5 * _LONGEST_TEXT - 1] + "…"
