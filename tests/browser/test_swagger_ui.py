"""An operator without internet: Swagger UI shows everything, and a plan can be asked for in it."""

from __future__ import annotations

import json
import re
import urllib.request

from playwright.sync_api import Locator, Page, expect


def opened(page: Page, address: str, operation: str) -> Locator:
    """The block of one operation, unfolded."""
    page.goto(f"{address}/docs")
    block = page.locator(f"[id$='-{operation}'].opblock")
    block.locator(".opblock-summary-control").click()
    expect(block.locator(".opblock-body")).to_be_visible()
    return block


def test_every_operation_is_shown_under_its_tag(watched, address):
    with urllib.request.urlopen(f"{address}/openapi.json") as answer:
        document = json.load(answer)
    ids = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    page = watched.page
    page.goto(f"{address}/docs")
    expect(page.locator(".opblock")).to_have_count(len(ids))
    for operation in ids:
        expect(page.locator(f"[id$='-{operation}'].opblock")).to_be_visible()
    for tag in document["tags"]:
        expect(page.locator(f"#operations-tag-{tag['name']}")).to_contain_text(tag["description"][:30])
    expect(page.locator(".info .title")).to_contain_text("OAS 3.1")


def test_a_plan_is_asked_for_with_try_it_out_and_comes_back_optimal(watched, address):
    block = opened(watched.page, address, "plan")
    block.locator("select").filter(has_text="Two nodes and four layers").select_option("two-nodes-by-hand")
    expect(block.locator("textarea.body-param__text")).to_have_value(re.compile("four layers"))
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response").first
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    body = answer.locator(".highlight-code").first
    expect(body).to_contain_text('"status": "optimal"')
    expect(body).to_contain_text('"latency_s": 0.35008')


def test_another_example_of_the_list_can_be_chosen_and_a_fault_is_shown(watched, address):
    block = opened(watched.page, address, "evaluatePlan")
    block.locator(".opblock-section-request-body select").last.select_option("two-nodes-too-much-on-the-phone")
    editor = block.locator("textarea.body-param__text")
    expect(editor).to_have_value(re.compile('"max_latency_s": 1'))
    block.get_by_role("button", name="Execute").click()
    body = block.locator(".live-responses-table .response .highlight-code").first
    expect(body).to_contain_text("the latency is 1.25008 s, max_latency_s allows 1 s")


def test_the_fields_of_a_request_are_described_with_units(watched, address):
    block = opened(watched.page, address, "plan")
    block.locator(".opblock-section-request-body").get_by_role("tab", name="Schema").click()
    schema = block.locator(".opblock-section-request-body .json-schema-2020-12").first
    for name in ("cluster", "nodes", "Items", "compute_flops_per_s"):
        schema.locator("button.json-schema-2020-12-accordion").filter(has_text=re.compile(f"^{name}$")).first.click()
    expect(schema.get_by_text("Sustained (not peak) rate in FLOP/s").first).to_be_visible()


def test_the_first_page_leads_to_the_documentation(watched, address):
    watched.page.goto(f"{address}/")
    watched.page.get_by_role("link", name="API").click()
    expect(watched.page.locator(".opblock").first).to_be_visible()
