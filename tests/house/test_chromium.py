"""tools/chromium.sh: the browser tests get a browser or a clear refusal, never a silent skip."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A folder of commands, to be used as PATH, that holds the shell's basics and no browser."""
    for name in ("bash", "env", "chmod", "cp"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    add_command(tmp_path, "id", "echo 0")
    return tmp_path


def add_command(folder: Path, name: str, body: str) -> Path:
    """Put a small shell script into the folder as a command."""
    command = folder / name
    command.write_text(f"#!/bin/bash\n{body}\n")
    command.chmod(0o755)
    return command


def ask(root: Path, machine: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script on that machine, without a terminal."""
    return subprocess.run(
        [machine / "bash", root / "tools/chromium.sh"],
        env={"PATH": str(machine)} | environment,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_installed_browser_is_named(root: Path, bare_machine: Path) -> None:
    browser = add_command(bare_machine, "chromium", "true")
    assert ask(root, bare_machine).stdout == f"{browser}\n"


def test_the_headless_shell_is_preferred(root: Path, bare_machine: Path) -> None:
    add_command(bare_machine, "chromium", "true")
    shell = add_command(bare_machine, "chromium-headless-shell", "true")
    assert ask(root, bare_machine).stdout == f"{shell}\n"


@pytest.mark.parametrize(
    ("packaged", "installations"),
    [("chromium-headless-shell", ["chromium-headless-shell"]), ("chromium", ["chromium-headless-shell", "chromium"])],
    ids=["with-a-headless-shell", "older-debian"],
)
def test_a_missing_browser_is_installed_without_questions_after_the_lists_are_renewed(
    root: Path, bare_machine: Path, packaged: str, installations: list[str]
) -> None:
    log = bare_machine / "log"
    add_command(
        bare_machine,
        "apt-get",
        f"""echo "$1 ${{DEBIAN_FRONTEND:-}} ${{5:-}}" >>{log}
if [ "$1" = install ]; then [ "$5" = {packaged} ] && cp {bare_machine}/id {bare_machine}/{packaged}; fi""",
    )
    assert ask(root, bare_machine).stdout == f"{bare_machine}/{packaged}\n"
    assert [line.split() for line in log.read_text().splitlines()] == [
        ["update"],
        *(["install", "noninteractive", package] for package in installations),
    ]


def test_a_failed_installation_is_refused_with_a_message(root: Path, bare_machine: Path) -> None:
    add_command(bare_machine, "apt-get", "exit 100")
    answer = ask(root, bare_machine)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "need Chromium: apt-get could not install it" in answer.stderr


def test_without_root_and_sudo_the_message_says_what_to_install(root: Path, bare_machine: Path) -> None:
    add_command(bare_machine, "apt-get", "echo never called")
    add_command(bare_machine, "id", "echo 1000")
    answer = ask(root, bare_machine)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "takes root. Install it (Debian: apt-get install chromium)" in answer.stderr


def test_a_browser_named_by_the_caller_must_run(root: Path, bare_machine: Path) -> None:
    add_command(bare_machine, "chromium", "true")
    answer = ask(root, bare_machine, CHROMIUM="/nowhere/browser")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "CHROMIUM=/nowhere/browser cannot be run" in answer.stderr
