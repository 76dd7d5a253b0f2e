"""Where machine code is kept between processes, and when it is renewed.

Places, in this order: the folder named by NUMBA_CACHE_DIR; `__pycache__` beside the sources; the user's cache folder.
Code is loaded from the first place that holds it and kept in the first one that can be written: an installation that
its user may only read is used as it is. Where there is no place, code lives as long as its process. It is renewed when
its source changes or one that it is built from, with another numba, and on another kind of processor.

numba's own caching refuses a folder that it cannot write, ends the request when the disk is full, and overlooks a
change in a kernel that another file calls.
"""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from numba.core import caching, config

_settings: Any = config
_UNREADABLE = (OSError, EOFError, pickle.UnpicklingError)
_LOCATORS = (caching.UserProvidedCacheLocator, caching.InTreeCacheLocator, caching.UserWideCacheLocator)


class KeptCode(caching._Cache):  # noqa: SLF001 - the protocol that dispatchers ask for
    """The machine code of one kernel, per kind of arguments, wherever it is kept."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._places = list(_places(function))

    @property
    def cache_path(self) -> str | None:
        """The first place."""
        return self._places[0].cache_path if self._places else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for a signature; None where no place holds it."""
        for place in self._places:
            try:
                kept = place.load_overload(sig, target_context)
            except _UNREADABLE:
                continue
            if kept is not None:
                return kept
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code for a signature in the first place that takes it."""
        for place in self._places:
            try:
                place.save_overload(sig, data)
            except _UNREADABLE:
                continue
            return

    def enable(self) -> None:
        """Keep and load code."""
        for place in self._places:
            place.enable()

    def disable(self) -> None:
        """Neither keep nor load code."""
        for place in self._places:
            place.disable()

    def flush(self) -> None:
        """Forget what is kept."""
        for place in self._places:
            place.flush()


def _places(function: Callable[..., Any]) -> Iterator[Any]:
    """One of numba's caches per folder."""
    source = inspect.getfile(function)
    for kind in _LOCATORS:
        if kind is caching.UserProvidedCacheLocator and not _settings.CACHE_DIR:
            continue
        locator: Any = kind(function, source)
        # Without a home folder the user's cache is "~/.cache", a folder of that name wherever the process runs.
        if not locator.get_cache_path().startswith("~"):
            locator.get_source_stamp = lambda: stamp_of(Path(source))
            locator.get_disambiguator = lambda: "kernel"
            yield _Place(function, locator)


class _Place(caching.FunctionCache):
    """numba's cache in the folder of a given locator, whether or not that folder can be written."""

    def __init__(self, function: Callable[..., Any], locator: Any) -> None:
        in_folder: Any = lambda function: _InFolder(function, locator)  # noqa: E731 - where numba expects a class
        self._impl_class = in_folder
        super().__init__(function)  # type: ignore[no-untyped-call]  # numba has no types


class _InFolder(caching.CompileResultCacheImpl):
    def __init__(self, function: Callable[..., Any], locator: Any) -> None:
        finder: Any = SimpleNamespace(from_function=lambda _function, _source: locator)
        self._locator_classes = [finder]
        super().__init__(function)  # type: ignore[no-untyped-call]  # numba has no types


@cache
def stamp_of(source: Path) -> bytes:
    """A digest of a kernel's source file and of those in this package that it imports from."""
    text = source.read_bytes()
    siblings = sorted(set(re.findall(rb"^from placement\.kernels\.(\w+) import", text, re.MULTILINE)))
    stamps = [stamp_of(source.with_name(f"{name.decode()}.py")) for name in siblings]
    return sha256(b"".join([text, *stamps])).digest()
