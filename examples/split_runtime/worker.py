"""The process of one node of a fleet: takes commands from the driver, and ends when the driver ends.

Run by fleet as `python -m examples.split_runtime.worker DESCRIPTOR`, the descriptor of its end of a socket pair.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from multiprocessing.connection import Connection

from examples.split_runtime.protocol import Call, Failure, Join


def main() -> None:
    """Answer every command with its result or a Failure."""
    connection = Connection(int(sys.argv[1]))
    commands: queue.SimpleQueue[Join | Call] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(connection, commands), daemon=True).start()
    connection.send(os.getpid())
    import torch.distributed as dist  # noqa: PLC0415  (seconds; the driver builds the network meanwhile)

    from examples.split_runtime.member import Member  # noqa: PLC0415

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
    main()
