"""The documentation: links lead somewhere, the index is complete, and every member of an enum has its heading."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from api.cli.app import app
from models.constraints import Backend, Metric, ObjectiveKind
from models.workload import Schedule, Warmup

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", flags=re.MULTILINE)
FENCE = re.compile(r"^(`{3,}).*?^\1`*$", flags=re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its fenced code."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What a page's headings can be linked as: lower case, without punctuation, blanks as hyphens."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))}


def broken_links(page: Path) -> list[str]:
    """Links of a page to files or headings of this project that are not there."""
    broken = []
    for link in LINK.findall(prose(page)):
        target, _, anchor = link.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    return broken


def test_every_link_in_the_documentation_leads_to_a_file_and_heading(tracked: tuple[Path, ...], root: Path) -> None:
    pages = [path for path in tracked if path.suffix == ".md"]
    broken = {str(page.relative_to(root)): links for page in pages if (links := broken_links(page))}
    assert broken == {}


def test_every_page_of_the_documentation_is_in_an_index(tracked: tuple[Path, ...], root: Path) -> None:
    docs = root / "docs"
    pages = {path for path in tracked if path.suffix == ".md" and docs in path.parents}
    indices = {page for page in pages if page.name == "README.md"}
    listed = {
        (index.parent / link.partition("#")[0]).resolve() for index in indices for link in LINK.findall(prose(index))
    }
    assert sorted(str(page.relative_to(root)) for page in pages - indices - listed) == []


@pytest.mark.parametrize("enum", [ObjectiveKind, Metric, Backend, Schedule, Warmup])
def test_every_choice_in_a_request_has_a_heading_in_the_formulation(enum: type[StrEnum], root: Path) -> None:
    words = {word for heading in HEADING.findall(prose(root / "docs/formulation.md"))
             for word in re.findall(r"[\w-]+", heading)}  # fmt: skip
    assert [member.value for member in enum if member.value not in words] == []


def test_every_decision_says_what_why_and_what_would_change_it(root: Path) -> None:
    parts = ("**Decision.**", "**Why.**", "**What would change our mind.**")
    decisions = [page for page in (root / "docs/decisions").glob("*.md") if page.name != "README.md"]
    lacking = {page.name: part for page in decisions for part in parts if part not in page.read_text()}
    assert decisions
    assert lacking == {}


def test_every_make_target_in_the_readme_exists(root: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z]+)", (root / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"serve", "test"} <= named <= targets


def test_every_command_in_the_readme_exists(root: Path) -> None:
    named = set(re.findall(r"^placement ([a-z]+)", (root / "README.md").read_text(), flags=re.MULTILINE))
    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback is not None
    } | {group.name for group in app.registered_groups}
    assert {"plan", "doctor"} <= named <= known
