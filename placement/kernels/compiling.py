"""How kernels are compiled: kept on disk, without the interpreter's lock, IEEE arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Machine code for a function of numbers, arrays and named tuples of them.

    No fastmath: bounds are compared with incumbents, so every rounding counts. A change in one kernel does not renew
    the kept code of kernels in other files that call it: `make clean` does.
    """
    kernel: Function = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return kernel
