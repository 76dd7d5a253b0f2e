"""Plans are compared, shared by their address, and taken away as files."""

from __future__ import annotations

import json
import re
import struct
from xml.etree import ElementTree as ET

from playwright.sync_api import expect

from tests.browser.workbench import choose_example, faults_of, figure, opened, solve, verdict


def test_two_plans_are_compared(watched, address, picture):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    page.locator("[data-section=objective] > summary").click()
    page.get_by_label("optimise").select_option("energy")
    card = solve(page)
    card.get_by_role("button", name="Compare").click()
    table = figure(page, "comparison")
    latency = table.get_by_role("row", name="latency")
    expect(latency).to_contain_text("worse")
    expect(table.get_by_role("row", name="energy", exact=False).first).to_contain_text("better")
    expect(page.get_by_role("region", name="Differences of both requests")).to_contain_text("/objective")
    picture(page, "compare")
    page.get_by_label("Plan B").select_option(index=0)
    expect(page.get_by_text("Choose two plans")).to_be_visible()


def test_a_plan_is_shared_by_its_address(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "gpt-2-raspberry-pis")
    shown = solve(page).inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    other = page.context.new_page()
    other.goto(link)
    card = verdict(other)
    assert card.inner_text().splitlines()[:6] == shown.splitlines()[:6]
    expect(other.locator("[data-section=nodes] .row-name")).to_have_count(4)
    other.goto(f"{address}/?plan={link.rpartition('/')[2]}")
    verdict(other)


def test_the_way_back_leads_to_the_plan_before(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    first = page.url
    choose_example(page, "gpt-2-raspberry-pis")
    solve(page)
    assert page.url != first
    page.go_back()
    expect(page.locator(".verdict-title")).to_contain_text("2 nodes")
    assert page.url == first


def test_plan_and_request_are_downloaded_as_json(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Plan as JSON").click()
    plan = json.loads(taken.value.path().read_text())
    assert plan["status"] == "optimal"
    assert taken.value.suggested_filename == f"{plan['id']}.json"
    with page.expect_download() as taken:
        page.get_by_role("button", name="Request as JSON").click()
    assert (
        json.loads(taken.value.path().read_text()) == page.request.get(f"{address}/examples/two-nodes-by-hand").json()
    )


def test_a_plan_is_handed_on_to_a_runtime_that_can_say_it(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    card = figure(page, "export")
    card.get_by_label("Runtime").select_option("vllm")
    card.get_by_role("button", name="Write").click()
    expect(card.get_by_label("vllm.env")).to_contain_text("VLLM_PP_LAYER_PARTITION=1,1")
    expect(card.get_by_text("start the ranks in this order")).to_be_visible()
    with page.expect_download() as taken:
        card.get_by_role("button", name="Download vllm.env").click()
    assert taken.value.path().read_text().endswith("VLLM_PP_LAYER_PARTITION=1,1\n")
    assert taken.value.suggested_filename == "vllm.env"


def test_a_runtime_is_told_names_and_addresses_with_the_keyboard_alone(watched, address):
    watched.forgiven.append("422")
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    card = figure(page, "export")
    devices, addresses = (card.get_by_role("group", name=name) for name in ("Devices", "Addresses"))
    card.get_by_label("Runtime").select_option("dnet")
    expect(devices).to_have_accessible_description("For each node the name of its shard. Left empty: the node's id.")
    card.get_by_label("Runtime").focus()
    for text in ("shard-0", "shard-1", "10.0.0.2", "10.0.0.3:9000 ", "org/tiny", "LlamaForCausalLM"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(card.get_by_label("dnet-topology.json")).to_be_visible()
    with page.expect_download() as taken:
        card.get_by_role("button", name="Download dnet-topology.json").click()
    topology = json.loads(taken.value.path().read_text())
    assert topology["model"] == "org/tiny"
    assert [(one["instance"], one["local_ip"], one["server_port"]) for one in topology["devices"]] == [
        ("shard-0", "10.0.0.2", 8081),
        ("shard-1", "10.0.0.3", 9000),
    ]
    expect(card.get_by_text("options.addresses")).to_have_count(0)  # nothing is left to be said

    devices.get_by_label("edge").fill("shard-0")
    expect(card.get_by_label("dnet-topology.json")).to_have_count(0)  # it has another name in it
    addresses.get_by_label("edge").fill("10.0.0.3 9000")
    card.get_by_role("button", name="Write").click()
    expect(addresses.get_by_label("edge")).to_have_attribute("aria-invalid", "true")
    expect(addresses.get_by_label("edge")).to_be_focused()
    expect(card.get_by_text("addresses, edge: must be a host name or an address")).to_be_visible()
    assert faults_of(page) == []
    addresses.get_by_label("edge").fill("")
    card.get_by_role("button", name="Write").click()
    expect(devices.get_by_label("edge")).to_have_accessible_description(re.compile("are both called shard-0"))

    card.get_by_label("Runtime").select_option("deepspeed")
    expect(addresses).to_have_count(0)
    expect(devices.get_by_label("phone")).to_have_value("shard-0")  # machines keep their names


def test_charts_are_downloaded_as_svg_and_png_with_their_colours(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    solve(page)
    timeline = figure(page, "timeline")
    with page.expect_download() as taken:
        timeline.get_by_role("button", name="Download Timeline as SVG").click()
    picture = ET.fromstring(taken.value.path().read_text())
    fills = {element.get("fill") for element in picture.iter()}
    assert "rgb(0, 114, 178)" in fills  # forward passes, told without a style sheet
    assert not any(element.get("class") for element in picture.iter())
    with page.expect_download() as taken:
        timeline.get_by_role("button", name="Download Timeline as PNG").click()
    image = taken.value.path().read_bytes()
    assert image.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", image[16:24])
    assert width > 1000
    assert height > 200
