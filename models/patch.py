"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396): changes of a request that a client can apply as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Literal

from models.base import DomainType


class PatchOperation(DomainType):
    """One operation of a JSON Patch on the request as it was posted."""

    op: Literal["add", "replace"]
    path: str
    """JSON pointer (RFC 6901)."""
    value: Any
    """What stands there afterwards; null where the field is to mean nothing."""


Patch = tuple[PatchOperation, ...]


def patched(body: Any, operations: Iterable[PatchOperation]) -> Any:
    """A copy of a JSON document under `add` and `replace`. Raises LookupError where a place does not exist."""
    changed = copy.deepcopy(body)
    for operation in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation.path.split("/")[1:]]
        here = changed
        for part in way:
            here = here[int(part)] if isinstance(here, list) else here[part]
        if isinstance(here, list):
            here[int(last)] = operation.value
        elif operation.op == "replace" and last not in here:
            raise LookupError(operation.path)
        else:
            here[last] = operation.value
    return changed


def merged(target: Any, change: Any) -> Any:
    """`target` under a merge patch: objects are merged, null removes a member, everything else replaces."""
    if not isinstance(change, dict):
        return change
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
