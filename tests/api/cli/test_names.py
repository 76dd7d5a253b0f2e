from __future__ import annotations

from itertools import pairwise

from api.cli.names import cut_middle, plain, shortened


def test_escape_sequences_in_a_name_do_not_reach_the_terminal() -> None:
    assert plain("edge\x1b[31m\n1") == "edge\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}1"


def test_long_text_keeps_its_beginning_and_its_end() -> None:
    assert cut_middle("abcdefghij", 10) == "abcdefghij"
    assert cut_middle("abcdefghijk", 7) == "abc…ijk"


def test_wide_characters_are_counted_by_their_columns() -> None:
    assert cut_middle("端末端末端末", 7) == "端…端末"


def test_short_names_stay_as_they_are() -> None:
    assert shortened(["phone", "phone -> edge"], 20) == {"phone": "phone", "phone -> edge": "phone -> edge"}


def test_a_common_beginning_gives_way_where_a_plain_cut_would_make_names_equal() -> None:
    names = [f"node-in-the-hall-{number:02}-left" for number in (1, 2, 13)]
    assert list(shortened(names, 10).values()) == ["…01-left", "…02-left", "…13-left"]


def test_links_between_nodes_of_long_names_can_be_told_apart() -> None:
    nodes = [f"node-with-a-long-name-{number:02}-in-rack-{number // 8}" for number in range(64)]
    links = [f"{a} -> {b}" for a, b in pairwise(nodes)]
    short = shortened([*nodes, *links, *(f"{b} -> {a}" for a, b in pairwise(nodes))], 20)
    assert len(set(short.values())) == len(short)
    assert max(map(len, short.values())) <= 20
