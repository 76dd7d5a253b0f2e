"""A process whose files may not grow any more, for a while: the system refuses the writes, as on a full disk."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys

from api.store import PlanStore, StoreUnavailable
from tests.api.store.rows import every_read, fails, open_store, plan

ROOM_BYTES = 2**20


async def main(url: str) -> None:
    """Print how many plans were promised until the disk was full, and what became of a plan and of reads then."""
    async with open_store(url) as store:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, most))
        promised = [0]
        while sum(accepted := await asyncio.gather(*(is_accepted(store) for _ in range(4)))) == len(accepted):
            promised.append(len(accepted))
        promised.append(sum(accepted))
        while_full = [await is_accepted(store) for _ in range(4)]
        readable = not any((await fails(every_read(store))).values())
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        afterwards = await is_accepted(store)
    async with open_store(url) as store:
        kept = len(await store.unfinished())
    promises = sum(promised) + sum(while_full)
    sys.stdout.write(json.dumps([promises, while_full[-1], readable, afterwards, kept]))


async def is_accepted(store: PlanStore) -> bool:
    try:
        await store.insert(plan(request=os.urandom(37 * 1024)))
    except StoreUnavailable:
        return False
    return True


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
