from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import torch

from examples.split_runtime.fleet import Fleet, Ground
from examples.split_runtime.job import Crossing, Job, Kind, TrainingWork
from examples.split_runtime.privacy import leaks
from examples.split_runtime.text import Text
from tests.examples.split_runtime.jobs import ELSEWHERE, STRAIGHT, U_SHAPED, generation, training

WAIT_S = 120.0
RECORDER = """
import select, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
wire.bind(("port1", 0))
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    if select.select([wire], [], [], 0.05)[0]:
        sys.stdout.buffer.write(wire.recv(1 << 17))
while select.select([wire], [], [], 0.1)[0]:
    sys.stdout.buffer.write(wire.recv(1 << 17))
"""


def test_a_u_shaped_split_lets_neither_tokens_nor_labels_leave_the_terminal(fleet: Fleet) -> None:
    job = training(U_SHAPED, iterations=1)
    with recorded(fleet) as wire:
        crossings = fleet.run(job, WAIT_S).crossings
    assert leaks(crossings, "phone") == ()
    assert {crossing.dtype for crossing in crossings} == {"float32"}
    assert [text for text in _texts(job) if text in wire] == []


def test_labels_that_cross_to_the_last_stage_are_noticed_and_counted(fleet: Fleet) -> None:
    job = training(STRAIGHT, iterations=1)
    with recorded(fleet) as wire:
        crossings = fleet.run(job, WAIT_S).crossings
    assert leaks(crossings, "phone") == ("8 messages with labels (int32, 2 x 8) went from phone to edge-2",)
    if fleet.ground is Ground.NAMESPACES:
        # The recorder would have seen them above.
        assert all(any(text in wire for text in texts) for texts in _by_micro_batch(job))


def test_prompts_of_a_model_that_begins_elsewhere_are_noticed(fleet: Fleet) -> None:
    prompts, tokens = leaks(fleet.run(generation(ELSEWHERE), WAIT_S).crossings, "phone")
    assert prompts == "2 messages with raw tokens (int32, 2 x 6) went from phone to edge-1"
    assert tokens == "8 messages with raw tokens (int32, 2 x 1) went from phone to edge-1"


def test_integers_are_noticed_whatever_they_are_called() -> None:
    disguised = Crossing("phone", "edge-1", Kind.ACTIVATION, "int64", (2, 8), 1, 128)
    back = Crossing("edge-1", "phone", Kind.RESULT, "int32", (2, 1), 1, 8)
    assert leaks([disguised, back], "phone") == ("1 messages with integers (int64, 2 x 8) went from phone to edge-1",)


@contextmanager
def recorded(fleet: Fleet) -> Iterator[bytearray]:
    """Every byte on the terminal's cable; none where the nodes are not in namespaces."""
    wire = bytearray()
    if fleet._network is None:
        yield wire
        return
    holder = str(fleet._network._holder.pid)
    enter = ["nsenter", "--target", holder, *(["--user", "--preserve-credentials"] if fleet._network._user else [])]
    command = [*enter, "--net", sys.executable, "-c", RECORDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b"ready\n"
        stream = recorder.stdout
        reading = Thread(target=lambda: wire.extend(stream.read()))
        reading.start()
        yield wire
        assert recorder.stdin is not None
        recorder.stdin.write(b"\n")
        recorder.stdin.close()
        reading.join()
    assert len(wire) > 4 * 2 * 8 * 32 * 4  # activations at least were there to be seen


def _by_micro_batch(job: Job) -> list[list[bytes]]:
    """Every sequence's tokens from the second on, as 4-byte and as 8-byte integers; grouped by micro-batch."""
    work = job.work
    assert isinstance(work, TrainingWork)
    groups = []
    for iteration in range(work.warm_up + work.iterations):
        drawn = Text(256, job.seed).batch(iteration, work.micro_batches * work.batch, work.sequence_length + 1)
        for tokens in drawn.chunk(work.micro_batches):
            rows = tokens[:, 1:-1]
            groups.append([row.to(kind).numpy().tobytes() for row in rows for kind in (torch.int32, torch.int64)])
    return groups


def _texts(job: Job) -> list[bytes]:
    return [text for group in _by_micro_batch(job) for text in group]
