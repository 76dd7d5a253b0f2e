from __future__ import annotations

import pytest
from pydantic import ValidationError

from models.base import DomainType, Fault, InvalidInput, pointer_to, refuse


class Point(DomainType):
    x: float
    path: tuple[float, ...] = ()


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Point(x=1.0).x = 2.0


def test_lists_become_tuples_so_that_values_can_be_hashed() -> None:
    assert hash(Point.model_validate({"x": 1, "path": [1, 2]})) == hash(Point(x=1, path=(1.0, 2.0)))


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Point.model_validate({"x": 1, "y": 2})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_are_finite(number: float) -> None:
    with pytest.raises(ValidationError, match="finite_number"):
        Point(x=number)


def test_pointers_escape_what_rfc_6901_escapes() -> None:
    assert pointer_to("a/b", 0, "m~n") == "/a~1b/0/m~0n"
    assert pointer_to() == ""


def test_a_fault_is_seen_from_the_object_above() -> None:
    assert Fault("/id", "duplicate", "twice", 1, 2).below("/nodes/3") == Fault(
        "/nodes/3/id", "duplicate", "twice", 1, 2
    )


def test_invalid_input_carries_every_fault() -> None:
    found = [Fault("/a", "one", "first"), Fault("/b", "two", "second")]
    with pytest.raises(InvalidInput, match=r"^first; second$") as caught:
        refuse(found)
    assert caught.value.faults == found


def test_no_faults_are_no_error() -> None:
    refuse([])
