"""A process that may read its database and not write it, for a while."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from pathlib import Path

from api.store import StoreUnavailable
from tests.api.store.rows import open_store, plan


async def attempt(url: str) -> str:
    """Whether the store can be opened and written."""
    try:
        async with open_store(url) as store:
            await store.insert(plan())
    except StoreUnavailable:
        return "unavailable"
    return "opened"


def main(folder: Path) -> None:
    """Print what became of opening the store: as it should be, read-only, and as it should be again."""
    if os.geteuid() == 0:  # whom no permission keeps from writing
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    os.chdir(folder)
    url = "sqlite:///plans.sqlite3"
    sys.stdout.write(f"{asyncio.run(attempt(url))}\n")
    for path in (*Path().iterdir(), Path()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    sys.stdout.write(f"{asyncio.run(attempt(url))}\n")
    Path().chmod(0o755)
    for path in Path().iterdir():
        path.chmod(0o644)
    sys.stdout.write(f"{asyncio.run(attempt(url))}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
