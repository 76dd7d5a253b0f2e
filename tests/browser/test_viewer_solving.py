"""A solve is watched, cancelled, and survives a stream that breaks; what goes wrong is said on the page."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.shapes import chain
from tests.browser.workbench import choose_example, opened, paste, solve, verdict


def long_request():
    """Takes far longer than any test may."""
    request = chain(24, 60, micro_batches=6)
    request["workload"]["schedule"] = "1f1b"
    request["solver"] = {"time_limit_s": 120}
    for node in request["cluster"]["nodes"]:
        node["memory_bytes"] = 12e9
    ids = [node["id"] for node in request["cluster"]["nodes"]]
    request["cluster"]["links"] = [
        {"source": a, "target": b, "bandwidth_bits_per_s": 1e8 * (1 + (i * j) % 7), "latency_s": 1e-3}
        for i, a in enumerate(ids)
        for j, b in enumerate(ids)
        if i < j <= i + 6
    ]
    return request


def test_incumbent_bound_and_gap_are_shown_while_solving_and_cancelling_gives_the_best_plan(watched, address, picture):
    page = opened(watched.page, address)
    paste(page, long_request())
    page.locator(".editor-foot").get_by_role("button", name="Find the best plan").click()
    cells = page.locator("#progress .progress-cells")
    expect(cells).to_contain_text("%", timeout=60_000)
    expect(page.locator("#progress .best-line")).to_be_visible()
    expect(page.locator("#announcer")).not_to_be_empty()
    expect(page.locator(".editor-foot .primary")).to_be_disabled()
    picture(page, "solving")
    page.get_by_role("button", name="Cancel").click()
    card = verdict(page, "feasible")
    expect(card).to_contain_text("it was cancelled")
    expect(page.locator(".editor-foot .primary")).to_be_enabled()


def test_without_a_stream_of_events_the_plan_is_asked_for_until_it_is_there(watched, address):
    watched.forgiven.append("404")
    page = opened(watched.page, address)
    page.route("**/plans/*/events", lambda route: route.fulfill(status=404, body="no events behind this proxy"))
    choose_example(page, "gpt-2-raspberry-pis")
    solve(page)


def test_an_api_key_is_asked_for_where_one_is_needed(watched, address):
    watched.forgiven.append("401")
    page = opened(watched.page, address)
    shown = []

    def guard(route):
        key = route.request.headers.get("authorization")
        if key is None:
            problem = {"type": "/problems/key-needed", "title": "An API key is needed", "status": 401}
            route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(problem))
        else:
            shown.append(key)
            route.continue_()

    page.route("**/plan", guard)
    choose_example(page, "two-nodes-by-hand")
    page.locator(".editor-foot").get_by_role("button", name="Find the best plan").click()
    dialog = page.get_by_role("dialog", name="API key")
    dialog.get_by_label("key").fill("placement_key")
    dialog.get_by_role("button", name="Use this key").click()
    verdict(page)
    assert shown == ["Bearer placement_key"]


def test_a_service_that_went_away_is_said_on_the_page(watched, address):
    watched.forgiven.append("ERR_FAILED")
    page = opened(watched.page, address)
    page.route("**/plan", lambda route: route.abort())
    page.locator(".editor-foot").get_by_role("button", name="Find the best plan").click()
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()


def test_an_unknown_plan_is_said_on_the_page(watched, address):
    watched.forgiven.append("404")
    page = watched.page
    page.goto(f"{address}/#/plans/plan-00000000000000000000000000")
    expect(page.locator(".failure")).to_contain_text("no plan")
