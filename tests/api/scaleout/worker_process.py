"""A worker in a process of its own, whose work are the doubles: python -m tests.api.scaleout.worker_process URL SLOTS.

Ends with whoever started it: when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from tests.api.scaleout.together import worker_side


def _end_with_the_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


async def _work(url: str, slots: int) -> None:
    async with worker_side(url, slots, most_attempts=2):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    asyncio.run(_work(sys.argv[1], int(sys.argv[2])))
