from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.units import BitsPerSecond, Bytes, BytesPerSecond, FlopsPerSecond

SIZE: TypeAdapter[float] = TypeAdapter(Bytes)
BIT_RATE: TypeAdapter[float] = TypeAdapter(BitsPerSecond)
BYTE_RATE: TypeAdapter[float] = TypeAdapter(BytesPerSecond)
FLOP_RATE: TypeAdapter[float] = TypeAdapter(FlopsPerSecond)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16GiB", 16 * 2**30), ("16 GB", 16e9), ("5kB", 5e3), ("5KB", 5e3), ("1.5MiB", 1.5 * 2**20), (".5GB", 5e8),
        ("12B", 12), ("3 bytes", 3), ("1 byte", 1), ("1e3B", 1e3), ("2TiB", 2 * 2**40), (" 7 MB ", 7e6),
        ("4kiB", 4096), ("0.5EiB", 2.0**59), ("3 Gibytes", 3 * 2**30),
    ],
)  # fmt: skip
def test_sizes_are_read_with_decimal_and_binary_prefixes(text: str, size: float) -> None:
    assert SIZE.validate_python(text) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [("100Mbit/s", 1e8), ("100Mbps", 1e8), ("100 Mb/s", 1e8), ("1Gbits/s", 1e9), ("12.5MB/s", 1e8), ("1 KiB/s", 8192)],
)
def test_a_rate_in_bytes_is_eight_times_as_many_bits(text: str, rate: float) -> None:
    assert BIT_RATE.validate_python(text) == rate


@pytest.mark.parametrize(("text", "rate"), [("100GB/s", 1e11), ("800Gbit/s", 1e11), ("1 MiB/s", 2.0**20)])
def test_a_rate_in_bits_is_an_eighth_of_as_many_bytes(text: str, rate: float) -> None:
    assert BYTE_RATE.validate_python(text) == rate


@pytest.mark.parametrize("text", ["12TFLOP/s", "12 TFLOPS", "12 TFLOPs/s", "12000 GFLOP/s", "12 Tflop/s", "12Tflops/s"])
def test_compute_rates_are_read_in_their_usual_spellings(text: str) -> None:
    assert FLOP_RATE.validate_python(text) == 12e12


@pytest.mark.parametrize(
    ("adapter", "value"),
    [
        (SIZE, "16"), (SIZE, "GiB"), (SIZE, ""), (SIZE, "16 Gb"), (SIZE, "16 GB/s"), (SIZE, "-1 GB"), (SIZE, "1e400 B"),
        (SIZE, "1 000 MB"), (SIZE, "1,5 GB"), (SIZE, "nan B"), (SIZE, "inf B"), (SIZE, "٣ GB"), (SIZE, "2EiB"),
        (SIZE, True), (SIZE, None), (SIZE, [1]), (SIZE, -1), (SIZE, math.nan), (SIZE, math.inf), (SIZE, 1e19),
        (BIT_RATE, "100 Mbit"), (BIT_RATE, 0), (BIT_RATE, "0 Mbit/s"), (FLOP_RATE, "12 TB/s"), (FLOP_RATE, 0),
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_an_example_of_what_would_do(adapter: TypeAdapter[float], value: Any) -> None:
    with pytest.raises(ValidationError, match=r'or a string with a unit such as "\d+'):
        adapter.validate_python(value)


@given(st.text(alphabet="0123456789.eE+- kKMGTPEibBytesfFlLoOpPsS/"))
def test_no_text_makes_reading_a_size_fail_in_another_way(text: str) -> None:
    with suppress(ValidationError):
        assert 0 <= SIZE.validate_python(text) <= 1e18


def test_a_long_text_is_refused_without_being_searched() -> None:
    with pytest.raises(ValidationError):
        SIZE.validate_python("1a" + " " * 1_000_000 + "b")


@given(st.floats(min_value=0, max_value=1e18))
def test_plain_numbers_are_taken_as_they_are(number: float) -> None:
    assert SIZE.validate_python(number) == number
    assert SIZE.validate_json(json.dumps(number)) == number


def test_the_schema_offers_numbers_and_strings_on_input_and_numbers_on_output() -> None:
    assert SIZE.json_schema()["anyOf"] == [
        {"type": "number", "minimum": 0.0, "maximum": 1e18},
        {"type": "string", "examples": ["16GiB"]},
    ]
    assert SIZE.json_schema(mode="serialization")["type"] == "number"
