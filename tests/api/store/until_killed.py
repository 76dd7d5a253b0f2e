"""Accepts plans without end, eight at a time, and prints the id of each that was acknowledged."""

from __future__ import annotations

import asyncio
import sys

from tests.api.store.rows import open_store, plan


async def main(url: str) -> None:
    """Until killed."""
    async with open_store(url) as store:
        await asyncio.gather(*(accept(store) for _ in range(8)))


async def accept(store) -> None:
    while True:
        row = plan(request=bytes(37 * 1024))
        await store.insert(row)
        sys.stdout.write(f"{row.id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
