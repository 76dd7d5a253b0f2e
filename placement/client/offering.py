"""From an operation to the method of a client that takes its steps: same arguments, another way to the result."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_RESULT = re.compile(r"(?:Steps|Telling)\[(?P<result>.*)\]")


def presented_as(operation: Callable[..., Any], method: F, result: str = "{}") -> F:
    """The method with the operation's name, docstring and signature; `result` says what it returns of what."""
    signature = inspect.signature(operation)
    found = _RESULT.fullmatch(str(signature.return_annotation))
    assert found is not None, "operations return Steps or Telling"
    method.__name__ = operation.__name__
    method.__qualname__ = operation.__qualname__
    method.__doc__ = operation.__doc__
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # read by inspect
        return_annotation=result.format(found["result"])
    )
    return method
