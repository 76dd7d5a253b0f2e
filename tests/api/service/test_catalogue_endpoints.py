from __future__ import annotations

import pytest


@pytest.mark.parametrize("collection", ["models", "nodes", "links"])
def test_every_entry_of_a_list_is_also_served_alone(client, collection):
    listed = client.get(f"/catalogue/{collection}").json()[collection]
    assert len(listed) >= 10
    for entry in (listed[0], listed[-1]):
        assert client.get(f"/catalogue/{collection}/{entry['id']}").json() == entry


def test_every_catalogue_model_can_be_profiled_by_its_id(client):
    for entry in client.get("/catalogue/models").json()["models"]:
        request = {"catalogue": entry["id"], "workload": {"kind": "inference", "source": "phone"}}
        if not entry["id"].startswith("vit-"):  # images decide the length of their sequence themselves
            request["sequence_length"] = 64
        answer = client.post("/profiles", json=request)
        assert answer.status_code == 200, (entry["id"], answer.text)
