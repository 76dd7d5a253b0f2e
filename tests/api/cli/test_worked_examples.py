from __future__ import annotations

import json

import examples
from tests.api.cli.runs import run


def test_every_example_is_listed_and_printed_as_it_is() -> None:
    names = [entry["name"] for entry in json.loads(run("examples", "--json").stdout)]
    assert len(names) == len(set(names)) == len(examples.EXAMPLES)
    listed = run("examples").stdout
    in_order = sorted(examples.EXAMPLES, key=lambda one: list(examples.Purpose).index(one.purpose))
    for name, example in zip(names, in_order, strict=True):
        assert name in listed
        assert json.loads(run("examples", name).stdout) == json.loads(example.read())


def test_an_unknown_example_is_answered_with_the_known_ones() -> None:
    result = run("examples", "nonsense")
    assert result.exit_code == 2
    assert "two-nodes-by-hand" in result.stderr
