"""How kernels are compiled: kept on disk, without the interpreter's lock, IEEE arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from placement.kernels.keeping import KeptCode

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Machine code for a function of numbers, arrays and named tuples of them.

    No fastmath: bounds are compared with incumbents, so every rounding counts.
    """
    kernel: Any = numba.njit(nogil=True, error_model="numpy")(function)
    kernel._cache = KeptCode(function)  # noqa: SLF001 - as `cache=True` does, but for where code is kept
    return kernel
