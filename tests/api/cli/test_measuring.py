from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.consoles import Exit
from api.measuring import link as link_room
from api.measuring import node as node_room
from api.measuring import node_process
from api.measuring.node import Wish
from api.measuring.node_process import NodeFault
from models import PlanRequest
from models.cluster import NodeKind
from tests.api.cli import measurements
from tests.api.cli.runs import run
from tests.api.measuring.far_ends import serving, throttled


@pytest.fixture
def wishes(monkeypatch: pytest.MonkeyPatch) -> list[Wish]:
    """What the command asked to be measured; the answer is a report by hand."""
    asked: list[Wish] = []

    def measured(wish: Wish, on_progress: Any) -> Any:
        asked.append(wish)
        on_progress("float32 by numpy on cpu")
        return measurements.node_report()

    monkeypatch.setattr(node_process, "measured", measured)
    return asked


@pytest.fixture
def pieces(tmp_path: Path) -> list[str]:
    """Files of a phone, an edge node, and the link between them."""
    files = {
        "phone.json": measurements.node("phone", NodeKind.TERMINAL, 5e9),
        "edge.json": measurements.node("edge", NodeKind.EDGE),
        "link.json": measurements.link("phone", "edge"),
    }
    for name, measured in files.items():
        (tmp_path / name).write_text(measured.model_dump_json(exclude_unset=True))
    return [str(tmp_path / name) for name in files]


def test_a_node_is_shown_with_its_scatter_and_notes(wishes: list[Wish]) -> None:
    result = run("measure", "node", "--id", "edge-1", "--no-torch")
    assert result.exit_code == Exit.OK
    assert "60.0 GFLOP/s" in result.stdout
    assert "4.0 %" in result.stdout
    assert "do not plan for energy" in " ".join(result.stdout.split())


def test_a_node_as_json_is_the_piece_and_the_report(wishes: list[Wish], tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    options = ("--threads", "3", "--seconds", "7", "--dtype", "float64", "--kind", "terminal")
    result = run("measure", "node", "--id", "a", "--no-torch", *options, "--json", "-q", "-o", str(file))
    assert json.loads(result.stdout) == json.loads(file.read_text())
    assert json.loads(result.stdout)["node"]["kind"] == "terminal"
    [wish] = wishes
    assert (wish.threads, wish.seconds, wish.number_format, wish.with_torch) == (3, 7.0, "float64", False)


def test_power_that_the_machine_hides_is_the_catalogues(wishes: list[Wish]) -> None:
    result = run("measure", "node", "--id", "pi", "--no-torch", "--device", "raspberry-pi-5")
    assert "2.80 W" in result.stdout
    assert "catalogue: raspberry-pi-5" in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--device", "raspberry"), "raspberry-pi-5"),
        (("--no-torch", "--dtype", "float16"), "leave out --no-torch"),
        (("--no-torch", "--on", "cuda"), "leave out --no-torch"),
    ],
)
def test_a_wish_that_cannot_be_met_is_bad_input(options: tuple[str, ...], said: str, wishes: list[Wish]) -> None:
    result = run("measure", "node", "--id", "a", *options)
    assert result.exit_code == Exit.BAD_INPUT
    assert said in result.stderr
    assert wishes == []


def test_what_needs_torch_names_the_extra_where_there_is_none(
    wishes: list[Wish], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_room, "torch_is_installed", lambda: False)
    result = run("measure", "node", "--id", "a", "--dtype", "bfloat16")
    assert result.exit_code == Exit.BAD_INPUT
    assert "install layer-placement[measure]" in result.stderr
    assert run("measure", "node", "--id", "a").exit_code == Exit.OK
    assert [wish.with_torch for wish in wishes] == [False]


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (NodeFault("want of memory"), Exit.INTERNAL, "want of memory"),
        (KeyboardInterrupt(), 130, "nothing was measured"),
    ],
)
def test_a_measurement_that_breaks_or_is_interrupted_says_so(
    fault: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(wish: Wish, on_progress: Any) -> None:
        raise fault

    monkeypatch.setattr(node_process, "measured", measured)
    result = run("measure", "node", "--id", "a", "--no-torch")
    assert (result.exit_code, said in result.stderr) == (code, True)


def test_a_link_is_measured_against_a_server_and_written(tmp_path: Path) -> None:
    file = tmp_path / "link.json"
    with serving(token="open-sesame") as server, throttled(server, 2e6, 2e6, 1e-3) as port:
        ends = ("--source", "phone", "--target", "edge")
        result = run(
            "measure", "link", f"127.0.0.1:{port}", *ends, "--seconds", "1", "--token", "open-sesame", "-o", str(file)
        )
    assert result.exit_code == Exit.OK, result.output
    assert "phone <-> edge" in result.stdout
    piece = json.loads(file.read_text())["link"]
    assert (piece["source"], piece["target"]) == ("phone", "edge")
    assert piece["bandwidth_bits_per_s"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("10.0.0.2", "--source", "a", "--target", "b"), "an address and a port are needed"),
        (("10.0.0.2:99999", "--source", "a", "--target", "b"), "an address and a port are needed"),
        (("[::1]:1", "--source", "a", "--target", "a"), "both ends are the same"),
        (("[::1]:1", "--source", "a", "--target", "b", "--timeout", "1"), "::1:1"),
    ],
)
def test_a_link_that_cannot_be_measured_is_bad_input(arguments: tuple[str, ...], said: str) -> None:
    result = run("measure", "link", *arguments)
    assert result.exit_code == Exit.BAD_INPUT
    assert said in result.stderr


