"""Quantities in SI units that also accept what people write: "16GiB", "100Mbit/s", "12 TFLOP/s".

A bare number is taken in the unit of the field's name. A string must carry its unit. Output is always a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_DECIMAL = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"ki": 2.0**10, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}
_PREFIX = _DECIMAL | _BINARY
_QUANTITY = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(\S.*)")
_LONGEST_TEXT = 100
"""Longer strings are no quantities; matching them would only cost time."""

_BYTE = r"(?P<prefix>[kKMGTPE]i?|)(?:B|[Bb]ytes?)"
_BIT = r"(?P<prefix>[kKMGTPE]i?|)(?:b|[Bb]its?)"
_PER_SECOND = r"(?:/s|ps|/sec)"
_FLOP = r"(?P<prefix>[kKMGTPE]|)(?:FLOPs?|flops?|Flops?)"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A validated number with a unit; `spellings` maps a unit's pattern to the factor onto the field's own unit."""

    name: str
    example: str
    spellings: tuple[tuple[str, float], ...]
    maximum: float
    minimum: float = 0.0

    def parse(self, text: str) -> float:
        """Read a number with a unit, e.g. "16GiB" -> 17179869184.0; ValueError for any other text."""
        match = _QUANTITY.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
        if match is None:
            raise ValueError("not a quantity")
        number, unit = match.groups()
        for pattern, factor in self.spellings:
            spelled = re.fullmatch(pattern, unit)
            if spelled is not None:
                value = float(number) * _PREFIX[spelled["prefix"]] * factor
                if self.minimum <= value <= self.maximum:
                    return value
        raise ValueError("not a quantity of this kind and range")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A number first (no Python call: matrices hold thousands of them), else a string with a unit."""
        number = core_schema.float_schema(strict=True, allow_inf_nan=False, ge=self.minimum, le=self.maximum)
        text = core_schema.no_info_after_validator_function(
            partial(Quantity.parse, self), core_schema.str_schema(strict=True)
        )
        return core_schema.union_schema(
            [number, text],
            mode="left_to_right",
            custom_error_type="quantity",
            custom_error_message=f"must be {self.name}: a finite number from {self.minimum:g} to {self.maximum:g}, "
            f'or a string with a unit such as "{self.example}"',
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number = {"type": "number", "minimum": self.minimum, "maximum": self.maximum}
        if handler.mode == "serialization":
            return number
        return {"anyOf": [number, {"type": "string", "examples": [self.example]}]}


_SMALLEST_RATE = 1e-9
Bytes = Annotated[float, Quantity("a size in bytes", "16GiB", ((_BYTE, 1.0),), maximum=1e18)]
BytesPerSecond = Annotated[
    float,
    Quantity(
        "a rate in bytes per second",
        "100GB/s",
        ((_BYTE + _PER_SECOND, 1.0), (_BIT + _PER_SECOND, 0.125)),
        maximum=1e18,
        minimum=_SMALLEST_RATE,
    ),
]
BitsPerSecond = Annotated[
    float,
    Quantity(
        "a rate in bits per second",
        "100Mbit/s",
        ((_BIT + _PER_SECOND, 1.0), (_BYTE + _PER_SECOND, 8.0)),
        maximum=1e18,
        minimum=_SMALLEST_RATE,
    ),
]
FlopsPerSecond = Annotated[
    float,
    Quantity(
        "a rate in floating-point operations per second",
        "12TFLOP/s",
        ((_FLOP + _PER_SECOND, 1.0), (r"(?P<prefix>[kKMGTPE]|)FLOPS", 1.0)),
        maximum=1e24,
        minimum=_SMALLEST_RATE,
    ),
]

_number = partial(Field, strict=True, allow_inf_nan=False)
Flops = Annotated[float, _number(ge=0, le=1e27)]
Seconds = Annotated[float, _number(ge=0, le=1e9)]
Watts = Annotated[float, _number(ge=0, le=1e9)]
Joules = Annotated[float, _number(ge=0, le=1e18)]
Fraction = Annotated[float, _number(ge=0, le=1)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
LayerIndex = Annotated[int, Field(strict=True, ge=0, le=4096)]
Identifier = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
