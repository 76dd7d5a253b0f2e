"""A request is chosen, pasted and edited; what is wrong with it is said at the field."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.workbench import choose_example, figure, opened, paste, row_of, solve, verdict


def test_an_example_is_picked_and_planned(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    card = solve(page)
    expect(card).to_contain_text("Proven optimal")
    expect(card.locator(".tile.main")).to_contain_text("350\u202fms")


def test_the_first_page_offers_every_example_of_the_service(watched, address):
    page = opened(watched.page, address)
    names = {entry["name"] for entry in page.request.get(f"{address}/examples").json()["examples"]}
    offered = {option.get_attribute("value") for option in page.locator("#example option").all()}
    assert names <= offered
    for name in offered - {""}:
        assert page.request.get(f"{address}/examples/{name}").status == 200
    page.locator(".example", has_text="Two nodes and four layers").click()
    verdict(page)


def test_a_model_of_the_catalogue_and_a_device_are_chosen(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    page.get_by_label("Transformer").select_option("gpt2")
    page.get_by_label("Device of the catalogue").select_option("jetson-agx-orin-32")
    page.get_by_role("button", name="Add device").click()
    expect(page.locator("[data-section=nodes] .row-name")).to_have_text(["phone", "edge", "jetson-agx-orin-32"])
    page.locator("[data-section=links] > summary").click()
    page.get_by_label("Kind of link of the catalogue").select_option("ethernet-1g")
    page.get_by_role("button", name="Add link").click()
    link = row_of(page, "link", 1)
    expect(link.get_by_label("from", exact=True)).to_have_value("phone")
    expect(link.get_by_label("to", exact=True)).to_have_value("jetson-agx-orin-32")
    card = solve(page)
    expect(card.locator(".verdict-title")).to_have_text("gpt2 on 3 nodes")


def test_nodes_and_links_are_edited_and_removed_in_the_form(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "llama-2-7b-phone-jetson-edge")
    node = row_of(page, "node", 1)
    node.get_by_label("id", exact=True).fill("box")
    node.get_by_label("id", exact=True).blur()
    expect(page.locator("[data-section=nodes] .row-name")).to_have_text(["phone", "box", "edge-server"])
    link = row_of(page, "link", 0)
    expect(link.locator(".row-name")).to_have_text("phone ↔ box")
    row_of(page, "node", 1).get_by_role("button", name="Remove node box").click()
    expect(page.locator("[data-section=nodes] .row-name")).to_have_text(["phone", "edge-server"])
    expect(page.locator("[data-section=links] .row-name")).to_have_text(["phone ↔ edge-server"])
    row_of(page, "node", 1).get_by_label("memory", exact=True).fill("40 GB")
    card = solve(page)
    expect(card.locator(".verdict-title")).to_have_text("Llama-2-7B on 2 nodes")


def test_matrices_become_a_list_of_the_same_links(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "mixtral-edge-servers")
    before = solve(page).locator(".tile").first.inner_text()
    page.locator("[data-section=links] > summary").click()
    page.get_by_role("button", name="Turn into a list").click()
    rows = page.locator("[data-section=links] .row-name")
    expect(rows.first).to_contain_text("↔")
    page.locator("[data-section=solver] > summary").click()
    page.get_by_label("seed").fill("7")
    assert solve(page).locator(".tile").first.inner_text() == before


def test_faults_are_shown_at_their_fields(watched, address):
    watched.forgiven.append("422")
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    memory = row_of(page, "node", 1).get_by_label("memory", exact=True)
    memory.fill("16 bananas")
    page.locator("[data-section=solver] > summary").click()
    limit = page.get_by_label("time limit (s)")
    limit.fill("0")
    page.locator("[data-section=solver] > summary").click()
    page.locator(".editor-foot").get_by_role("button", name="Find the best plan").click()
    problem = page.locator(".problem")
    expect(problem).to_be_focused()
    expect(problem.get_by_role("listitem")).to_have_count(2)
    expect(memory).to_have_attribute("aria-invalid", "true")
    expect(limit).to_be_visible()
    expect(page.locator(".fault", has_text="must be a size in bytes")).to_be_visible()
    described = page.locator(f"#{memory.get_attribute('aria-describedby')}")
    expect(described).to_contain_text("must be a size in bytes")
    problem.get_by_role("button", name="/cluster/nodes/1/memory_bytes").click()
    expect(memory).to_be_focused()
    memory.fill("16 GiB")
    memory.blur()
    expect(memory).not_to_have_attribute("aria-invalid", "true")
    limit.fill("10")
    solve(page)
    expect(problem).to_be_hidden()


def test_json_is_pasted_and_what_cannot_be_read_is_said(watched, address):
    page = opened(watched.page, address)
    request = page.request.get(f"{address}/examples/two-nodes-by-hand").json()
    page.get_by_role("button", name="JSON", exact=True).click()
    editor = page.get_by_label("Request as JSON")
    editor.fill("{")
    editor.blur()
    expect(page.locator("#json-fault")).to_contain_text("This is not a request")
    editor.fill('{"cluster": {"nodes": []}}')
    editor.blur()
    expect(page.locator("#json-fault")).to_contain_text("model, workload is missing")
    editor.fill(json.dumps(request))
    editor.blur()
    expect(page.locator("#json-fault")).to_be_empty()
    page.get_by_role("button", name="Form", exact=True).click()
    expect(page.locator("[data-section=nodes] .row-name")).to_have_text(["phone", "edge"])
    solve(page)


def test_a_file_is_opened(watched, address, tmp_path):
    page = opened(watched.page, address)
    file = tmp_path / "request.json"
    file.write_bytes(page.request.get(f"{address}/examples/gpt-2-raspberry-pis").body())
    page.get_by_role("button", name="JSON", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Form", exact=True).click()
    expect(page.locator("[data-section=nodes] .row-name")).to_have_count(4)


def test_workload_objective_and_limits_change_what_is_asked_for(watched, address):
    page = opened(watched.page, address)
    choose_example(page, "two-nodes-by-hand")
    for section in ("workload", "objective", "limits"):
        page.locator(f"[data-section={section}] > summary").click()
    page.get_by_label("optimise").select_option("energy")
    page.get_by_label("latency at most (s)").fill("1")
    card = solve(page)
    expect(card).to_contain_text("least energy")
    assert figure(page, "explanation").count() <= 1
    with page.expect_request("**/plan") as sent:
        page.get_by_label("latency at most (s)").fill("")
        page.locator(".editor-foot").get_by_role("button", name="Find the best plan").click()
    body = sent.value.post_data_json
    assert body["objective"] == {"kind": "energy"}
    assert "constraints" not in body
    verdict(page)


def test_names_from_outside_are_never_read_as_markup(watched, address):
    page = opened(watched.page, address)
    request = page.request.get(f"{address}/examples/two-nodes-by-hand").json()
    text = json.dumps(request).replace('"edge"', json.dumps("<img src=x onerror=alert(1)>"))
    paste(page, json.loads(text.replace('"kind": "<img src=x onerror=alert(1)>"', '"kind": "edge"')))
    solve(page)
    expect(page.locator("#result img")).to_have_count(0)
    expect(figure(page, "stages")).to_contain_text("<img src=x onerror=alert(1)>")
