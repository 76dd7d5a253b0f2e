"""Connections that trickle: each is given up in the end, and none hinders another."""

from __future__ import annotations

import asyncio
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


def test_a_head_that_never_ends_and_comes_in_parts_is_refused(served, app):
    with served(app) as port:
        whole = HEAD.replace(b"close", b"keep-alive") + b"content-length: 2\r\n\r\nab"
        received = ask(port, whole, HEAD, *[b"x-filler: " + b"a" * 1000 + b"\r\n"] * 100, pause_s=0.001)
        assert received.startswith(b"HTTP/1.1 200")
        assert received.count(b"HTTP/1.1 400") == 1


def test_trailers_that_never_end_are_refused(served, app):
    with served(app) as port:
        chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n"
        assert ask(port, chunked, *[b"x-filler: " + b"a" * 1000 + b"\r\n"] * 100).startswith(b"HTTP/1.1 400")


def test_a_body_in_chunks_of_one_byte_is_read(served, app):
    with served(app) as port:
        body = b"1\r\na\r\n" * 1000 + b"0\r\n\r\n"
        assert ask(port, HEAD + b"transfer-encoding: chunked\r\n\r\n" + body).endswith(b"\r\n\r\n1000")


def test_trailers_are_no_headers(served):
    app = FastAPI()

    @app.post("/length")
    async def names(request: Request) -> list[str]:
        await request.body()
        return list(request.headers)

    with served(app) as port:
        body = b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
        received = ask(port, HEAD + b"transfer-encoding: chunked\r\n\r\n" + body)
    assert json.loads(received.partition(b"\r\n\r\n")[2]) == ["host", "connection", "transfer-encoding"]


def test_requests_that_come_all_at_once_are_answered_in_turn(served, app):
    with served(app) as port:
        one = HEAD.replace(b"close", b"keep-alive") + b"content-length: 2\r\n\r\nab"
        received = ask(port, one * 2000 + HEAD + b"content-length: 3\r\n\r\nabc")
        assert received.count(b"HTTP/1.1 200") == 2001
        assert received.endswith(b"\r\n\r\n3")


def test_a_slow_answer_is_not_cut_short_by_a_further_head_that_trickles(served, monkeypatch):
    monkeypatch.setattr(slow_heads, "HEAD_S", PATIENCE_S / 4)
    app = FastAPI()

    @app.post("/length")
    async def slow() -> str:
        await asyncio.sleep(PATIENCE_S)
        return "at last"

    with served(app) as port:
        whole = HEAD.replace(b"close", b"keep-alive") + b"content-length: 0\r\n\r\n"
        received = ask(port, whole, b"POST /len", pause_s=0.05)
    assert received.endswith(b'"at last"')


@pytest.mark.parametrize("hosts", [b"", b"host: localhost\r\nhost: elsewhere\r\n"], ids=["none", "two"])
def test_a_request_names_one_host(served, app, hosts):
    with served(app) as port:
        head = b"POST /length HTTP/1.1\r\nconnection: close\r\n" + hosts
        assert ask(port, head + b"content-length: 0\r\n\r\n").startswith(b"HTTP/1.1 400")
