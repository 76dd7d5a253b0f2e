"""docs/api.md: complete, and its requests are accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path

from api.problems import ProblemType
from api.settings import Settings

GUIDE = (Path(__file__).parents[3] / "docs/api.md").read_text()


def test_the_guide_names_every_endpoint(client):
    for path in client.get("/openapi.json").json()["paths"]:
        assert f"{path}`" in GUIDE, path


def test_the_guide_names_every_problem_with_its_status():
    for kind in ProblemType:
        assert f"| `{kind.value.slug}` | {kind.value.status} |" in GUIDE


def test_the_guide_names_every_setting_with_its_default():
    for name, field in Settings.model_fields.items():
        default = f" {field.default}" if field.default not in (None, ()) else ""
        assert f"| `PLACEMENT_{name.upper()}` |{default} |" in GUIDE


def test_the_problem_in_the_guide_is_the_one_answered(client, body):
    [shown] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL) if "pointer" in block]
    body["cluster"]["nodes"][0]["memory_bytes"] = "16 bananas"
    body["solver"] = {"time_limit_s": 0}
    assert client.post("/plan", json=body).json() == shown


def test_the_shorthands_in_the_guide_are_understood(client, body):
    [shown] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL) if "pinned" in block]
    body["cluster"]["nodes"] += [
        {"id": name, "compute_flops_per_s": 1, "memory_bytes": 1} for name in ("jetson", "edge-7")
    ]
    body["model"]["layers"] += [body["model"]["layers"][1]] * 30
    body["privacy"] = {"head_layers": 1}
    answer = client.post("/plan:validate", json=body | shown)
    assert answer.status_code == 200, answer.text
