"""Dashboard, alert rules and the autoscaler's rule are PromQL, and ask only for what the service counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations
from pathlib import Path

import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.execution.base import Ending, Job, Kind, Load, Outcome
from api.observability.instruments import Instruments
from api.problems import ProblemType

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
ADAPTER = yaml.safe_load((FOLDER.parent / "kubernetes" / "prometheus-adapter-values.yaml").read_text())
GIVEN_BY_PROMETHEUS = {"instance", "job", "namespace"}
GIVEN_BY_GRAFANA = {"$__rate_interval": "5m"}
"""What Grafana writes in the place of its variables before Prometheus sees the expression."""


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield reduce(lambda text, entry: text.replace(*entry), GIVEN_BY_GRAFANA.items(), target["expr"])
    for variable in DASHBOARD["templating"]["list"]:
        yield from re.findall(r"label_values\((\w+),", variable.get("definition", ""))
    yield from (rule["expr"] for rule in ALERTS)
    for rule in ADAPTER["rules"]["external"]:
        yield rule["seriesQuery"]
        series = promql.parse(rule["seriesQuery"]).name
        yield rule["metricsQuery"].replace("<<.Series>>", series).replace("<<.LabelMatchers>>", 'namespace="x"')


EXPRESSIONS = sorted(set(expressions()))


@dataclass(frozen=True)
class Asked:
    """A metric within an expression, with all that is around it, outermost first."""

    name: str
    matchers: tuple[tuple[str, str], ...]
    """Labels with the values that are picked, the name apart."""
    around: tuple[promql.Expr, ...]

    @property
    def functions(self) -> tuple[str, ...]:
        return tuple(outer.func.name for outer in self.around if isinstance(outer, promql.Call))


@dataclass
class Parsed:
    """An expression as Prometheus' own grammar reads it; `parse` raises ValueError, also where types do not fit."""

    asked: list[Asked] = field(default_factory=list)
    grouped: set[str] = field(default_factory=set)
    """Labels by which something is aggregated or matched."""

    @classmethod
    def of(cls, expression: str) -> Parsed:
        parsed, around = cls(), []

        def enter(here: promql.Expr) -> None:
            if isinstance(here, promql.VectorSelector):
                assert not here.matchers.or_matchers
                matchers = tuple((each.name, each.value) for each in here.matchers.matchers)
                parsed.asked.append(Asked(here.name, matchers, tuple(around)))
            parsed.grouped.update(_labels_of(here))
            around.append(here)

        promql.walk(promql.parse(expression), enter, lambda _: around.pop() and None)
        return parsed


def _labels_of(here: promql.Expr) -> list[str]:
    if isinstance(here, promql.AggregateExpr):
        return here.modifier.labels if here.modifier else []
    if isinstance(here, promql.BinaryExpr) and here.modifier and here.modifier.matching:
        return here.modifier.matching.labels
    return []


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


def test_both_files_ask_for_something():
    assert len(EXPRESSIONS) > 30


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_asked_for_exists(expression, samples):
    parsed = Parsed.of(expression)
    assert parsed.asked
    for asked in parsed.asked:
        assert asked.name in samples
        assert {label for label, _ in asked.matchers} <= samples[asked.name] | GIVEN_BY_PROMETHEUS
    assert parsed.grouped <= set.union(*(samples[asked.name] for asked in parsed.asked)) | GIVEN_BY_PROMETHEUS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_counters_are_read_as_rates_and_buckets_as_quantiles(expression):
    for asked in Parsed.of(expression).asked:
        if asked.name.endswith(("_total", "_bucket", "_sum", "_count")):
            assert asked.functions[-1] in {"rate", "increase"}
        if asked.name.endswith("_bucket"):
            assert asked.functions[0] == "histogram_quantile"
            assert any("le" in _labels_of(outer) for outer in asked.around)


@pytest.mark.parametrize(
    "wrong",
    ["sum(rate(placement_rejected_total[5m])", "rate(placement_slots)", "placement_slots{instance=}", "sums(a)"],
)
def test_what_prometheus_would_refuse_is_found(wrong):
    with pytest.raises(ValueError, match=r"\w"):
        Parsed.of(wrong)


def test_every_metric_of_ours_is_shown_on_the_dashboard(samples):
    asked = {asked.name for expression in EXPRESSIONS for asked in Parsed.of(expression).asked}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in samples if name.startswith("placement_")}
    assert {name for name in ours - shown if not name.endswith("_created")} == {"placement_recent_solve_seconds"}


def test_reasons_and_kinds_that_are_picked_exist():
    values = {"reason": {kind.value.slug for kind in ProblemType}, "kind": set(Kind), "method": {"POST"},
              "result": {"hit", "miss"}}  # fmt: skip
    picked = {match for expression in EXPRESSIONS for asked in Parsed.of(expression).asked for match in asked.matchers}
    assert {label for label, _ in picked} >= values.keys()
    assert [m for m in picked if m[0] in values and not set(m[1].split("|")) <= values[m[0]]] == []


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
