"""What an answer shows: cluster, timeline, memory, energy, rules, why; the frontier; what would help without a plan."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

import examples
from examples import Purpose
from tests.browser.workbench import SOLVED_MS, choose_example, figure, opened, paste, solve, table_of, verdict


def test_the_stages_are_on_the_nodes_and_the_traffic_is_on_the_links(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    cluster = figure(page, "cluster")
    expect(cluster.locator(".node")).to_have_count(2)
    expect(cluster.locator(".node .node-layers")).to_have_text(["layers 0\N{EN DASH}1", "layers 2\N{EN DASH}3"])
    expect(cluster.locator(".flow-label")).to_contain_text(["500\u202fkB · 40.0\u202fms"])
    rows = table_of(page, "cluster")
    assert [row[0] for row in rows] == ["phone", "edge", "phone → edge", "edge → phone"]


def test_the_timeline_shows_every_pass_of_every_micro_batch_and_can_be_zoomed(watched, address, picture):
    page = opened(watched.page, address)
    choose_example(page, "llama-3-8b-lora-five-wifi-nodes")
    solve(page)
    picture(page, "plan")
    timeline = figure(page, "timeline")
    for activity in ("forward", "backward", "update", "activation", "gradient"):
        expect(timeline.locator(f"rect.ink-{activity}").first).to_be_attached()
    assert timeline.locator("rect.ink-forward.mark").count() == 48 + 1  # six stages, eight micro-batches; the legend
    body = timeline.get_by_role("group", name=re.compile("Timeline"))
    widths = body.locator("rect.ink-forward").evaluate_all(
        "bars => bars.map((bar) => Number(bar.getAttribute('width')))"
    )
    bar = body.locator("rect.ink-forward").nth(widths.index(max(widths)))
    before = float(bar.get_attribute("width"))
    timeline.get_by_role("button", name="Zoom in").click()
    zoomed = float(bar.get_attribute("width"))
    assert zoomed > 1.2 * before
    body.focus()
    page.keyboard.press("+")
    assert float(bar.get_attribute("width")) > 1.2 * zoomed
    place = float(bar.get_attribute("x"))
    page.keyboard.press("ArrowLeft")
    assert float(bar.get_attribute("x")) >= place
    page.keyboard.press("0")
    assert abs(float(bar.get_attribute("width")) - before) < 0.01
    bar.hover()
    expect(page.locator(".tooltip")).to_contain_text("micro-batch")
    assert len(table_of(page, "timeline")) == body.locator("rect.mark").count()


def test_memory_and_energy_are_shown_by_part_with_units(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "gpt-2-raspberry-pis")
    solve(page)
    memory = table_of(page, "memory")
    assert len(memory) == 4
    assert all(row[-1].endswith("%") and "iB" in row[-2] for row in memory)
    expect(figure(page, "memory").locator(".legend")).to_contain_text("KV cache")
    energy = table_of(page, "energy")
    assert all(row[-2].endswith("J") for row in energy)


def test_simple_rules_stand_beside_the_plan(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "llama-2-7b-phone-jetson-edge")
    solve(page)
    rules = figure(page, "baselines")
    expect(rules.locator("tbody tr")).to_have_count(6)
    expect(rules).to_contain_text("best single node")
    expect(rules).to_contain_text("1.41\u202f\N{MULTIPLICATION SIGN} slower")
    expect(rules).to_contain_text("phone needs 7.32 GiB more memory")


def test_the_plan_is_explained_and_what_would_change_it_is_asked_for_and_tried(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    why = figure(page, "explanation")
    expect(why).to_contain_text("bottleneck")
    why.get_by_role("button", name="What would change it?").click()
    expect(why.locator(".effects li").first).to_be_visible(timeout=SOLVED_MS)
    why.get_by_role("button", name=re.compile("Try it")).first.click()
    expect(page.locator(".editor .hint").first).to_contain_text("Changed:")
    verdict(page)


def test_losing_a_node_and_keeping_more_layers_private_are_planned(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    page.get_by_role("button", name="Lose a node or a link").click()
    lost = figure(page, "variants").get_by_role("row", name="without edge")
    expect(lost).to_contain_text("not possible", timeout=SOLVED_MS)
    page.get_by_role("button", name="Keep more layers private").click()
    privacy = figure(page, "privacy")
    expect(privacy.locator(".series-mark").first).to_be_attached(timeout=SOLVED_MS)
    expect(privacy).to_contain_text("guarantee")
    privacy.get_by_text("What is known of attacks").click()
    expect(privacy.get_by_role("link").first).to_be_visible()


def test_a_point_of_the_frontier_shows_its_plan(watched, address, picture):
    page = opened(watched.page, address)
    request = next(example for example in examples.of(Purpose.FRONTIER) if example.name == "vit-jetson-or-5g")
    paste(page, json.loads(request.read()))
    page.locator(".editor-foot").get_by_role("button", name="Trace the frontier").click()
    frontier = figure(page, "frontier")
    points = frontier.get_by_role("button", name=re.compile(r"^Point \d+"))
    expect(points.first).to_be_visible(timeout=SOLVED_MS)
    total = points.count()
    assert total == 4
    expect(frontier.locator(".point-label")).to_have_text("knee")
    points.first.click()
    card = page.locator(".verdict")
    expect(card).to_contain_text(f"Point 1 of {total} on the frontier")
    fastest = card.locator(".tile").first.inner_text()
    points.last.focus()
    page.keyboard.press("Enter")
    expect(card).to_contain_text(f"Point {total} of {total} on the frontier")
    assert card.locator(".tile").first.inner_text() != fastest
    expect(points.last).to_have_attribute("aria-pressed", "true")
    picture(page, "frontier", frontier)


def test_where_no_plan_exists_a_button_applies_what_would_help(watched, address, picture):
    page = opened(watched.page, address)
    choose_example(page, "llama-2-7b-phone-and-tablet")
    card = solve(page, "infeasible")
    expect(card).to_contain_text("No plan exists")
    expect(figure(page, "reasons")).to_contain_text("memory")
    expect(figure(page, "reasons").locator(".need-fill").first).to_be_visible()
    picture(page, "infeasible")
    figure(page, "relaxations").get_by_role("button", name=re.compile("Apply and solve: phone")).click()
    expect(verdict(page)).to_contain_text("Proven optimal")


def test_an_energy_chart_without_power_figures_says_so(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    for index in (0, 1):
        row = page.locator(f"[data-section=nodes] .form-row[data-index='{index}']")
        row.locator("summary").click()
        for field in ("idle power (W)", "busy power (W)"):
            row.get_by_label(field).fill("")
    page.locator("[data-section=links] > summary").click()
    row = page.locator("[data-section=links] .form-row[data-index='0']")
    row.locator("summary").click()
    for field in ("power, sending (W)", "power, receiving (W)"):
        row.get_by_label(field).fill("")
    solve(page)
    expect(figure(page, "energy")).to_contain_text("no power figures")
