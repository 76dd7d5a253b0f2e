"""The lock files: exact, hashed, in step with pyproject.toml, and free of any machine's settings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>\S+) \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
COMMENT = re.compile(r" *# [^/\\]*")
TORCH = ("torch", "torch-cpu", "torch-any", "torch-cuda")
LOCKS = ("runtime", "dev", *TORCH)
WHOLE = ("runtime", "dev")
EXTRAS = ("measure", "run")


def pins(root: Path, lock: str) -> dict[str, Version]:
    """Package name to the one version that the lock allows."""
    lines = (root / "requirements" / f"{lock}.lock").read_text().splitlines()
    return {match["name"]: Version(match["version"]) for match in map(PIN.fullmatch, lines) if match}


def requirements(root: Path, lock: str) -> list[Requirement]:
    """What pyproject.toml asks for: to build and to run; and for the dev lock, to develop."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wanted = project["build-system"]["requires"] + project["project"]["dependencies"]
    if lock == "dev":
        wanted += project["project"]["optional-dependencies"]["dev"]
    return [Requirement(text) for text in wanted]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_nothing_but_pins_hashes_and_comments_without_paths(lock: str, root: Path) -> None:
    lines = (root / "requirements" / f"{lock}.lock").read_text().splitlines()
    strangers = [line for line in lines if line and not any(form.fullmatch(line) for form in (PIN, HASH, COMMENT))]
    assert strangers == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_carries_a_hash(lock: str, root: Path) -> None:
    lines = (root / "requirements" / f"{lock}.lock").read_text().splitlines()
    unhashed = [line for line, below in zip(lines, [*lines[1:], ""], strict=True)
                if PIN.fullmatch(line) and not HASH.fullmatch(below)]  # fmt: skip
    assert unhashed == []


@pytest.mark.parametrize("lock", WHOLE)
def test_every_requirement_of_pyproject_is_pinned_within_its_range(lock: str, root: Path) -> None:
    pinned = pins(root, lock)
    names = {str(wanted): canonicalize_name(wanted.name) for wanted in requirements(root, lock)}
    assert [text for text, name in names.items() if name not in pinned] == []
    assert [text for text, name in names.items() if pinned[name] not in Requirement(text).specifier] == []


def test_dev_lock_repeats_the_runtime_lock_so_that_tests_run_what_is_served(root: Path) -> None:
    dev = pins(root, "dev")
    runtime = pins(root, "runtime")
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("extra", EXTRAS)
def test_extras_are_pinned_within_their_ranges_by_the_torch_lock(extra: str, root: Path) -> None:
    pinned = pins(root, "torch") | pins(root, "torch-any")
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["optional-dependencies"][extra]]
    assert [each.name for each in wanted if each.name not in pinned or pinned[each.name] not in each.specifier] == []


def test_torch_lock_repeats_no_pin_of_what_is_served_and_contradicts_no_pin_of_the_tests(root: Path) -> None:
    torch, dev = {name: version for lock in TORCH for name, version in pins(root, lock).items()}, pins(root, "dev")
    assert torch.keys() & pins(root, "runtime").keys() == set()
    assert {name: version for name, version in torch.items() if name in dev and dev[name] != version} == {}


def test_the_cpu_build_is_of_the_release_that_the_index_has(root: Path) -> None:
    cpu, other = pins(root, "torch-cpu")["torch"], pins(root, "torch-any")["torch"]
    assert (cpu.base_version, cpu.local, other.local) == (str(other), "cpu", None)