def test_ctrl_c_ends_a_link_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(link_room, "measure_link", interrupted)
    with serving() as port:
        result = run("measure", "link", f"127.0.0.1:{port}", "--source", "a", "--target", "b")
    assert (result.exit_code, "nothing was measured" in result.stderr) == (130, True)


def test_a_server_says_where_it_listens_and_ends_by_itself() -> None:
    result = run("measure", "serve", "--minutes", "0.001")
    assert result.exit_code == Exit.OK
    assert result.stdout.startswith("listening on 127.0.0.1:")
    assert "token" not in result.stderr.lower()
    assert "the time is over" in result.stderr


def test_a_server_that_others_reach_asks_for_a_token_of_its_own_making() -> None:
    result = run("measure", "serve", "--host", "0.0.0.0", "--minutes", "0.001")
    assert result.exit_code == Exit.OK
    assert "MEASURE_TOKEN=" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"), [(("--host", "192.0.2.1"), "cannot listen there"), (("--token", "a b"), "without blanks")]
)
def test_a_server_that_cannot_be_is_bad_input(options: tuple[str, ...], said: str) -> None:
    result = run("measure", "serve", *options)
    assert (result.exit_code, said in result.stderr) == (Exit.BAD_INPUT, True)


def test_joined_pieces_are_a_request_that_is_planned_in_one_step(pieces: list[str]) -> None:
    joined = run("measure", "join", *pieces, "--model", "gpt2", "--sequence-length", "64")
    assert joined.exit_code == Exit.OK, joined.stderr
    request = PlanRequest.model_validate_json(joined.stdout)
    assert [node.id for node in request.cluster.nodes] == ["phone", "edge"]
    assert request.workload.source == "phone"
    planned = run("plan", "-", "--json", stdin=joined.stdout)
    assert json.loads(planned.stdout)["status"] == "optimal"


def test_a_joined_request_is_written_and_summed_up(pieces: list[str], tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    options = ("--model", "gpt2", "--workload", "training", "--micro-batches", "4", "--schedule", "1f1b")
    result = run("measure", "join", *pieces, *options, "--objective", "energy", "-o", str(file))
    assert (result.exit_code, result.stdout) == (Exit.OK, "")
    assert "2 nodes, 1 link, from phone" in result.stderr
    body = json.loads(file.read_text())
    assert body["workload"] == {"kind": "training", "source": "phone", "micro_batches": 4, "schedule": "1f1b"}
    assert body["objective"] == {"kind": "energy"}


def layers(node: str) -> dict[str, Any]:
    forward = {"flops": 1e9, "traffic_bytes": 1e6, "output_bytes": 1e3, "time_s": {node: 0.1}}
    return {"layers": [{"kind": kind, "weight_bytes": 1e6, "forward": forward} for kind in ("embedding", "head")]}


def test_a_measured_model_joins_with_the_times_of_every_node(pieces: list[str], tmp_path: Path) -> None:
    files = []
    for node in ("phone", "edge"):
        files.append(str(tmp_path / f"model-{node}.json"))
        Path(files[-1]).write_text(json.dumps({"model": layers(node), "reports": []}))
    one = run("measure", "join", *pieces, files[0])
    assert "layers are not timed on edge" in one.stderr
    both = run("measure", "join", *pieces, *files)
    assert both.exit_code == Exit.OK, both.stderr
    assert "not timed" not in both.stderr
    times = json.loads(both.stdout)["model"]["layers"][0]["forward"]["time_s"]
    assert times == {"phone": 0.1, "edge": 0.1}


def test_pieces_without_power_are_told(pieces: list[str], tmp_path: Path) -> None:
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps({"id": "bare", "memory_bytes": 1e9, "compute_flops_per_s": 1e9}))
    wire = tmp_path / "wire.json"
    wire.write_text(json.dumps({"source": "phone", "target": "bare", "bandwidth_bits_per_s": 1e9}))
    result = run("measure", "join", *pieces, str(bare), str(wire), "--model", "gpt2")
    assert result.exit_code == Exit.OK
    assert "no power is known of bare" in result.stderr


@pytest.mark.parametrize(
    ("chosen", "options", "said"),
    [
        ((0, 1, 2), (), "no piece is a model"),
        ((0, 1, 2), ("--model", "gpt-none"), "gpt-none"),
        ((1,), ("--model", "gpt2"), "no node is of kind terminal"),
        ((0, 2), ("--model", "gpt2"), "/cluster/links/0/target"),
        ((0, 1, 2, 2), ("--model", "gpt2"), "already given"),
    ],
)
def test_pieces_that_make_no_request_are_told_with_what_is_wrong(
    chosen: tuple[int, ...], options: tuple[str, ...], said: str, pieces: list[str]
) -> None:
    result = run("measure", "join", *(pieces[k] for k in chosen), *options)
    assert (result.exit_code, said in result.stderr) == (Exit.BAD_INPUT, True), result.stderr


def test_models_that_differ_and_files_that_are_no_pieces_are_told(pieces: list[str], tmp_path: Path) -> None:
    for name, body in (("a", layers("phone")), ("b", {"layers": layers("edge")["layers"][:1]}), ("c", {"x": 1})):
        (tmp_path / f"{name}.json").write_text(json.dumps(body))
    a, b, c = (str(tmp_path / f"{name}.json") for name in "abc")
    assert "the layers are not those measured" in run("measure", "join", *pieces, a, b).stderr
    assert "it is no measured node, link or model" in run("measure", "join", *pieces, c).stderr
    assert "a piece is a model" in run("measure", "join", *pieces, a, "--model", "gpt2").stderr
