"""The processes of a fleet's nodes: they take commands from the driver, and end when the driver ends.

Run by fleet as `python -m examples.split_runtime.worker GROUND DESCRIPTOR...`, with one end of a socket pair for each
node. It imports torch once, which takes seconds, and forks a process for each node, in a network namespace of its own
where GROUND says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import sys
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection

from examples.split_runtime.protocol import Call, Failure, Ground, Join

CLONE_NEWNET = 0x40000000
"""From <linux/sched.h>; os.unshare came with Python 3.12."""


def main(arguments: Sequence[str]) -> None:
    """Fork the nodes; return when all of them have ended."""
    ground, descriptors = Ground(arguments[0]), [int(one) for one in arguments[1:]]
    with contextlib.suppress(ImportError):  # only what trains adapters needs it, and says so
        import peft  # noqa: F401  (imported before the nodes part)
    from examples.split_runtime import member  # noqa: F401  (imported before the nodes part)

    for descriptor in descriptors:
        if os.fork() == 0:
            for other in descriptors:
                if other != descriptor:
                    os.close(other)
            _be_a_node(Connection(descriptor), ground)
    for descriptor in descriptors:
        os.close(descriptor)
    for _ in descriptors:
        os.wait()
    os._exit(0)  # nothing is left to be tidied up, and torch would take its time


def _be_a_node(connection: Connection, ground: Ground) -> None:
    """Answer every command with its result or a Failure; never return."""
    if ground is Ground.NAMESPACES and ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        connection.send(Failure(f"unshare: {os.strerror(ctypes.get_errno())}"))
        os._exit(1)
    commands: queue.SimpleQueue[Join | Call] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(connection, commands), daemon=True).start()
    connection.send(os.getpid())
    import torch.distributed as dist

    from examples.split_runtime.member import Member

    member: Member | None = None
    while True:
        command = commands.get()
        try:
            if isinstance(command, Join):
                store = dist.FileStore(command.store, len(command.names))
                member = Member(command.me, command.names, store, command.interface)
                answer = None
            else:
                answer = getattr(member, command.method)(*command.arguments)
        except Exception:  # noqa: BLE001  (whatever it was, the driver has to hear of it)
            answer = Failure(traceback.format_exc())
        connection.send(answer)


def _read(connection: Connection, commands: queue.SimpleQueue[Join | Call]) -> None:
    """End of file means that the driver is gone: nothing that this process waits for will come."""
    while True:
        try:
            commands.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
