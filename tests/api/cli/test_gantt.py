from __future__ import annotations

import pytest

from api.cli.gantt import gantt
from models.plan import Event
from tests.api.cli import samples


def event(resource: str, activity: str, start_s: float, end_s: float, micro_batch: int | None = None) -> Event:
    return Event(resource=resource, activity=activity, start_s=start_s, end_s=end_s, micro_batch=micro_batch)


def lines(*events: Event, width: int = 60, ascii_only: bool = False) -> list[str]:
    return [line.plain for line in gantt(events, width, ascii_only=ascii_only)]


def row(chart: list[str], resource: str) -> str:
    """The bars of a resource, without its name and share."""
    return next(line for line in chart if line.startswith(resource + " ")).split("│")[1]


def test_a_resource_that_is_busy_for_the_first_half_fills_half_of_its_row() -> None:
    bars = row(lines(event("a", "forward", 0, 1), event("b", "backward", 1, 2)), "a")
    assert bars == "█" * (len(bars) // 2) + " " * (len(bars) // 2)


def test_activities_differ_by_glyph_so_that_colour_is_not_needed() -> None:
    activities = ("forward", "backward", "decode", "update", "input", "activation", "gradient", "label", "result")
    for ascii_only in (False, True):
        chart = lines(*(event(name, name, 0, 1) for name in activities), ascii_only=ascii_only)
        glyphs = {line[len("activation ") + 3] for line in chart if line.split(" ")[0] in activities}
        assert len(glyphs) == len(activities)


def test_activities_also_differ_by_colour_between_computing_and_sending() -> None:
    drawn = list(gantt(samples.timeline_of(("a", "b")), 100))
    styles = {str(span.style) for line in drawn for span in line.spans}
    assert {"blue", "magenta", "yellow", "green", "red"} <= styles


def test_without_unicode_only_ascii_is_drawn() -> None:
    text = "".join(line.plain for line in gantt(samples.timeline_of(("a", "b", "c")), 80, ascii_only=True))
    assert text.isascii()


def test_bars_that_are_long_enough_start_with_the_number_of_their_micro_batch() -> None:
    bars = row(lines(event("a", "forward", 0, 1, 0), event("a", "forward", 1, 2, 1)), "a")
    assert bars.replace("█", "") == "01"
    assert bars.index("1") == len(bars) // 2


def test_no_bar_is_numbered_where_the_shortest_of_its_kind_has_no_room() -> None:
    bars = row(lines(event("a", "forward", 0, 0.01, 0), event("a", "forward", 1, 2, 1)), "a")
    assert "1" not in bars


def test_the_activity_that_fills_most_of_a_column_is_the_one_that_is_drawn() -> None:
    many = [event("a", "forward" if n % 4 else "update", n, n + 1) for n in range(4000)]
    assert set(row(lines(*many), "a")) == {"█"}


@pytest.mark.parametrize("width", [40, 80, 140, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    nodes = tuple(f"node-with-a-long-name-{number:02}-in-rack-{number // 8}" for number in range(64))
    assert max(line.cell_len for line in gantt(samples.timeline_of(nodes), width)) <= width


def test_the_axis_has_ticks_at_round_times_over_their_columns() -> None:
    labels, ticks = lines(event("a", "forward", 0, 1.0), width=80)[:2]
    assert labels.split() == ["0", "200", "ms", "400", "ms", "600", "ms", "800", "ms", "1", "s"]
    assert ticks[labels.index("400 ms")] == "┬"


@pytest.mark.parametrize(("end_s", "unit"), [(2e-9, "ns"), (3e-6, "µs"), (0.02, "ms"), (5000.0, "s")])
def test_the_axis_is_in_the_unit_that_suits_the_length(end_s: float, unit: str) -> None:
    assert lines(event("a", "forward", 0, end_s))[0].split()[2] == unit


def test_rows_stand_in_the_order_in_which_work_reaches_them() -> None:
    chart = lines(event("z", "forward", 0, 1), event("z -> a", "activation", 1, 2), event("a", "forward", 2, 3))
    assert [line.split("│")[0].strip() for line in chart if "│" in line] == ["z", "z -> a", "a"]


def test_the_share_of_time_busy_stands_at_the_right() -> None:
    chart = lines(event("a", "forward", 0, 1), event("b", "backward", 1, 4))
    assert [line.split("│")[2].strip() for line in chart if "│" in line] == ["25 %", "75 %"]


def test_the_legend_names_what_was_drawn_and_nothing_else() -> None:
    legend = lines(event("a", "forward", 0, 1), event("a", "update", 1, 2))[-1]
    assert "forward" in legend
    assert "update" in legend
    assert "backward" not in legend


def test_an_activity_of_a_later_version_is_drawn_as_other() -> None:
    chart = lines(event("a", "checkpoint", 0, 1))
    assert set(row(chart, "a")) == {"+"}
    assert "other" in chart[-1]


@pytest.mark.parametrize("events", [(), (event("a", "forward", 1.0, 1.0),)])
def test_a_timeline_without_any_length_draws_nothing(events: tuple[Event, ...]) -> None:
    assert lines(*events) == []
