"""Everybody can use it: axe-core finds nothing serious, the keyboard reaches everything, colours never speak alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.workbench import SOLVED_MS, choose_example, faults_of, figure, opened, row_of, solve

SCHEMES = ("light", "dark")


def unfold(page: Page, unfolded: bool) -> None:
    """Open or close everything that can be folded."""
    page.evaluate("open => document.querySelectorAll('details').forEach((fold) => { fold.open = open; })", unfolded)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_form_has_no_serious_fault(watched, address, scheme):
    watched.forgiven.append("422")
    page = watched.page
    page.emulate_media(color_scheme=scheme)
    opened(page, address)
    assert faults_of(page) == []
    unfold(page, True)
    row_of(page, "node", 0).get_by_label("memory", exact=True).fill("none")
    row_of(page, "link", 0)
    page.locator(".editor-foot").get_by_role("button", name="Find the best plan").click()
    expect(page.locator(".problem")).to_be_visible()
    assert faults_of(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_answers_have_no_serious_fault(watched, address, picture, scheme):
    page = watched.page
    page.emulate_media(color_scheme=scheme)
    opened(page, address)
    choose_example(page, "measured-profile-pipeline")
    card = solve(page)
    unfold(page, True)
    assert faults_of(page) == []
    unfold(page, False)
    if scheme == "dark":
        picture(page, "plan-dark")
    card.get_by_role("button", name="Compare").click()
    expect(page.get_by_label("Plan A")).to_be_visible()
    assert faults_of(page) == []
    page.get_by_role("link", name="Plan", exact=True).click()
    choose_example(page, "llama-2-7b-phone-and-tablet")
    solve(page, "infeasible")
    assert faults_of(page) == []
    choose_example(page, "two-nodes-by-hand")
    page.locator(".editor-foot").get_by_role("button", name="Trace the frontier").click()
    expect(figure(page, "frontier").locator(".point").first).to_be_visible(timeout=SOLVED_MS)
    assert faults_of(page) == []


def test_the_chosen_theme_is_kept(watched, address):
    page = watched.page
    opened(page, address)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    opened(page, address)
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_a_plan_is_made_and_read_with_the_keyboard_alone(watched, address):
    page = opened(watched.page, address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the answer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#result").get_by_role("button", name="Find the best plan")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_be_visible(timeout=SOLVED_MS)
    expect(page.locator("#announcer")).to_contain_text("Proven optimal")
    page.locator("#answer").focus()
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('[data-figure]')?.dataset.figure ?? ''"))
    assert {"cluster", "timeline", "memory", "energy", "explanation", "baselines"} <= reached


def test_every_chart_has_a_name_a_description_and_a_table(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    charts = page.locator("#result svg.chart")
    assert charts.count() >= 4
    for chart in charts.all():
        for attribute in ("aria-labelledby", "aria-describedby"):
            text = page.locator(f"#{chart.get_attribute(attribute)}").text_content()
            assert text
        assert chart.locator("xpath=ancestor::section[1]").locator(".data-table").count() == 1
