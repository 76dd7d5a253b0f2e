"""How much memory and cache this machine has, as Linux tells it; cautious figures elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
DEFAULT_MEMORY_BYTES = 2 * 2**30
DEFAULT_CACHE_BYTES = 32 * 2**20
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def available_bytes(meminfo: Path = _MEMINFO) -> int:
    """Memory that can be taken without pushing others out; 2 GiB where nothing tells."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        found = None
    return DEFAULT_MEMORY_BYTES if found is None else 1024 * int(found[1])


def cache_bytes(caches: Path = _CACHES) -> int:
    """Size of the largest cache of the first processor; 32 MiB where nothing tells."""
    sizes = []
    for file in caches.glob("index*/size"):
        found = re.fullmatch(r"(\d+)([KMG]?)", file.read_text(encoding="ascii").strip())
        if found is not None:
            sizes.append(int(found[1]) * _UNITS.get(found[2], 1))
    return max(sizes, default=DEFAULT_CACHE_BYTES)
