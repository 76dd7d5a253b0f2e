"""Names that come from outside: made safe for a terminal, and shortened so that they can still be told apart."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable

from rich.cells import cell_len, chop_cells

_ARROW = " -> "
_WORTH_CUTTING = 4
"""A common beginning is left out when it has at least this many characters."""


def plain(name: object, longest: int = 200) -> str:
    """Control characters replaced (a name must not drive the terminal), overlong text cut in its middle."""
    text = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char)[0] == "C" else char for char in str(name))
    return cut_middle(text, longest)


def cut_middle(text: str, width: int) -> str:
    """The beginning and the end of a text that is wider than `width` columns."""
    if cell_len(text) <= width:
        return text
    front = chop_cells(text, max((width - 1) // 2, 1))[0]
    back = chop_cells(text[::-1], max(width - 1 - cell_len(front), 1))[0][::-1]
    return f"{front}…{back}"


def cut_end(text: str, width: int) -> str:
    """The beginning of a text that is wider than `width` columns."""
    return text if cell_len(text) <= width else f"{chop_cells(text, max(width - 1, 1))[0]}…"


def shortened(names: Iterable[str], width: int) -> dict[str, str]:
    """Each name in at most `width` columns, all different wherever that is possible.

    Names of links are "a -> b"; then both ends are shortened. What all ends begin with is left out when the plain cut
    would make two names the same: node-in-the-hall-01 and node-in-the-hall-02 become …01 and …02.
    """
    safe = {name: plain(name) for name in names}
    ends = {end for name in safe.values() for end in name.split(_ARROW)}
    skipped = _common_words(ends)

    def stripped(end: str) -> str:
        return f"…{end[skipped:]}" if skipped else end

    ways: list[Callable[[str], str]] = [
        lambda name: cut_middle(name, width),
        lambda name: _by_ends(name, width, stripped, cut_middle),
        lambda name: _by_ends(name, width, stripped, cut_end),
    ]
    short: dict[str, str] = {}
    for way in ways:
        short = {name: way(text) for name, text in safe.items()}
        if len(set(short.values())) == len(short):
            break
    return short


def _common_words(names: set[str]) -> int:
    """How many characters all names begin with, up to the end of a word; 0 when that is not worth cutting."""
    if len(names) < 2:
        return 0
    common = os.path.commonprefix([min(names), max(names)])  # noqa: RUF071 - character by character is meant
    while common and common[-1].isalnum():
        common = common[:-1]
    return len(common) if len(common) >= _WORTH_CUTTING else 0


def _by_ends(name: str, width: int, stripped: Callable[[str], str], cut: Callable[[str, int], str]) -> str:
    ends = name.split(_ARROW)
    room = (width - len(_ARROW) * (len(ends) - 1)) // len(ends)
    return _ARROW.join(cut(stripped(end), max(room, 3)) for end in ends)
