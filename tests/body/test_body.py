"""One body: its limbs keep their lengths, its feet stay where they are put, its joints bend the way joints do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodash.body import SIDES, Angle, Body, OutOfReach, Pose, Reach, bends, solve, sunk
from neurodash.body.skeleton import FOOT, FOREARM, NECK, SHANK, SOLE, THIGH, TRUNK, UPPER_ARM

LENGTHS = {"shoulder": ("elbow", UPPER_ARM), "elbow": ("hand", FOREARM), "hip": ("knee", THIGH), "knee": ("ankle", SHANK), "ankle": ("toe", FOOT)}  # fmt: skip
angles = st.builds(Angle, st.floats(-180, 180), st.floats(-80, 80))
places = st.tuples(st.floats(30, 90), st.floats(0, 100), st.floats(-30, 30))


def lengths_kept(body: Body) -> None:
    for side in SIDES:
        for joint, (following, length) in LENGTHS.items():
            assert (body[f"{side}_{following}"] - body[f"{side}_{joint}"]).length == pytest.approx(length, abs=0.02)
    half = TRUNK / 2
    assert (body["waist"] - body["pelvis"]).length == pytest.approx(half)
    assert (body["neck"] - body["waist"]).length == pytest.approx(half)
    assert (body["head"] - body["neck"]).length == pytest.approx(NECK)


@given(
    trunk=angles,
    head=angles,
    arms=st.tuples(angles, angles),
    legs=st.tuples(angles, angles, angles),
    turn=st.floats(-60, 60),
    roll=st.sampled_from([0.0, 90.0, -90.0]),
)
def test_limbs_keep_their_lengths_in_any_pose(trunk, head, arms, legs, turn, roll) -> None:
    lengths_kept(solve(Pose(trunk=trunk, head=head, right_arm=arms, left_leg=legs, turn=turn, roll=roll)))


@given(hand=places, foot=places)
def test_a_hand_or_foot_is_where_it_was_put_or_the_pose_is_refused(hand, foot) -> None:
    pose = Pose(hip=(60.0, 50.0), right_arm=Reach(at=hand), left_leg=Reach(at=foot))
    try:
        body = solve(pose)
    except OutOfReach as refused:
        assert refused.by > 0
        return
    lengths = UPPER_ARM - FOREARM, THIGH - SHANK  # nearer than this nobody can put a hand to the own shoulder
    for joint, place, start, least in (
        ("right_hand", hand, "right_shoulder", lengths[0]),
        ("left_ankle", foot, "left_hip", lengths[1]),
    ):
        x, y, z = place
        if math.dist((x, y, z), body[start]) > abs(least) + 0.02:
            assert math.dist(body[joint], (x, y, z)) < 0.05
            lengths_kept(body)


@given(right=st.floats(50, 75), left=st.floats(45, 70), low=st.floats(0, 20))
def test_standing_feet_are_on_the_floor_and_knees_bend_forwards(right: float, left: float, low: float) -> None:
    body = solve(
        Pose(
            low=low,
            right_leg=Reach(at=(right, SOLE, None), on="floor"),
            left_leg=Reach(at=(left, SOLE, None), on="floor"),
        )
    )
    for side, x in (("right", right), ("left", left)):
        assert body[f"{side}_ankle"].x == pytest.approx(x)
        assert body[f"{side}_ankle"].y == body[f"{side}_toe"].y == pytest.approx(SOLE)
    assert all(bend.angle >= 0 for bend in bends(body) if "knee" in bend.joint)
    assert not list(sunk(body))
    assert body.contacts == {"right_ankle": "floor", "left_ankle": "floor"}


def test_standing_is_as_tall_as_the_legs_allow() -> None:
    body = solve(Pose(right_leg=Reach(at=(60, SOLE, None)), left_leg=Reach(at=(60, SOLE, None))))
    assert body["pelvis"].y == pytest.approx(THIGH + SHANK + SOLE, abs=0.1)


def test_what_a_joint_cannot_do_is_named() -> None:
    knee_backwards = solve(Pose(right_leg=(Angle(-90), Angle(-60), Angle(0))))
    assert [bend.joint for bend in bends(knee_backwards) if not bend.possible] == ["right_knee"]
    folded = solve(Pose(trunk=Angle(90), right_leg=(Angle(60), Angle(-90), Angle(0))))
    assert "right_hip" in [bend.joint for bend in bends(folded) if not bend.possible]
    spread = solve(Pose(right_leg=(Angle(-90, 45), Angle(-90, 45), Angle(0))))
    assert all(bend.possible for bend in bends(spread)), "a leg lifted sideways is no over-stretched hip"


def test_a_lying_body_rests_on_what_carries_it() -> None:
    body = solve(
        Pose(
            trunk=Angle(180),
            right_arm=(Angle(0), Angle(0)),
            left_arm=(Angle(0), Angle(0)),
            right_leg=(Angle(0), Angle(0), Angle(80)),
            left_leg=(Angle(0), Angle(0), Angle(80)),
            rests=2.0,
        )
    )
    assert "head" in body.contacts
    assert not list(sunk(body))


def test_a_rolled_body_lies_on_its_side() -> None:
    body = solve(Pose(roll=-90))
    assert body["head"].y == pytest.approx(body["pelvis"].y)
    assert body["right_hip"].y > body["left_hip"].y, "on the left side the right hip is on top"
