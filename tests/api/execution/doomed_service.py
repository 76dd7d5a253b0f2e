"""A service of its own, to be killed: every slot at work, one of them with a program that it started."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from api.execution.base import Job, Kind
from api.execution.supervisor import LocalExecutor
from tests.api.execution.local import doubled


async def main(tell: Path) -> None:
    """Write the number of the started program to `tell`, then work for ever."""
    executor = LocalExecutor(doubled(slots=2))
    await executor.open()
    pid = tell.with_suffix(".pid")
    bodies = [
        {"do": "start_another", "tell": str(pid)},
        {"do": "hold_the_lock", "seconds": 600, "begun": f"{tell}.begun"},
    ]
    jobs = [Job(str(number), Kind.PLAN, json.dumps(body).encode(), 600.0) for number, body in enumerate(bodies)]
    running = [asyncio.create_task(executor.run(job, lambda _: None)) for job in jobs]
    while not (pid.exists() and Path(f"{tell}.begun").exists()):
        await asyncio.sleep(0.01)
    part = tell.with_suffix(".part")
    part.write_text(json.dumps({"grandchild": int(pid.read_text())}))
    part.rename(tell)
    await asyncio.gather(*running)


asyncio.run(main(Path(sys.argv[1])))
