"""A soak in one page, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.recording import machine
from benchmarks.soak.faults import Mischief
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.memory import Memory, growth

MOST_GROWTH = 0.1
"""Of the API process's memory, from after the warm-up to the end."""


def summary(seconds: float, ledger: Ledger, mischief: Mischief, memory: Memory, ends: dict[str, int]) -> dict[str, Any]:
    """Everything that was counted; a growth of memory beyond the limit is a broken rule."""
    life = max(memory.lives, key=lambda life: len(life.service))
    before, after = growth(life.service)
    workers_before, workers_after = growth(life.workers)
    if after > before * (1 + MOST_GROWTH):
        ledger.accuse("memory grows", f"{before:.1f} to {after:.1f} MiB")
    calls = sum(count for what, count in ledger.answers.items() if not what.endswith("no answer"))
    return {
        "machine": machine(),
        "seconds": round(seconds, 1),
        "answers": calls,
        "answers_per_s": round(calls / seconds, 1),
        "faults": dict(mischief.done),
        "restarts_s": mischief.starts_s,
        "promises": len(ledger.promises),
        "ends": dict(ends),
        "keys": len(ledger.keys),
        "bad_inputs_refused": ledger.bad_inputs,
        "memory_mib": {
            "life_s": len(life.service),
            "service": [round(before, 1), round(after, 1)],
            "workers": [round(workers_before, 1), round(workers_after, 1)],
        },
        "by_action": dict(sorted(ledger.answers.items())),
        "broken": dict(ledger.broken),
        "words": ledger.words,
    }


def markdown(found: dict[str, Any]) -> str:
    """The summary as Markdown."""
    where, memory = found["machine"], found["memory_mib"]
    faults = sum(found["faults"].values())
    broken = found["broken"]
    verdict = "Nothing was lost, no rule was broken." if not broken else f"**Rules broken: {broken}**"
    lines = [
        f"{found['seconds']:g} s on {where['cores']} cores ({where['system']}, Python {where['python']}, load "
        f"{where['load_average']} at the end, commit {where['commit']}). {verdict}",
        "",
        *_table("what", "count", [
            ("answers", f"{found['answers']} ({found['answers_per_s']:g}/s)"),
            ("plans promised", f"{found['promises']}, all called in at the end"),
            ("Idempotency-Keys", str(found["keys"])),
            ("bad inputs refused", str(found["bad_inputs_refused"])),
            ("faults", str(faults)),
            (f"memory of the API process, {memory['life_s']} s", "{} -> {} MiB".format(*memory["service"])),
            ("memory of workers (shared pages in each)", "{} -> {} MiB".format(*memory["workers"])),
        ]),
        "",
        *_table("fault", "times", sorted(found["faults"].items())),
        "",
        *_table("how promised plans ended", "plans", sorted(found["ends"].items())),
        "",
        *_table("call and status", "answers", found["by_action"].items()),
    ]  # fmt: skip
    return "\n".join([*lines, *(f"- {words}" for words in found["words"])]) + "\n"


def _table(left: str, right: str, rows: Iterable[tuple[str, Any]]) -> list[str]:
    return [f"| {left} | {right} |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
