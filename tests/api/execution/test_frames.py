"""Frames survive however the line cuts them up."""

from __future__ import annotations

import pytest

from api.execution.frames import Frames, Mark, header

SENT = [(Mark.ORDER, b"{}"), (Mark.BODY, bytes(range(256)) * 300), (Mark.READY, b""), (Mark.CANCEL, b"job")]
LINE = b"".join(header(mark, payload) + payload for mark, payload in SENT)


@pytest.mark.parametrize("piece", [1, 4, 5, 6, 1000, len(LINE)])
def test_frames_arrive_whole_and_in_order_however_they_are_cut(piece):
    frames = Frames()
    cut = [LINE[at : at + piece] for at in range(0, len(LINE), piece)]
    assert [frame for part in cut for frame in frames.feed(part)] == SENT


def test_a_frame_that_is_not_complete_is_kept_back():
    assert list(Frames().feed(LINE[:6])) == []


def test_what_no_side_sends_is_refused():
    with pytest.raises(ValueError, match="99"):
        list(Frames().feed(b"\x63\x00\x00\x00\x00"))
