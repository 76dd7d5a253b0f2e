from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.measuring.machine import available_memory, last_level_cache_bytes, processors
from tests.api.measuring.trees import planted

MEMINFO = "MemTotal:       8000000 kB\nMemFree:        1000000 kB\nMemAvailable:   4000000 kB"


def test_available_memory_is_what_the_kernel_estimates(tmp_path: Path) -> None:
    memory = available_memory(planted(tmp_path, {"proc/meminfo": MEMINFO}))
    assert (memory.available_bytes, memory.how) == (4_096_000_000, "MemAvailable of /proc/meminfo")


def test_a_control_group_above_ours_limits_memory_and_files_in_cache_can_be_had_back(tmp_path: Path) -> None:
    root = planted(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/pod/container",
            "sys/fs/cgroup/pod/memory.max": "2000000000",
            "sys/fs/cgroup/pod/memory.current": "900000000",
            "sys/fs/cgroup/pod/memory.stat": "active_file 5\ninactive_file 300000000",
            "sys/fs/cgroup/pod/container/memory.max": "max",
            "sys/fs/cgroup/pod/container/memory.current": "1",
        },
    )
    assert available_memory(root).available_bytes == 1_400_000_000


def test_limits_of_the_older_control_groups_count_and_their_no_limit_does_not(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "9:memory:/box\n4:cpu,cpuacct:/box\n1:name=systemd:/box",
        "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "500000000",
        "sys/fs/cgroup/memory/box/memory.stat": "total_inactive_file 100000000",
        "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "150000",
        "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000",
    }
    limit = "sys/fs/cgroup/memory/box/memory.limit_in_bytes"
    limited = planted(tmp_path / "limited", files | {limit: "1000000000"})
    free = planted(tmp_path / "free", files | {limit: "9223372036854771712"})
    assert available_memory(limited).available_bytes == 600_000_000
    assert available_memory(free).available_bytes == 4_096_000_000
    assert processors(limited).quota == 1.5


def test_where_the_system_tells_nothing_there_is_still_a_figure(tmp_path: Path) -> None:
    memory = available_memory(tmp_path)
    assert memory.available_bytes > 0
    assert memory.how.startswith("sysconf ")
    found = processors(tmp_path)
    assert (found.name, found.physical, found.quota) == ("unknown", None, None)
    assert found.threads == found.allowed >= 1
    assert last_level_cache_bytes(tmp_path) is None


def test_threads_that_share_a_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    topology = {
        f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": f"{n % 2},{n % 2 + 2}" for n in range(4)
    }
    found = processors(planted(tmp_path, topology | {"proc/cpuinfo": "processor : 0\nmodel name\t: A CPU @ 2 GHz\n"}))
    assert (found.name, found.allowed, found.physical, found.threads) == ("A CPU @ 2 GHz", 4, 2, 2)


def test_a_quota_of_half_a_processor_leaves_one_thread(tmp_path: Path) -> None:
    found = processors(planted(tmp_path, {"sys/fs/cgroup/cpu.max": "50000 100000"}))
    assert (found.quota, found.threads) == (0.5, 1)


def test_the_last_level_cache_is_the_largest(tmp_path: Path) -> None:
    sizes = {f"sys/devices/system/cpu/cpu0/cache/index{n}/size": size for n, size in enumerate(("32K", "1M", "32M"))}
    assert last_level_cache_bytes(planted(tmp_path, sizes)) == 32 * 2**20
