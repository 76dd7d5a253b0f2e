"""The examples of docs/command-line.md: how they are found, prepared and run.

`python -m tests.api.cli.command_page` writes what the commands print now into the page.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import examples
from models.cluster import NodeKind
from tests.api.cli import measurements
from tests.api.cli.runs import run

PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"
EXAMPLE = re.compile(r"^```console\n\$ ([^\n]*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
"""A command and what it prints."""


def prepared(folder: Path) -> None:
    """The files that the page's examples read."""
    by_name = {(example.purpose, example.name): example.read() for example in examples.EXAMPLES}
    (folder / "request.json").write_bytes(by_name[examples.Purpose.PLAN, "two-nodes-by-hand"])
    tight = json.loads((folder / "request.json").read_bytes()) | {"constraints": {"max_latency_s": 0.2}}
    (folder / "tight.json").write_text(json.dumps(tight))
    (folder / "trade-offs.json").write_bytes(by_name[examples.Purpose.FRONTIER, "two-nodes-by-hand"])
    (folder / "mine.json").write_bytes(by_name[examples.Purpose.EVALUATE, "two-nodes-too-much-on-the-phone"])
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    for name, measured in (
        ("phone", measurements.node("phone", NodeKind.TERMINAL, 5e9)),
        ("edge", measurements.node("edge", NodeKind.EDGE)),
        ("link", measurements.link("phone", "edge")),
    ):
        (folder / f"{name}.json").write_text(measured.model_dump_json(exclude_unset=True))


def output_of(command: str) -> str:
    """What a command, or a pipe of them, prints in the end; trailing blanks are left out."""
    printed: str | None = None
    for part in command.split(" | "):
        program, *arguments = shlex.split(part)
        printed = f"{arguments[0]}\n" if program == "echo" else run(*arguments, stdin=printed).output
    return "".join(f"{line.rstrip()}\n" for line in (printed or "").rstrip().splitlines())


def comparable(printed: str) -> str:
    """The text without what differs from run to run: who solved, and how long that took."""
    printed = re.sub(r"solved by .*?\n\n", "solved by ...\n\n", printed, flags=re.DOTALL)
    return re.sub(r"^(OPTIMAL .* gap ).*$", r"\1...", printed, flags=re.MULTILINE)


def rewritten(text: str) -> str:
    """The page with what its commands print now; runs in a folder of their files."""
    return EXAMPLE.sub(lambda found: f"```console\n$ {found[1]}\n{output_of(found[1])}```", text)


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    page = PAGE.resolve()
    with TemporaryDirectory() as folder, chdir(folder):
        prepared(Path(folder))
        os.environ["PLACEMENT_STATE_DIR"] = str(Path(folder) / "state")
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
