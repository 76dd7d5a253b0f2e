"""The page at / and its files: complete, without anything inline or from elsewhere, and as they were vendored."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from api.plots import palette

VIEWER = Path(__file__).parents[3] / "api" / "viewer"
OWN = sorted(
    path for path in VIEWER.rglob("*") if path.suffix in {".js", ".css", ".html"} and "vendor" not in path.parts
)
LONGEST_FILE_LINES = 300


def test_the_page_is_served_with_headers_that_forbid_everything_inline(client):
    page = client.get("/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "style=" not in page.text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=", page.text)


def test_a_page_that_did_not_change_keeps_the_policy_that_it_came_with(client):
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert "content-security-policy" not in again.headers
    assert again.headers["x-content-type-options"] == "nosniff"


def test_every_file_that_the_page_or_a_module_names_is_served(client):
    page = client.get("/").text
    wanted = set(re.findall(r'(?:src|href)="(assets/[^"]+)"', page))
    for path in (path for path in OWN if path.suffix == ".js"):
        for imported in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            target = (path.parent / imported).resolve().relative_to(VIEWER)
            wanted.add(f"assets/viewer/{target.as_posix()}")
    assert len(wanted) > 40
    for address in wanted:
        answer = client.get(f"/{address}")
        assert answer.status_code == 200, address
        kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[address.rpartition(".")[2]]
        assert answer.headers["content-type"].startswith(kind)


def test_a_file_that_did_not_change_is_not_sent_again(client):
    first = client.get("/assets/viewer/js/main.js")
    again = client.get("/assets/viewer/js/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_files_are_sent_compressed_to_whoever_takes_it(client):
    plain = client.get("/assets/viewer/vendor/d3/d3.min.js", headers={"Accept-Encoding": "identity"})
    packed = client.get("/assets/viewer/vendor/d3/d3.min.js", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.content == plain.content


@pytest.mark.parametrize("path", ["../routes/viewer.py", "..%2froutes%2fviewer.py", "js/none.js", "", "js"])
def test_nothing_else_is_served(client, path):
    answer = client.get(f"/assets/viewer/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_vendored_files_are_those_of_the_manifest():
    folder = VIEWER / "vendor" / "d3"
    manifest = json.loads((folder / "manifest.json").read_text())
    found = {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert found == set(manifest["sha256"])
    for name, expected in manifest["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
    assert f"v{manifest['version']} " in (folder / "d3.min.js").read_text()[:100]
    assert "Permission to use" in (folder / "LICENSE").read_text()


def test_no_own_file_outgrows_its_room():
    lengths = {path.name: len(path.read_text().splitlines()) for path in OWN}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE_LINES} == {}


def test_no_own_file_reads_text_as_markup_or_code():
    for path in (path for path in OWN if path.suffix == ".js"):
        found = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
        )
        assert found is None, path


def test_pictures_of_the_command_line_have_the_colours_of_the_page():
    tokens = (VIEWER / "css" / "tokens.css").read_text()
    for name in ("blue", "orange", "green", "purple", "sky", "vermillion", "yellow"):
        assert re.search(rf"--{name}: {getattr(palette, name.upper())};", tokens), name


def test_both_dark_themes_are_the_same():
    tokens = (VIEWER / "css" / "tokens.css").read_text()
    chosen, by_system = (
        dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in re.findall(r"color-scheme: dark;([^}]+)}", tokens)
    )
    assert chosen == by_system
    assert len(chosen) > 15
