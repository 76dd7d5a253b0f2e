"""What the system says of the machine: processors, caches, memory. Read below a root folder, `/` on a real machine."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_UNLIMITED_BYTES = 2**60
"""Control groups of version 1 write a number near 2^63 where there is no limit."""


@dataclass(frozen=True, slots=True)
class Processors:
    """What this process may compute with."""

    name: str
    allowed: int
    """Logical processors that the scheduler gives this process."""
    physical: int | None
    """Cores behind them; fewer where two threads share one."""
    quota: float | None
    """Processors' worth of time that the control group allows; None without a limit."""

    @property
    def threads(self) -> int:
        """As many as there are cores to themselves, within the quota."""
        own = self.allowed if self.physical is None else min(self.allowed, self.physical)
        return max(1, own if self.quota is None else min(own, math.ceil(self.quota)))


def processors(root: Path = ROOT) -> Processors:
    """The processors of this process."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return Processors(_processor_name(root), len(allowed), _physical(root, allowed), _quota(root))


def _processor_name(root: Path) -> str:
    for pattern, file in ((r"model name\s*: (.+)", "proc/cpuinfo"), (r"([^\0]+)", "proc/device-tree/model")):
        found = re.search(pattern, text(root / file) or "")
        if found:
            return found[1].strip()
    return "unknown"


def _physical(root: Path, allowed: set[int]) -> int | None:
    """Different sets of siblings among the allowed processors."""
    siblings = {text(root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list") for number in allowed}
    return None if None in siblings else len(siblings)


def _quota(root: Path) -> float | None:
    """The least quota of the control group and those above it."""
    quotas = []
    for folder in _control_groups(root, "cpu"):
        words = (text(folder / "cpu.max") or "").split()
        if not words:
            words = [text(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
        if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def last_level_cache_bytes(root: Path = ROOT) -> int | None:
    """Largest cache of the first processor; None where the system does not say."""
    sizes = []
    for file in (root / "sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        found = re.fullmatch(r"(\d+)([KMG]?)", text(file) or "")
        if found:
            sizes.append(int(found[1]) * _UNITS[found[2]])
    return max(sizes, default=None)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory that a process could still fill without swapping, and who says so."""

    available_bytes: int
    how: str


def available_memory(root: Path = ROOT) -> Memory:
    """The least of what the kernel estimates and what control groups still allow."""
    known = [*_kernel_memory(root), *_group_memory(root)]
    if not known:
        pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
        known = [Memory(os.sysconf("SC_PAGE_SIZE") * os.sysconf(pages), f"sysconf {pages}")]
    return min(known, key=lambda memory: memory.available_bytes)


def _kernel_memory(root: Path) -> Iterator[Memory]:
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", text(root / "proc/meminfo") or "", flags=re.MULTILINE)
    if found:
        yield Memory(1024 * int(found[1]), "MemAvailable of /proc/meminfo")


def _group_memory(root: Path) -> Iterator[Memory]:
    """Limit less use of each control group; pages of files that were read once can be had back."""
    for folder in _control_groups(root, "memory"):
        for limit, used, kept in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            allowed, taken = text(folder / limit), text(folder / used)
            if allowed and taken and allowed.isdecimal() and taken.isdecimal() and int(allowed) < _UNLIMITED_BYTES:
                found = re.search(rf"^{kept} (\d+)$", text(folder / "memory.stat") or "", flags=re.MULTILINE)
                free = int(allowed) - int(taken) + (int(found[1]) if found else 0)
                yield Memory(max(0, min(free, int(allowed))), "limit of the control group less its use")


def _control_groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's control group and of all above it, of both versions."""
    top = root / "sys/fs/cgroup"
    for line in (text(root / "proc/self/cgroup") or "0::/").splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        start = top / controller if names else top
        below = Path(path.lstrip("/"))
        for part in (below, *below.parents):
            yield start / part


def text(file: Path) -> str | None:
    """The file's text without blanks around it; None where it is missing or closed to us."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
