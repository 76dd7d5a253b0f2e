"""The Dockerfile, as far as it can be checked without a container engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    """The Dockerfile with continued lines joined."""
    return (root / "Dockerfile").read_text().replace("\\\n", " ")


def instructions(dockerfile: str, name: str) -> list[str]:
    """The arguments of every instruction of that name."""
    return re.findall(rf"^{name}\s+(.*)$", dockerfile, flags=re.MULTILINE)


@contextmanager
def answering_healthz(status: int) -> Iterator[int]:
    """A server on a free loopback port that answers GET /healthz with `status`; gives the port."""

    class Healthz(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with HTTPServer(("127.0.0.1", 0), Healthz) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def health_check(dockerfile: str, port: int) -> int:
    """The exit code of the image's health check command, asked on another port than the image's."""
    (arguments,) = instructions(dockerfile, "HEALTHCHECK")
    command = json.loads(arguments[arguments.index("[") :])
    assert command[0] == "python"
    script = [part.replace(":8000/", f":{port}/") for part in command[1:]]
    return subprocess.run([sys.executable, *script], check=False, capture_output=True, timeout=60).returncode


def test_dockerfile_passes_its_linter(root: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run([hadolint, "Dockerfile"], cwd=root, check=False, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_copied_path_exists_and_is_let_through_by_dockerignore(dockerfile: str, root: Path) -> None:
    let_through = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for arguments in instructions(dockerfile, "COPY")
        if "--from" not in arguments
        for source in arguments.split()[:-1]
    }
    assert copied == let_through
    assert [source for source in sorted(copied) if not (root / source).exists()] == []


def test_every_base_image_names_its_patch_release(dockerfile: str) -> None:
    images = {arguments.split()[0] for arguments in instructions(dockerfile, "FROM")}
    assert [image for image in images if not re.fullmatch(r"python:3\.11\.\d+-slim-\w+", image)] == []


def test_image_runs_as_a_numeric_user_that_is_not_root(dockerfile: str) -> None:
    (user,) = instructions(dockerfile, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_image_starts_the_service_without_a_shell_in_between(dockerfile: str) -> None:
    (command,) = instructions(dockerfile, "CMD")
    assert json.loads(command) == ["placement", "serve", "--host", "0.0.0.0", "--port", "8000"]


def test_health_check_passes_while_the_service_answers(dockerfile: str) -> None:
    with answering_healthz(200) as port:
        assert health_check(dockerfile, port) == 0


def test_health_check_fails_when_the_service_reports_trouble(dockerfile: str) -> None:
    with answering_healthz(503) as port:
        assert health_check(dockerfile, port) != 0


def test_health_check_fails_when_nothing_listens(dockerfile: str) -> None:
    with answering_healthz(200) as port:
        free_again = port
    assert health_check(dockerfile, free_again) != 0


def test_image_holds_the_compiled_search_for_any_processor_of_its_architecture(dockerfile: str) -> None:
    build, run = re.split(r"^FROM .*$", dockerfile, flags=re.MULTILINE)[1:]
    assert "placement.warm_up()" in build
    assert "NUMBA_CPU_NAME=generic" in build.partition("placement.warm_up()")[0]
    assert "NUMBA_CPU_NAME=generic" in run
