"""Domain types of the layer-placement service: requests, profiles, plans. Imports nothing of ours."""

from models.base import Fault, InvalidInput
from models.cluster import Cluster, Link, LinkMatrix, Node, OperatingPoint
from models.comparison import CompareRequest, Comparison
from models.constraints import Constraints, Objective, Privacy, SolverSettings
from models.frontier import Frontier, FrontierRequest
from models.plan import Evaluation, Plan
from models.profile import Layer, ModelSpec, Pass, Profile
from models.request import EvaluateRequest, PlanRequest
from models.workload import Inference, Training

__all__ = [
    "Cluster", "CompareRequest", "Comparison", "Constraints", "EvaluateRequest", "Evaluation", "Fault", "Frontier",
    "FrontierRequest", "Inference", "InvalidInput", "Layer", "Link", "LinkMatrix", "ModelSpec", "Node", "Objective",
    "OperatingPoint", "Pass", "Plan", "PlanRequest", "Privacy", "Profile", "SolverSettings", "Training",
]  # fmt: skip
