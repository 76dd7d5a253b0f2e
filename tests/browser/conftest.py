"""The real service on a loopback port, and a browser that can reach nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Locator, Page, Request, sync_playwright

from api.app import create_app
from api.settings import Settings

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the service answers, solvers and all."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(Settings(database_url="sqlite://")), log_level="warning", ws="none")
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:  # the socket opens once the search is loaded
            thread.join(timeout=0.05)
            assert thread.is_alive(), "the service ended before it was ready"
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; `make test` finds or installs one and says where it is.

    No longer than a module: while Playwright is open no test of the same process can run a loop of its own.
    """
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None, "the browser tests need Chromium; make test installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@dataclass
class Watched:
    """A page, with whatever went wrong on it."""

    page: Page
    outside: list[str] = field(default_factory=list)
    """Addresses of other origins that the page asked for; no name but the service's is found."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings on the console, and uncaught exceptions."""
    forgiven: list[str] = field(default_factory=list)
    """Parts of complaints that a test provokes: browsers call every refused request an error."""


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    """A fresh page; fails the test afterwards when it reached out or complained."""
    context = browser.new_context(viewport={"width": 1280, "height": 1600}, service_workers="block")
    found = Watched(context.new_page())

    def note(request: Request) -> None:
        if not request.url.startswith((address + "/", "data:", "blob:")):
            found.outside.append(request.url)

    # Watched, not routed: each routed request costs two more messages between browser, driver and test.
    context.on("request", note)
    found.page.set_default_timeout(20_000)
    found.page.on("console", lambda m: found.complaints.append(m.text) if m.type in ("error", "warning") else None)
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    yield found
    context.close()
    assert found.outside == []
    assert [text for text in found.complaints if not any(part in text for part in found.forgiven)] == []


@pytest.fixture
def picture() -> Callable[..., None]:
    """Takes a picture of a page for the documentation, where `make screenshots` asks for it."""
    folder = os.environ.get("SCREENSHOTS")

    def take(page: Page, name: str, at: Locator | None = None) -> None:
        if folder is None:
            return
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0)")
        if at is not None:
            at.evaluate("element => element.scrollIntoView({ block: 'center' })")
        page.wait_for_timeout(300)
        page.screenshot(path=Path(folder) / f"{name}.png")

    return take
