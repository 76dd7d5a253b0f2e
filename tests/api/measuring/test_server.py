from __future__ import annotations

import asyncio
import socket

import pytest

from api.measuring.peer import LinkFault, Peer
from api.measuring.server import PROTOCOL, EchoServer, Limits
from tests.api.measuring.far_ends import serving

HOST = "127.0.0.1"


def answered(port: int, sent: bytes) -> bytes:
    """All that the server answers until it closes the connection."""
    with socket.create_connection((HOST, port), 30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
        return received


def test_what_is_echoed_comes_back_and_what_is_asked_for_comes() -> None:
    with serving(Limits(session_bytes=1000, session_s=7)) as port:
        raw = answered(port, f"{PROTOCOL} -\necho 3\nabcsink 4\nwxyzsource 5\n".encode())
    assert raw == f"{PROTOCOL} ok 1000 7\nok 3\nabcok 4\nok 5\n".encode() + bytes(5)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("GET / HTTP/1.1\n", f"no this is {PROTOCOL}\n"),
        (f"{PROTOCOL} guess\n", "no the token is another one\n"),
        (f"{PROTOCOL} " + 300 * "x" + "\n", "no the line is too long, or not ASCII\n"),
        ("", f"no this is {PROTOCOL}\n"),
    ],
)
def test_a_stranger_is_answered_one_line(sent: str, answer: str) -> None:
    with serving(token="open-sesame") as port:
        assert answered(port, sent.encode()) == answer.encode()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("source 1001", "1000 bytes are left of what this session may use"),
        ("sink 1001", "1000 bytes are left of what this session may use"),
        ("echo 501\n", "1000 bytes are left of what this session may use"),
        ("echo 70000", "at most 65536 bytes are echoed at once"),
        ("source -5", "a command is a word and a number of bytes"),
        ("source", "a command is a word and a number of bytes"),
        ("source 9999999999999999999", "a command is a word and a number of bytes"),
        ("shout 5", "the commands are echo, sink and source"),
    ],
)
def test_a_command_out_of_bounds_ends_the_session_with_the_reason(command: str, reason: str) -> None:
    with serving(Limits(session_bytes=1000)) as port:
        raw = answered(port, f"{PROTOCOL} -\n{command}\n".encode())
    assert raw.split(b"\n")[1:] == [f"no {reason}".encode(), b""]


def test_the_token_opens() -> None:
    with serving(token="open-sesame") as port, Peer(HOST, port, "open-sesame") as peer:
        assert peer.send(10) > 0


def test_one_measurement_at_a_time_and_the_next_when_it_is_over() -> None:
    said: list[str] = []
    with serving(said=said) as port:
        with Peer(HOST, port) as first:
            first.echo(1)
            with pytest.raises(LinkFault, match="busy with another measurement"), Peer(HOST, port):
                pass
        for _ in range(100):  # the server learns of the first one's end a moment later
            try:
                with Peer(HOST, port) as second:
                    second.echo(1)
                break
            except LinkFault:
                continue
        else:
            pytest.fail("the place of the first session was never free again")
    assert any("busy" in line for line in said)


def test_a_session_that_takes_too_long_is_ended() -> None:
    with serving(Limits(session_s=0.1)) as port, Peer(HOST, port) as peer, pytest.raises(LinkFault, match="closed"):
        peer.receive(2**31)


def test_a_stranger_that_says_nothing_is_left() -> None:
    with serving(Limits(idle_s=0.05)) as port, socket.create_connection((HOST, port), 30) as connection:
        assert connection.recv(100) == b""


def test_the_server_ends_by_itself_when_its_time_is_over() -> None:
    said: list[str] = []
    asyncio.run(EchoServer(Limits(life_s=0.05), on_event=said.append).run(HOST, 0))
    assert said == ["the time is over"]


def test_the_server_ends_by_itself_when_its_bytes_are_used_up() -> None:
    said: list[str] = []

    async def used_up() -> None:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving_ = asyncio.create_task(
            EchoServer(Limits(life_bytes=100), None, said.append).run(HOST, 0, port.set_result)
        )
        number = await port
        raw = await asyncio.to_thread(answered, number, f"{PROTOCOL} -\nsource 100\n".encode())
        assert raw == f"{PROTOCOL} ok 100 120\nok 100\n".encode() + bytes(100)
        await asyncio.wait_for(serving_, 30)

    asyncio.run(used_up())
    assert said[-1] == "the bytes are used up"
