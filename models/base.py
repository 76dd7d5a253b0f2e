"""The base of all domain types: immutable, closed, finite; and the one way to say what is wrong with an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class DomainType(BaseModel):
    """A frozen value: unknown fields are refused, numbers are finite, sequences are tuples."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: where (a JSON pointer), which (a stable code), and a sentence that names the offender."""

    pointer: str
    code: str
    message: str
    actual: Any = None
    limit: Any = None

    def below(self, prefix: str) -> Fault:
        """The same fault seen from the object that holds this one at `prefix`."""
        return Fault(prefix + self.pointer, self.code, self.message, self.actual, self.limit)


class InvalidInput(ValueError):
    """Input that breaks rules across fields; carries every fault that was found, never only the first."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


def pointer_to(*parts: str | int) -> str:
    """JSON pointer (RFC 6901) to the place reached by these keys and indices; no parts: the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def refuse(faults: list[Fault]) -> None:
    """Raise `InvalidInput` when there are faults."""
    if faults:
        raise InvalidInput(faults)
