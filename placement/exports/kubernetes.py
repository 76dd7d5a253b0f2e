"""Kubernetes: a Deployment and a Service per stage, bound to its node, and the stages as a ConfigMap."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from models.export import ExportFormat, OptionName
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import JSON, Format, as_json
from placement.exports.subject import Run, Subject

PORT = 29500
IMAGE = "layer-placement-stage:latest"
HOST_LABEL = "kubernetes.io/hostname"
"""Label by which Kubernetes knows a node; `options.devices` gives its value."""


def write(subject: Subject) -> str:
    """A List, which `kubectl apply` takes as one file."""
    items = [_stages(subject)]
    for run in subject.runs:
        items += [_service(subject, run), _deployment(subject, run)]
    return as_json({"apiVersion": "v1", "kind": "List", "items": items})


def _instance(subject: Subject) -> str:
    """Name that all objects begin with; a plan's id is one, lower case, unless somebody made it up."""
    name = re.sub(r"[^a-z0-9-]+", "-", (subject.plan_id or "placement").lower())[:40].strip("-")
    return name if name[:1].isalpha() else f"placement-{name}".strip("-")


def _labels(subject: Subject, run: Run | None = None) -> dict[str, str]:
    labels = {"app.kubernetes.io/name": "layer-placement-stage", "app.kubernetes.io/instance": _instance(subject)}
    return labels if run is None else labels | {"layer-placement/stage": str(run.index)}


def _named(subject: Subject, run: Run) -> str:
    return f"{_instance(subject)}-stage-{run.index}"


def _stages(subject: Subject) -> dict[str, Any]:
    spans = [
        {"node": run.node, "level": run.level, "first_layer": run.first_layer, "stop_layer": run.stop_layer}
        for run in subject.runs
    ]
    workload = subject.request.workload.model_dump(mode="json")
    document = {"model": subject.model_name, "workload": workload, "stages": spans}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{_instance(subject)}-stages", "labels": _labels(subject)},
        "data": {"stages.json": json.dumps(document, indent=2)},
    }


def _service(subject: Subject, run: Run) -> dict[str, Any]:
    """A name by which the stage before finds this one."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _named(subject, run), "labels": _labels(subject, run)},
        "spec": {
            "clusterIP": "None",
            "selector": _labels(subject, run),
            "ports": [{"name": "activations", "port": PORT, "protocol": "TCP"}],
        },
    }


def _deployment(subject: Subject, run: Run) -> dict[str, Any]:
    """One pod: a stage has state, so that an old one has to be gone before a new one starts."""
    annotations = {"layer-placement/node": run.node}
    if run.level is not None:
        annotations["layer-placement/level"] = run.level
    pod = {
        "nodeSelector": {HOST_LABEL: str(subject.device(run.node))},
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(subject, run)],
        "volumes": [{"name": "stages", "configMap": {"name": f"{_instance(subject)}-stages"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _named(subject, run), "labels": _labels(subject, run), "annotations": annotations},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _labels(subject, run)},
            "template": {
                "metadata": {"labels": _labels(subject, run), "annotations": annotations},
                "spec": pod,
            },
        },
    }


def _container(subject: Subject, run: Run) -> dict[str, Any]:
    following = subject.runs[run.index + 1] if run is not subject.runs[-1] else None
    told = {
        "PLACEMENT_STAGE": run.index,
        "PLACEMENT_STAGES": len(subject.runs),
        "PLACEMENT_FIRST_LAYER": run.first_layer,
        "PLACEMENT_STOP_LAYER": run.stop_layer,
        "PLACEMENT_NEXT": "" if following is None else f"{_named(subject, following)}:{PORT}",
    }
    container: dict[str, Any] = {
        "name": "stage",
        "image": subject.options.image or IMAGE,
        "env": [{"name": name, "value": str(value)} for name, value in told.items()],
        "ports": [{"name": "activations", "containerPort": PORT}],
        "volumeMounts": [{"name": "stages", "mountPath": "/etc/placement", "readOnly": True}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if run.memory_bytes is not None:
        container["resources"] = {"requests": {"memory": str(math.ceil(run.memory_bytes))}}
    return container


def usage(subject: Subject) -> tuple[str, ...]:
    """One command."""
    return ("kubectl apply -f placement.json", f"kubectl get pods -l app.kubernetes.io/instance={_instance(subject)}")


FORMAT = Format(
    name=ExportFormat.KUBERNETES,
    title="Kubernetes",
    reads="a Deployment and a Service per stage, and a ConfigMap with all stages",
    filename="placement.json",
    media_type=JSON,
    refused={model.label_unfit: "give the host name that Kubernetes knows in options.devices"},
    lost={
        model.image_not_given: f"{IMAGE} stands in its place: an image of yours that runs a stage",
        model.devices_not_given: f"taken for the label {HOST_LABEL} of a node",
        plan.memory_unknown: "no memory is requested for it",
        plan.operating_points: "an annotation says so; nothing sets it",
        plan.relays: "pods talk to each other directly; the network has to forward",
    },
    write=write,
    usage=usage,
    options={
        OptionName.DEVICES: "the host name by which Kubernetes knows it",
        OptionName.MODEL_NAME: "what stages are told to load: a repository or a folder",
        OptionName.IMAGE: "the container image that runs a stage",
    },
)
