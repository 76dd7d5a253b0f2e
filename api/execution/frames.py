"""What crosses the line between the service and a worker: marked, length-prefixed bytes, nothing else.

A frame is one byte (its mark), four bytes (its length, big-endian) and that many bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

_HEADER = struct.Struct("!BI")
LONGEST_BYTES = 2**32 - 1


class Mark(IntEnum):
    """What a frame holds."""

    READY = 1
    """Worker: it can take jobs. Empty."""
    ORDER = 2
    """Service: an `Order` as JSON; the body follows as the next frame."""
    BODY = 3
    """Service: the request of that order."""
    CANCEL = 4
    """Service: the id of the job that is to end soon."""
    PROGRESS = 5
    """Worker: what is known so far, as JSON."""
    ANSWER = 6
    """Worker: the job's answer."""
    REFUSAL = 7
    """Worker: what is wrong with the request (problem details)."""
    FAILURE = 8
    """Worker: a stack trace, as text."""


def header(mark: Mark, payload: bytes) -> bytes:
    """What precedes `payload` on the line."""
    return _HEADER.pack(mark, len(payload))


class Frames:
    """Cuts what arrives into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, arrived: bytes) -> Iterator[tuple[Mark, bytes]]:
        """The frames that are complete now; raises ValueError for a mark that nobody sends."""
        buffer = self._buffer
        buffer += arrived
        while len(buffer) >= _HEADER.size:
            mark, length = _HEADER.unpack_from(buffer)
            end = _HEADER.size + length
            if len(buffer) < end:
                return
            payload = bytes(memoryview(buffer)[_HEADER.size : end])
            del buffer[:end]
            yield Mark(mark), payload
