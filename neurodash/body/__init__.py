"""The body that every picture shows: its proportions, its poses, and how far its joints go."""

from neurodash.body.ranges import RANGES, Bend, bends, sunk
from neurodash.body.skeleton import (
    SIDES,
    Angle,
    Body,
    OutOfReach,
    Point,
    Pose,
    Reach,
    Side,
    radius,
    solve,
)

__all__ = [
    "RANGES",
    "SIDES",
    "Angle",
    "Bend",
    "Body",
    "OutOfReach",
    "Point",
    "Pose",
    "Reach",
    "Side",
    "bends",
    "radius",
    "solve",
    "sunk",
]
