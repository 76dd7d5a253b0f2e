"""What a person does on the viewer's page, for the tests."""

from __future__ import annotations

import json
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

SOLVED_MS = 60_000
"""To catch a hang."""


def opened(page: Page, address: str) -> Page:
    """The page, ready."""
    page.goto(f"{address}/")
    expect(page.locator("html")).to_have_attribute("data-ready", "true")
    return page


def choose_example(page: Page, name: str) -> None:
    """Start from an example."""
    with page.expect_response(f"**/examples/{name}"):
        page.get_by_label("Start from").select_option(name)


def paste(page: Page, request: dict[str, Any]) -> None:
    """Put a request in as JSON, and go back to the form."""
    page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_label("Request as JSON").fill(json.dumps(request))
    page.get_by_role("button", name="Form", exact=True).click()


def solve(page: Page, status: str = "optimal") -> Locator:
    """Ask for the best plan; gives the card that says what came of it."""
    page.evaluate("document.querySelector('.verdict')?.removeAttribute('data-status')")
    page.locator(".editor-foot").get_by_role("button", name="Find the best plan").click()
    return verdict(page, status)


def verdict(page: Page, status: str = "optimal") -> Locator:
    """The card of an answer with this status, once it is there."""
    expect(page.locator("#progress")).to_be_hidden(timeout=SOLVED_MS)
    card = page.locator(f".verdict[data-status={status}]")
    expect(card).to_be_visible(timeout=SOLVED_MS)
    return card


def figure(page: Page, name: str) -> Locator:
    """A card by what it shows: cluster, timeline, memory ..."""
    return page.locator(f"[data-figure={name}]")


def table_of(page: Page, name: str) -> list[list[str]]:
    """The rows of a chart's table, unfolded."""
    card = figure(page, name)
    card.locator(".data-table > summary").click()
    expect(card.locator(".data-table tbody tr").first).to_be_visible()
    return [row.locator("th, td").all_inner_texts() for row in card.locator(".data-table tbody tr").all()]


def row_of(page: Page, what: str, index: int) -> Locator:
    """A node or link of the form, unfolded."""
    section = page.locator(f"[data-section={what}s]")
    if section.get_attribute("open") is None:
        section.locator("> summary").click()
    row = section.locator(f".form-row[data-index='{index}']")
    if row.get_attribute("open") is None:
        row.locator("> summary").click()
    return row


def faults_of(page: Page) -> list[str]:
    """Serious and critical findings of axe-core, with the places."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
