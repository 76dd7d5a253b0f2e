"""The service and its solver processes run where every socket to the outside is forbidden, and miss nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import examples

ROOT = Path(__file__).parents[3]
WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        outside = isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        outside = arguments[0] not in (None, "", "localhost", "127.0.0.1", "::1", b"127.0.0.1")
    else:
        return
    if outside:
        with open(os.environ["WATCHED"], "a") as file:
            file.write(f"{event} {arguments}\\n")
        raise PermissionError(event)

sys.addaudithook(watch)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Every Python process that is started with it tells of, and fails at, each call to the outside."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLACEMENT_")}
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "WATCHED": str(tmp_path / "outside"),
        "PLACEMENT_STATE_DIR": str(tmp_path / "state"),
        "PLACEMENT_DRAIN_NOTICE_S": "0",
    }


def test_the_watch_sees_and_stops_what_goes_outside(environment, tmp_path):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert b"PermissionError" in done.stderr
    assert "192.0.2.1" in (tmp_path / "outside").read_text()


def test_neither_the_service_nor_its_solvers_call_outside(environment, tmp_path):
    service = subprocess.Popen(
        [sys.executable, "-m", "api.cli.app", "serve", "--port", "0"],
        env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert service.stderr is not None
        said = []
        while not (running := re.search(r"running on (http://127\.0\.0\.1:\d+)", said[-1] if said else "")):
            said.append(service.stderr.readline())
            assert said[-1], "".join(said)
        ask_everything(running[1])
    finally:
        service.terminate()
        service.communicate(timeout=60)
    assert not (tmp_path / "outside").exists()


def ask_everything(address: str) -> None:
    """One request to each kind of endpoint; every one is answered 200."""
    asked = {
        "/plan": example(examples.Purpose.PLAN, "two-nodes-by-hand"),
        "/plan:validate": example(examples.Purpose.PLAN, "two-nodes-by-hand"),
        "/frontier": example(examples.Purpose.FRONTIER, "two-nodes-by-hand"),
        "/profiles": example(examples.Purpose.PROFILE, "llama-2-7b-inference"),
    }
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for path, body in asked.items():
        with opener.open(f"{address}{path}", data=body, timeout=60) as answer:
            assert answer.status == 200, path
    for path in ("/", "/docs", "/openapi.json", "/examples", "/catalogue/models", "/plans", "/readyz", "/metrics"):
        with opener.open(f"{address}{path}", timeout=60) as answer:
            assert answer.status == 200, path


def example(purpose: examples.Purpose, name: str) -> bytes:
    [found] = [each for each in examples.of(purpose) if each.name == name]
    return found.read()
