"""The Grafana dashboard and the alert rules ask only for what the service counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.execution.base import Ending, Job, Kind, Load, Outcome
from api.observability.instruments import Instruments
from api.problems import ProblemType

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
METRIC = re.compile(r"\b((?:placement|process)_\w+)(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)(=~|=|!=|!~)"([^"]*)"')
GIVEN_BY_PROMETHEUS = {"instance", "job"}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in DASHBOARD["templating"]["list"]:
        yield from re.findall(r"label_values\((\w+),", variable.get("definition", ""))
    yield from (rule["expr"] for rule in ALERTS)


EXPRESSIONS = sorted(set(expressions()))


@pytest.fixture(scope="module")
def samples() -> dict[str, set[str]]:
    """The labels of every sample that an application exposes once everything has happened."""
    instruments = Instruments()
    instruments.answered("/plan", "POST", 200, 0.1)
    instruments.job_ended(Job("j", Kind.PLAN, b"", 1.0), Ending(Outcome.ANSWERED), "optimal", "labels")
    instruments.rejected("busy")
    instruments.looked_up(hit=True)
    instruments.committed(0.1, 1)
    instruments.watch(lambda: Load(1, 1, 1, 1.0))
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(instruments.exposition().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_asked_for_exists(expression, samples):
    asked = METRIC.findall(expression)
    assert asked
    for name, selector in asked:
        assert name in samples
        labels = {label for label, _, _ in MATCHER.findall(selector)}
        assert labels <= samples[name] | GIVEN_BY_PROMETHEUS
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    assert grouped <= set.union(*(samples[name] for name, _ in asked)) | GIVEN_BY_PROMETHEUS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_counters_are_read_as_rates_and_buckets_as_quantiles(expression):
    assert expression.count("(") == expression.count(")")
    for name, _ in METRIC.findall(expression):
        if name.endswith(("_total", "_bucket", "_sum", "_count")):
            assert re.search(rf"(rate|increase)\({name}", expression)
        if name.endswith("_bucket"):
            assert re.search(r"histogram_quantile\(0\.\d+, sum by \(le\b", expression)


def test_every_metric_of_ours_is_shown_on_the_dashboard(samples):
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in METRIC.findall(" ".join(EXPRESSIONS))}
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in samples if name.startswith("placement_")}
    assert {name for name in ours - shown if not name.endswith("_created")} == {"placement_recent_solve_seconds"}


def test_reasons_and_kinds_that_are_picked_exist():
    values = {"reason": {kind.value.slug for kind in ProblemType}, "kind": set(Kind), "method": {"POST"},
              "result": {"hit", "miss"}}  # fmt: skip
    picked = [match for expression in EXPRESSIONS for match in MATCHER.findall(expression)]
    unknown = [m for m in picked if m[0] in values and not set(m[2].split("|")) <= values[m[0]]]
    assert unknown == []


def test_panels_have_ids_of_their_own_and_do_not_overlap():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = (one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                 or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"])  # fmt: skip
        assert apart
        assert one["x"] + one["w"] <= 24


def test_every_panel_asks_the_chosen_data_source_in_a_unit():
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert {panel["datasource"]["uid"]} | {t["datasource"]["uid"] for t in panel["targets"]} == {
                "${datasource}"
            }


def test_every_alert_says_how_bad_it_is_and_is_explained():
    page = (FOLDER.parents[1] / "docs" / "observability.md").read_text()
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    for rule in ALERTS:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in page


def test_every_metric_of_ours_is_explained(samples):
    page = (FOLDER.parents[1] / "docs" / "observability.md").read_text()
    families = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in samples if name.startswith("placement_")}
    named = {name.removesuffix("_total") for name in families}
    assert {name for name in named if f"`{name}" not in page} == set()
