"""GET / and the files of the viewer: a page that asks this service for plans and draws them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.problems import Problem, ProblemType

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
"""Files of other kinds (a licence, say) are plain text."""
_PAGE = "index.html"


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is sent."""

    content: bytes
    compressed: bytes
    """By gzip."""
    media_type: str
    etag: str

    def response(self, request: Request) -> Response:
        headers = {"ETag": self.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.compressed, media_type=self.media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(self.content, media_type=self.media_type, headers=headers)


def router() -> APIRouter:
    """The page, and what it is made of; all read once, at start."""
    routes = APIRouter(include_in_schema=False)
    known = _read()

    @routes.get("/")
    async def page(request: Request) -> Response:
        return known[_PAGE].response(request)

    @routes.get("/assets/viewer/{path:path}")
    async def file(path: str, request: Request) -> Response:
        if path not in known:
            raise Problem(ProblemType.NOT_FOUND, "the viewer has no file of this name")
        return known[path].response(request)

    return routes


def _read() -> Mapping[str, _File]:
    return {path: _file_of(path, content) for path, content in _contents(files("api") / "viewer")}


def _contents(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _contents(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def _file_of(path: str, content: bytes) -> _File:
    media_type = _MEDIA_TYPES.get(path.rpartition(".")[2], "text/plain; charset=utf-8")
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _File(content, gzip.compress(content, mtime=0), media_type, etag)
