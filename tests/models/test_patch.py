"""JSON Patch and JSON Merge Patch, by the examples of their RFCs."""

from __future__ import annotations

from typing import Any

import pytest

from models.patch import PatchOperation, merged, patched


@pytest.mark.parametrize(("target", "change", "result"), [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
])  # fmt: skip
def test_merge_patches_do_what_their_rfc_says(target: Any, change: Any, result: Any) -> None:
    assert merged(target, change) == result


def test_a_merge_patch_leaves_the_original_as_it_is() -> None:
    target = {"a": {"b": 1}}
    merged(target, {"a": {"b": 2}})
    assert target == {"a": {"b": 1}}


def test_a_patch_adds_replaces_and_reads_escaped_names() -> None:
    body = {"a/b": {"~": 1}, "list": [1, 2]}
    operations = [
        PatchOperation(op="replace", path="/a~1b/~0", value=3),
        PatchOperation(op="add", path="/new", value=None),
        PatchOperation(op="replace", path="/list/1", value=5),
    ]
    assert patched(body, operations) == {"a/b": {"~": 3}, "list": [1, 5], "new": None}
    assert body == {"a/b": {"~": 1}, "list": [1, 2]}


def test_what_is_not_there_cannot_be_replaced() -> None:
    with pytest.raises(LookupError):
        patched({}, [PatchOperation(op="replace", path="/a", value=1)])
