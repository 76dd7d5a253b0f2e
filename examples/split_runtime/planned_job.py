"""The job that executes a plan: from a request and its answer to what every node must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.split_runtime.job import InferenceWork, Job, NotRunnable, StageOf, TrainingWork
from models.plan import Plan, Stage
from models.profile import FineTuningMethod, ModelSpec, Optimizer, Quantization
from models.request import PlanRequest
from models.workload import Inference, Training
from placement.catalogue import transformer
from placement.transformers import profile


@dataclass(frozen=True, slots=True)
class Runs:
    """How often a plan is run to be measured."""

    iterations: int = 3
    warm_up: int = 1
    learning_rate: float = 1e-3
    seed: int = 0


def job_of(request: PlanRequest, plan: Plan, runs: Runs | None = None, model: ModelSpec | None = None) -> Job:
    """The job that executes `plan`, an answer to `request`. Raises NotRunnable for what cannot be executed.

    model: the Transformer behind a request whose layers are given outright, because they were measured.
    """
    runs, model = runs or Runs(), model or request.model
    config = _config_of(model)
    if model.quantization not in {None, Quantization.NONE}:
        raise NotRunnable("model.quantization: weights are run as they are")
    if not plan.stages:
        raise NotRunnable(f"the plan has no stages (status {plan.status.value})")
    for stage in plan.stages:
        if stage.transfer_to_next is not None and len(stage.transfer_to_next.route) > 2:
            raise NotRunnable(f"stage on {stage.node}: its output goes over relays; neighbours must be linked directly")
    stages = tuple(StageOf(stage.node, stage.first_layer, stage.stop_layer) for stage in plan.stages)
    derived = profile(model, request.workload)
    if stages[-1].stop != len(derived.layers):
        raise NotRunnable(f"the plan ends at layer {stages[-1].stop}, the model has {len(derived.layers)} layers")
    batch, length = model.micro_batch_size or 1, model.sequence_length or 512
    workload = request.workload
    work: TrainingWork | InferenceWork
    if isinstance(workload, Training):
        work = TrainingWork(
            workload.micro_batches,
            batch,
            length,
            workload.schedule,
            workload.warmup,
            runs.iterations,
            runs.warm_up,
            _lora_rank(model),
            runs.learning_rate,
            pass_seconds(plan.stages),
            transfer_seconds(plan.stages),
        )
    else:
        work = _inference_work(workload, batch, length, runs)
    return Job(config, workload.source, stages, work, _dtype_of(model, config), runs.seed)


def _config_of(model: ModelSpec) -> dict[str, Any]:
    if model.catalogue is not None:
        return dict(transformer(model.catalogue).huggingface_config)
    if model.huggingface_config is None:
        raise NotRunnable("model.layers: layers given outright have no weights; say which model they were measured on")
    return model.huggingface_config


def _dtype_of(model: ModelSpec, config: dict[str, Any]) -> str:
    """As the profile takes it (docs/transformers.md): the request's, else the config's, else float16."""
    if model.dtype is not None:
        return model.dtype.value
    return str(config.get("dtype") or config.get("torch_dtype") or "float16")


def pass_seconds(stages: Sequence[Stage]) -> tuple[tuple[float, float], ...]:
    """Predicted (forward, backward) seconds of each stage."""
    return tuple((stage.busy_s.forward, stage.busy_s.backward or 0.0) for stage in stages)


def transfer_seconds(stages: Sequence[Stage]) -> tuple[tuple[float, float], ...]:
    """Predicted (activation, gradient) seconds of what crosses the cut behind each stage but the last."""
    return tuple((sent.forward_s, sent.backward_s or 0.0) for stage in stages if (sent := stage.transfer_to_next))


def _inference_work(workload: Inference, batch: int, length: int, runs: Runs) -> InferenceWork:
    if workload.concurrency > 1:
        raise NotRunnable("workload.concurrency: requests are run one after the other")
    return InferenceWork(batch, length, workload.output_tokens, runs.iterations, runs.warm_up)


def _lora_rank(model: ModelSpec) -> int | None:
    tuning = model.fine_tuning
    if tuning is None:
        return None
    if tuning.optimizer is not Optimizer.ADAMW:
        raise NotRunnable(f"model.fine_tuning.optimizer: {tuning.optimizer.value} is not run, only adamw")
    if tuning.target_modules is not None or tuning.recompute_activations:
        raise NotRunnable("model.fine_tuning: target_modules and recompute_activations are not run")
    return tuning.rank if tuning.method is FineTuningMethod.LORA else None
