"""python -m benchmarks.soak: mixed load and faults for some minutes; exit code 1 when a rule was broken."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random

from benchmarks.served import Served
from benchmarks.soak.callers import Caller
from benchmarks.soak.faults import Mischief
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.memory import Memory
from benchmarks.soak.report import markdown, summary
from benchmarks.soak.settling import settle, stop

SETTINGS = {
    "solver_slots": "2",
    "queue_length": "32",
    "drain_notice_s": "0.2",
    "drain_grace_s": "2",
    # Filled during the warm-up, so that what grows after it is a leak.
    "cache_bytes": str(2 * 2**20),
    "retention_count": "1000000",
}


def main() -> int:
    """Half of the time with restarts of the service, half without, so that its memory can be watched."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the service ends with us
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--callers", type=int, default=8, help="threads that call (default 8)")
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="seconds between faults (default 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--database-url", help="default: SQLite in a temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    settings = SETTINGS | ({"database_url": given.database_url} if given.database_url else {})
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, Served(Path(folder), settings) as served:
        found = _soak(served, given)
    if given.json is not None:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(markdown(found))
    return int(bool(found["broken"]))


def _soak(served: Served, given: argparse.Namespace) -> dict[str, object]:
    ledger, over = Ledger(), threading.Event()
    random = Random(given.seed)  # noqa: S311 - load, not secrets
    mischief, memory = Mischief(served, ledger, random), Memory(served)
    callers = [Caller(served.url, ledger, 1 + given.seed * 1000 + number) for number in range(given.callers)]
    threads = [threading.Thread(target=caller.call_until, args=(over,)) for caller in callers]
    threads.append(threading.Thread(target=memory.watch_until, args=(over,)))
    began = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        _trouble(mischief, began, 60.0 * given.minutes, given.every)
        seconds = time.monotonic() - began
    finally:
        over.set()
        for thread in threads:
            thread.join()
    _say(f"{seconds:.0f} s are over; {len(ledger.promises)} promises are called in")
    ends = settle(served, ledger)
    stop(served, ledger)
    crashes = served.log.read_text(errors="replace").count("Traceback")
    if crashes:
        ledger.accuse("tracebacks in the log", f"{crashes}; the first: {_first_crash(served)}")
    return summary(seconds, ledger, mischief, memory, ends)


def _trouble(mischief: Mischief, began: float, seconds: float, every_s: float) -> None:
    """A fault every so often; a restart that takes longer than that delays the next one."""
    while (passed := time.monotonic() - began) < seconds - every_s:
        time.sleep(every_s - passed % every_s)
        mischief.strike(with_restarts=passed < seconds / 2)
        _say(f"{passed:.0f} s: {dict(mischief.done)}")
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))


def _first_crash(served: Served) -> str:
    log = served.log.read_text(errors="replace")
    return log[max(0, log.find("Traceback") - 300) :][:2500]


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
