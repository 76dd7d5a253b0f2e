from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from examples.split_runtime import network
from examples.split_runtime.fleet import Fleet, Ground
from examples.split_runtime.network import Network, NoNamespaces

WAIT_S = 60.0
NODE = """
import sys
from multiprocessing.connection import Connection
from examples.split_runtime.protocol import Ground
from examples.split_runtime.worker import _be_a_node
_be_a_node(Connection(int(sys.argv[1])), Ground.LOOPBACK)
"""
DRIVER = """
import time
from examples.split_runtime.network import Network, NoNamespaces
try:
    print(Network()._holder.pid, flush=True)
except NoNamespaces as refused:
    print(f"refused: {refused}", flush=True)
time.sleep(600)
"""


def test_a_node_ends_when_its_driver_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with subprocess.Popen([sys.executable, "-c", NODE, str(theirs.fileno())], pass_fds=[theirs.fileno()]) as node:
        theirs.close()
        connection = Connection(ours.detach())
        assert connection.recv() == node.pid
        connection.close()
        assert node.wait(WAIT_S) == 0


def test_nothing_of_the_network_outlives_a_driver_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        said = driver.stdout.readline()
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait(WAIT_S)
    if said.startswith("refused"):
        assert "namespace" in said or "not installed" in said
        return
    end_s = time.monotonic() + WAIT_S
    while Path(f"/proc/{said.strip()}/ns/net").exists() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert not Path(f"/proc/{said.strip()}/ns/net").exists()


def test_without_the_tools_links_are_slowed_in_the_nodes_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network.shutil, "which", lambda tool: None if tool == "tc" else f"/sbin/{tool}")
    with pytest.raises(NoNamespaces, match="not installed: tc"):
        Network()
    assert Fleet(["phone"]).ground is Ground.LOOPBACK
    with pytest.raises(NoNamespaces):
        Fleet(["phone"], Ground.NAMESPACES)
