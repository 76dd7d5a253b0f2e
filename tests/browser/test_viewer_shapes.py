"""One node and sixty-four, many layers, long names, a phone's window: nothing falls out of the page."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shapes import chain, even_plan
from tests.browser.workbench import choose_example, figure, opened, solve, verdict

LONG_NAME = "node-in-the-long-corridor-of-building-{:02d}-rack-unit-07.example.internal"
PHONE = {"width": 360, "height": 740}


def show(page: Page, address: str, request: dict) -> None:
    """A placement of this request on the page, as if it was stored."""
    plan_id = "plan-shape"
    plan = even_plan(address, request, plan_id)
    page.route(f"**/plans/{plan_id}", lambda route: route.fulfill(json=plan))
    page.route(f"**/plans/{plan_id}/request", lambda route: route.fulfill(body=json.dumps(request)))
    page.goto(f"{address}/#/plans/{plan_id}")
    verdict(page, "feasible")


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate("Math.max(0, document.documentElement.scrollWidth - innerWidth)")


def texts_outside(page: Page) -> list[str]:
    """Texts of charts that reach beyond their drawing."""
    return page.evaluate(
        """() => [...document.querySelectorAll("svg.chart")].flatMap((svg) => {
             const frame = svg.getBoundingClientRect();
             return [...svg.querySelectorAll("text")].filter((text) => {
               const box = text.getBoundingClientRect();
               const outside = box.left < frame.left - 2 || box.right > frame.right + 2;
               return outside && box.width > 0 && !text.closest("[clip-path]");
             }).map((text) => text.textContent);
           })"""
    )


@pytest.mark.parametrize(
    ("nodes", "layers", "name"), [(1, 4, "laptop-{}"), (8, 126, LONG_NAME), (64, 126, "node-{:02d}")]
)
def test_every_size_of_plan_is_drawn_within_the_page(watched, address, picture, nodes, layers, name):
    page = watched.page
    show(page, address, chain(nodes, layers, name=name, micro_batches=8))
    expect(figure(page, "cluster").locator(".node")).to_have_count(nodes)
    expect(page.locator(".strip > li")).to_have_count(nodes)
    expect(figure(page, "memory").locator(".bar-row")).to_have_count(nodes)
    assert overflow(page) == 0
    assert texts_outside(page) == []
    labels = figure(page, "memory").locator(".bar-row > .label").all_text_contents()
    assert len(set(labels)) == nodes
    if nodes == 64:
        picture(page, "64-nodes")


def test_two_thousand_activities_are_drawn_and_links_are_shown_on_demand(watched, address):
    page = watched.page
    show(page, address, chain(64, 126, micro_batches=8))
    timeline = figure(page, "timeline")
    expect(timeline.locator(".lane")).to_have_count(64)
    timeline.get_by_label("links").check()
    assert timeline.locator(".lane").count() > 150
    assert timeline.locator(".figure-body rect.mark").count() == 2000
    assert page.evaluate("performance.getEntriesByName('placement:answer').length") >= 1


@pytest.mark.parametrize("nodes", [3, 20])
def test_a_phone_shows_the_answer_first_and_nothing_sideways(watched, address, picture, nodes):
    page = watched.page
    page.set_viewport_size(PHONE)
    show(page, address, chain(nodes, 40, name=LONG_NAME, micro_batches=4))
    expect(page.locator(".editor-foot")).to_be_hidden()
    assert overflow(page) == 0
    assert texts_outside(page) == []
    if nodes == 3:
        picture(page, "phone", figure(page, "cluster"))
    page.get_by_role("button", name="Show the request").click()
    expect(page.locator(".editor-foot")).to_be_visible()
    assert overflow(page) == 0


def test_a_narrower_window_draws_the_charts_again(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "gpt-2-raspberry-pis")
    solve(page)
    chart = figure(page, "timeline").locator("svg.chart")
    wide = chart.bounding_box()["width"]
    page.set_viewport_size(PHONE)
    expect(chart).not_to_have_attribute("width", str(int(wide)))
    expect(chart).to_be_visible()
    assert chart.bounding_box()["width"] < 360
    assert overflow(page) == 0
