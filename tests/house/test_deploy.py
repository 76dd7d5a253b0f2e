"""The files that deploy the service, as far as they can be checked without a container engine or a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from api.cli.app import app
from api.settings import Settings

NOT_KUBERNETES_OWN = {"Kustomization", "ServiceMonitor"}
"""Kinds that are no part of Kubernetes, for which its schemas have no word."""
VERSION = "1.30"
"""The oldest release of Kubernetes that is promised; `averageValue` and the rest are older than that."""


def manifests(root: Path) -> Iterator[dict[str, Any]]:
    """Every object of every manifest."""
    for path in sorted((root / "deploy" / "kubernetes").glob("*.yaml")):
        if path.name != "prometheus-adapter-values.yaml":
            yield from yaml.safe_load_all(path.read_text())


@pytest.fixture(scope="module")
def objects(root: Path) -> list[dict[str, Any]]:
    return [found for found in manifests(root) if found["kind"] not in NOT_KUBERNETES_OWN]


@pytest.fixture(scope="module")
def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Templates by the name of their deployment."""
    return {found["metadata"]["name"]: found["spec"]["template"] for found in objects if found["kind"] == "Deployment"}


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    return yaml.safe_load((root / "deploy" / "compose.yaml").read_text())


def environment(root: Path) -> dict[str, str]:
    lines = (root / "deploy" / "placement.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_manifest_is_what_kubernetes_expects(objects):
    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"} <= {
        found["kind"] for found in objects
    }
    for found in objects:
        kubernetes_validate.validate(found, VERSION, strict=True)


def test_kustomize_lists_every_manifest_but_the_optional_ones(root):
    folder = root / "deploy" / "kubernetes"
    listed = set(yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"])
    optional = {
        "kustomization.yaml",
        "secrets.example.yaml",
        "service-monitor.yaml",
        "prometheus-adapter-values.yaml",
    }
    assert listed == {path.name for path in folder.glob("*.yaml")} - optional


def test_pods_run_without_rights_on_a_root_that_cannot_be_written(pods):
    for pod in pods.values():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            rights = container["securityContext"]
            assert rights == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"startupProbe", "livenessProbe", "resources"} <= set(container)
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert container["volumeMounts"] == [{"name": "scratch", "mountPath": "/tmp"}]


def test_every_selector_finds_the_pods_it_is_meant_for(objects, pods):
    labels = {name: pod["metadata"]["labels"] for name, pod in pods.items()}
    for found in objects:
        spec, name = found.get("spec", {}), found["metadata"]["name"]
        if found["kind"] == "Service":
            assert spec["selector"] == labels[name]
        elif found["kind"] in {"Deployment", "PodDisruptionBudget"}:
            assert spec["selector"]["matchLabels"] == labels[name]
        elif found["kind"] == "HorizontalPodAutoscaler":
            assert spec["scaleTargetRef"]["name"] in labels
        elif found["kind"] == "NetworkPolicy":
            wanted = spec["podSelector"].get("matchLabels", {})
            assert any(wanted.items() <= these.items() for these in labels.values())


def test_every_setting_that_is_deployed_exists_and_is_valid(root, objects, monkeypatch):
    (settings,) = (found["data"] for found in objects if found["kind"] == "ConfigMap")
    (secrets,) = (found["stringData"] for found in objects if found["kind"] == "Secret")
    for given in (settings | secrets, environment(root)):
        ours = {name: value for name, value in given.items() if name.startswith("PLACEMENT_")}
        assert {name.removeprefix("PLACEMENT_").lower() for name in ours} <= set(Settings.model_fields)
        with monkeypatch.context() as patch:
            for name, value in ours.items():
                patch.setenv(name, value)
            assert Settings().executor == "queue"


def test_nothing_is_killed_before_its_grace_is_over(objects, pods, compose, root):
    (data,) = (found["data"] for found in objects if found["kind"] == "ConfigMap")
    needed_s = float(data["PLACEMENT_DRAIN_NOTICE_S"]) + float(data["PLACEMENT_DRAIN_GRACE_S"]) + 10.0
    assert all(pod["spec"]["terminationGracePeriodSeconds"] > needed_s for pod in pods.values())
    default = Settings(database_url=environment(root)["PLACEMENT_DATABASE_URL"])
    composed_s = default.drain_notice_s + default.drain_grace_s + 10.0
    for name in ("api", "worker"):
        assert float(compose["services"][name]["stop_grace_period"].removesuffix("s")) > composed_s


def test_the_processes_fit_into_their_memory(objects, pods):
    (data,) = (found["data"] for found in objects if found["kind"] == "ConfigMap")
    (worker,) = pods["placement-worker"]["spec"]["containers"]
    limit = int(worker["resources"]["limits"]["memory"].removesuffix("Gi")) * 2**30
    assert limit > int(data["PLACEMENT_SOLVER_SLOTS"]) * int(data["PLACEMENT_SOLVER_MEMORY_BYTES"])


def test_every_command_is_one_of_ours_with_options_that_it_has(compose, pods):
    commands = get_command(app).commands
    containers = [container for pod in pods.values() for container in pod["spec"]["containers"]]
    given = [entry["command"] for entry in (*compose["services"].values(), *containers) if "command" in entry]
    assert len(given) == 2
    for program, name, *options in given:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert program == "placement"
        assert {option for option in options if option.startswith("--")} <= known


@pytest.mark.parametrize(("age_s", "alive"), [(0, True), (60, False), (None, False)])
def test_probes_of_workers_ask_how_long_ago_there_was_a_sign_of_life(compose, pods, tmp_path, age_s, alive):
    file = tmp_path / "alive"
    if age_s is not None:
        file.touch()
        os.utime(file, (file.stat().st_mtime - age_s,) * 2)
    (container,) = pods["placement-worker"]["spec"]["containers"]
    probes = [container[name]["exec"]["command"] for name in ("startupProbe", "livenessProbe")]
    for command in (*probes, compose["services"]["worker"]["healthcheck"]["test"][1:]):
        script = [part.replace("/tmp/alive", str(file)) for part in command[1:]]
        ended = subprocess.run([sys.executable, *script], check=False, capture_output=True, timeout=60)
        assert (ended.returncode == 0) is alive


def test_services_of_compose_run_without_rights_on_a_root_that_cannot_be_written(compose, root):
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["env_file"] == "placement.env"
    assert compose["services"]["worker"]["deploy"]["replicas"] == 3
    assert compose["networks"]["inside"] == {"internal": True}
    assert all(
        ":" in service["image"] or "layer-placement" in service["image"] for service in compose["services"].values()
    )
    assert "deploy/placement.env" in (root / ".gitignore").read_text().splitlines()


def test_the_password_of_the_example_is_that_of_the_database(root):
    given = environment(root)
    assert given["PLACEMENT_DATABASE_URL"] == (
        f"postgresql://{given['POSTGRES_USER']}:{given['POSTGRES_PASSWORD']}@postgres/{given['POSTGRES_DB']}"
    )


def test_compose_file_keeps_the_compose_specification(root):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run(
        [*command, "deploy/compose.yaml"], cwd=root, check=False, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
