"""Colours and hatches of pictures: those of Okabe and Ito, which colour-blind readers tell apart.

The viewer's style sheets name the same colours (api/viewer/css/tokens.css); hatches say the same once more.
"""

from __future__ import annotations

from dataclasses import dataclass

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
SKY, VERMILLION, YELLOW = "#56b4e9", "#d55e00", "#f0e442"
INK, QUIET, LINE, LANE = "#15202b", "#4b5967", "#d7dee6", "#eef1f5"
STAGES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW)
"""In turn; a stage's number always stands beside its colour."""
ON_DARK, ON_LIGHT = "#ffffff", "#10161d"
HATCH_INK = "#10161d73"
"""Half transparent: a hatch shall not be louder than the colour below it."""


@dataclass(frozen=True, slots=True)
class Paint:
    """How an activity is drawn."""

    words: str
    colour: str
    hatch: str = ""


ACTIVITIES = {
    "forward": Paint("forward", BLUE),
    "backward": Paint("backward", ORANGE, "////"),
    "decode": Paint("decode", SKY),
    "update": Paint("update", YELLOW, "++++"),
    "input": Paint("input sent", GREEN),
    "activation": Paint("activations sent", GREEN),
    "gradient": Paint("gradients sent", VERMILLION, "////"),
    "label": Paint("labels sent", PURPLE, "----"),
    "result": Paint("result sent", PURPLE, "||||"),
}


def stage_colour(index: int) -> str:
    """The colour of a stage."""
    return STAGES[index % len(STAGES)]


def ink_on(colour: str) -> str:
    """Text on this colour: white on blue, dark on the others."""
    return ON_DARK if colour == BLUE else ON_LIGHT
