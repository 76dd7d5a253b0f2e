"""Worked requests, each a JSON file beside this module; the service and the command line read them from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from importlib.resources import files


class Purpose(Enum):
    """What an example is a request for; the value is its folder."""

    PLAN = ""
    """POST /plan; answered with status optimal."""
    INFEASIBLE = "infeasible"
    """POST /plan; answered with status infeasible, and why."""
    FRONTIER = "frontier"
    """POST /frontier."""
    EVALUATE = "evaluate"
    """POST /plan:evaluate."""
    COMPARE = "compare"
    """POST /plan:compare."""
    EXPORT = "export"
    """POST /plan:export."""
    PROFILE = "profiles"
    """POST /profiles."""


@dataclass(frozen=True, slots=True)
class Example:
    """One request, and what it is there to show."""

    purpose: Purpose
    name: str
    title: str
    description: str

    def read(self) -> bytes:
        """The request itself, as JSON."""
        return files(__name__).joinpath(self.purpose.value, f"{self.name}.json").read_bytes()


def of(purpose: Purpose) -> tuple[Example, ...]:
    """All examples of one purpose, easiest first."""
    return tuple(example for example in EXAMPLES if example.purpose is purpose)


EXAMPLES = (
    Example(
        Purpose.PLAN,
        "two-nodes-by-hand",
        "Two nodes and four layers, to check by hand",
        "A phone (1 TFLOP/s) and an edge node (10 TFLOP/s) at 100 Mbit/s. The best plan keeps two layers on the phone: "
        "0.1 s + 0.045 s of transfer + 0.2 s + 0.00508 s for the result = 0.35008 s.",
    ),
    Example(
        Purpose.PLAN,
        "llama-2-7b-phone-jetson-edge",
        "Llama-2-7B inference on a phone, a Jetson and an edge server",
        "512 prompt tokens, 128 answered ones. The edge server has 10 GB to spare, less than the model needs, so the "
        "Jetson takes what is left. Wi-Fi is half duplex and shared by both of the phone's links.",
    ),
    Example(
        Purpose.PLAN,
        "llama-3-8b-lora-five-wifi-nodes",
        "Fine-tuning Llama-3-8B with LoRA over five Wi-Fi nodes, U-shaped",
        "Eight micro-batches under gpipe. The laptop keeps the first two layers, the head and the labels; every "
        "transfer uses the one radio channel, one at a time.",
    ),
    Example(
        Purpose.PLAN,
        "gpt-2-raspberry-pis",
        "GPT-2 over four Raspberry Pis",
        "GPT-2 large in float32 fits no single Pi. Four requests in flight; most requests per second wins.",
    ),
    Example(
        Purpose.PLAN,
        "mixtral-edge-servers",
        "Mixtral 8x7B over edge servers",
        "47 GB of 8-bit weights over an A10, two L4 and a T4, links as dense matrices. First the latency; then, within "
        "2 % of it, the energy.",
    ),
    Example(
        Purpose.PLAN,
        "vit-5g-uplink",
        "ViT-L/16 on a phone with a 5G uplink, least battery",
        "The uplink is half as fast as the downlink and costs 2.9 W while sending. Servers run on mains power and "
        "count no joules; the phone picks one of three operating points, and the answer has to be there in 0.25 s.",
    ),
    Example(
        Purpose.PLAN,
        "llama-3-70b-eight-mixed-nodes",
        "Llama-3-70B over eight mixed nodes, with a deadline and an energy cap",
        "40 GB of 4-bit weights over a laptop, two Jetsons and five GPUs that have 9 to 12 GB to spare. Servers run "
        "anyway, so only what they draw above idle counts; the cap of 1100 J costs two seconds and leaves 10 s enough.",
    ),
    Example(
        Purpose.PLAN,
        "measured-profile-pipeline",
        "Measured seconds per layer and node, most images per second",
        "A camera, three identical Jetsons and two identical Pis, each with a memory limit; camera and Pis cannot "
        "compute and communicate at once.",
    ),
    Example(
        Purpose.INFEASIBLE,
        "llama-2-7b-phone-and-tablet",
        "A request that cannot be met: Llama-2-7B on a phone and a tablet",
        "13.5 GB of weights, 12 GB of memory. The answer says how much is missing.",
    ),
    Example(
        Purpose.FRONTIER,
        "two-nodes-by-hand",
        "Speed or joules over two nodes, to check by hand",
        "The edge node has two operating points. Three trade-offs: split at full rate 0.35 s and 13.1 J, split at the "
        "slow one 0.55 s and 10.9 J, all on the phone 2.1 s and 10.5 J; the second is the knee.",
    ),
    Example(
        Purpose.FRONTIER,
        "vit-jetson-or-5g",
        "ViT-L/16 on a phone, beside a battery-powered Jetson, with a 5G uplink",
        "Four trade-offs. One of them, the Jetson at 15 W, no weighted objective ever finds: it lies behind the line "
        "between its neighbours.",
    ),
    Example(
        Purpose.COMPARE,
        "two-nodes-by-hand",
        "Two nodes by hand: a slower link, no link, least energy, and more layers on the phone",
        "At 10 Mbit/s the transfers take ten times as long (0.45 s); without the link the phone is alone, and 2.1 s "
        "are too long for it. Every layer more on the phone costs less than a second.",
    ),
    Example(
        Purpose.COMPARE,
        "llama-2-7b-when-something-fails",
        "Llama-2-7B on a phone, a Jetson and an edge server: what if one of them fails?",
        "Without the Jetson the server cannot hold the rest; without the server neither can the Jetson. A model half "
        "as large would do.",
    ),
    Example(
        Purpose.EVALUATE,
        "two-nodes-by-hand",
        "The best split of the two-node example",
        "Two layers on the phone, two on the edge node: 0.35008 s.",
    ),
    Example(
        Purpose.EVALUATE,
        "two-nodes-too-much-on-the-phone",
        "One layer too many on the phone",
        "The phone needs 1.1 s for its three layers, which breaks the limit of 1 s; the answer names the violation.",
    ),
    Example(
        Purpose.EXPORT,
        "llama-2-7b-three-nodes",
        "Llama-2-7B on a phone, a Jetson and an edge server, for llama.cpp",
        "The phone is the main host and keeps two blocks, the RPC servers get 9 and 21 of the others; the output "
        "counts as one more: --tensor-split 9,22.",
    ),
    Example(
        Purpose.EXPORT,
        "gpt2-u-shaped",
        "Fine-tuning GPT-2 U-shaped on a laptop and a server, for torch.distributed.pipelining",
        "Split points before block 1 and before the last normalisation; stages 0 and 2 are both of rank 0, for which "
        "torch has no ready schedule: a warning says so.",
    ),
    Example(
        Purpose.PROFILE,
        "llama-2-7b-inference",
        "Llama-2-7B for inference, from its config.json",
        "34 layers with the FLOPs and bytes of the prompt's pass, of one decode step, and the KV cache per request.",
    ),
    Example(
        Purpose.PROFILE,
        "llama-3-8b-lora",
        "Llama-3-8B for LoRA fine-tuning, from the catalogue",
        "Adapters of rank 16 on the query and value projections: what is kept for the backward pass, and for AdamW.",
    ),
)
