"""The deployment guide, followed by a newcomer who types what it says."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

BLOCK = re.compile(r"<!-- runnable: (\w+) -->\n```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
PAGE_URL = "postgresql://placement:secret@127.0.0.1/placement"
LONGEST_S = 300.0


@pytest.fixture
def script(root: Path, postgres_url: str) -> str:
    """The page's commands in order, on a database and a port of this test's own."""
    blocks = dict(BLOCK.findall((root / "docs" / "deploy.md").read_text()))
    assert list(blocks) == ["settings", "start", "ask", "later", "kill", "stop"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    text = "\n".join(blocks.values())
    for written, ours in ((PAGE_URL, f"'{postgres_url}'"), ("8000", port), (".venv/bin/placement", "placement")):
        assert written in text
        text = text.replace(written, ours)
    return text


def test_a_newcomer_gets_from_the_guide_to_three_workers_on_postgresql(root, script, tmp_path):
    bash = shutil.which("bash")
    assert bash is not None
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PLACEMENT_STATE_DIR": str(tmp_path), "NO_PROXY": "*"}
    with (tmp_path / "output").open("wb") as output, (tmp_path / "log").open("wb") as log:
        newcomer = subprocess.Popen(
            [bash, "-eu"],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=log,
            start_new_session=True,
        )
        try:
            # No pipefail, and `wait` tells of the killed worker: the page is typed, not run as a script.
            newcomer.communicate(script.replace("\nwait\n", "\nwait || true\n").encode(), timeout=LONGEST_S)
        finally:
            left = [found for found in psutil.process_iter() if _is_of_session(found, newcomer.pid)]
            for process in left:
                process.kill()
    said = (tmp_path / "output").read_text()
    assert newcomer.returncode == 0, (tmp_path / "log").read_text()
    assert len(re.findall(r'"status":"optimal"', said)) == 3, said
    assert left == []


def _is_of_session(process: psutil.Process, session: int) -> bool:
    try:
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
