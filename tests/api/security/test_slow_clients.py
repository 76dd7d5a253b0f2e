"""Connections that trickle: each is given up in the end, and none hinders another."""

from __future__ import annotations

import json
import socket
import time

import pytest
from fastapi import FastAPI, Request

from api import answers
from api.requests import read_body
from api.security import slow_heads

PATIENCE_S = 0.4


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(slow_heads, "HEAD_S", PATIENCE_S)
    app = FastAPI()
    answers.install(app)

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await read_body(request, 1000, PATIENCE_S))

    return app


def ask(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """What comes back for these pieces until the service closes the connection, at most 20 s."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break  # given up already
            time.sleep(pause_s)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


HEAD = b"POST /length HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"


def test_a_head_that_trickles_is_given_up(served, app):
    with served(app) as port:
        assert ask(port, *[bytes([byte]) for byte in HEAD[:30]], pause_s=0.05) == b""


def test_a_connection_that_says_nothing_is_given_up(served, app):
    with served(app) as port:
        assert ask(port) == b""


def test_the_second_head_on_a_connection_has_its_time_too(served, app):
    with served(app) as port:
        whole = HEAD.replace(b"close", b"keep-alive") + b"content-length: 2\r\n\r\nab"
        received = ask(port, whole, b"POST /len", b"gth HT", pause_s=0.1)
        assert received.startswith(b"HTTP/1.1 200")
        assert received.count(b"HTTP/1.1") == 1


def test_a_body_that_trickles_is_answered_408_and_the_connection_closed(served, app):
    with served(app) as port:
        received = ask(port, HEAD + b"content-length: 100\r\n\r\n", *[b"x"] * 20, pause_s=0.05)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        assert json.loads(body)["type"] == "/problems/body-too-slow"


def test_a_body_that_takes_longer_than_a_head_may_but_not_too_long_is_read(served, app):
    with served(app) as port:
        received = ask(port, HEAD + b"content-length: 4\r\n\r\n", b"ab", b"cd", pause_s=0.1)
        assert received.endswith(b"\r\n\r\n4")


@pytest.mark.parametrize(
    "framing",
    [b"content-length: 4\r\ncontent-length: 5\r\n", b"content-length: -1\r\n", b"content-length: 4, 5\r\n",
     b"content-length: 0x4\r\n", b"transfer-encoding: gzip, chunked\r\n", b"transfer-encoding: cow\r\n"],
    ids=["two lengths", "negative", "list", "hexadecimal", "two codings", "unknown coding"],
)  # fmt: skip
def test_lengths_that_contradict_each_other_or_mean_nothing_are_refused(served, app, framing):
    with served(app) as port:
        received = ask(port, HEAD + framing + b"\r\nabcd")
        assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))


def test_a_body_longer_than_it_said_ends_where_it_said(served, app):
    with served(app) as port:
        received = ask(port, HEAD + b"content-length: 4\r\n\r\n" + b"a" * 500)
        assert received.startswith(b"HTTP/1.1 200")
        assert received.endswith(b"4")


def test_a_chunked_body_is_counted_though_it_declared_nothing(served, app):
    with served(app) as port:
        chunks = b"transfer-encoding: chunked\r\n\r\n" + b"1f4\r\n" + b"a" * 500 + b"\r\n"
        received = ask(port, HEAD + chunks + (b"1f4\r\n" + b"a" * 500 + b"\r\n") * 2 + b"0\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 413")


def test_a_head_that_never_ends_is_refused(served, app):
    with served(app) as port:
        assert ask(port, HEAD + b"x-filler: " + b"a" * 100_000).startswith(b"HTTP/1.1 400")
