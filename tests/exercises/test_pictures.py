"""Every picture of ours: the same each time, inside its box, standing on something, told in words, mirrored truly."""

from __future__ import annotations

import itertools
import re
import time

import pytest

from neurodash import library
from neurodash.body import SIDES, bends, radius, sunk
from neurodash.library.pictures import SOFT, TOPS, Frame, frames
from neurodash.pictures import figures
from tests.body.test_body import lengths_kept

OURS = library.load()
NAMES = sorted(OURS.exercises.exercises)
SUPPORT = 0.6  # units between a foot or hand and what it is on: less than the line of the ground is wide


def solved(name: str) -> tuple[Frame, ...]:
    return frames(OURS.exercises.exercises[name].picture, OURS.exercises.poses)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_the_same_every_time(name: str) -> None:
    assert list(figures.svgs(solved(name))) == list(figures.svgs(OURS.exercises.frames[name]))


@pytest.mark.parametrize("name", NAMES)
def test_a_body_is_possible_and_keeps_its_limbs(name: str) -> None:
    for frame in solved(name):
        for body in (frame.body, *([frame.helper] if frame.helper else [])):
            lengths_kept(body)
            assert [bend for bend in bends(body) if not bend.possible] == []
            assert list(sunk(body)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_fits_its_box(name: str) -> None:
    for frame in solved(name):
        left, top, right, bottom = figures.extent(frame)
        assert left >= -1 and right <= figures.WIDTH + 1
        assert top >= figures.TOP - 1 and bottom <= figures.TOP + figures.HEIGHT + 1
        xs, ys = numbers(figures.drawn(frame))
        assert min(xs) >= -6 and max(xs) <= figures.WIDTH + 6, "a thing or an arrow leaves the box"
        assert min(ys) >= figures.TOP - 4 and max(ys) <= figures.TOP + figures.HEIGHT + 4


def numbers(svg: str) -> tuple[list[float], list[float]]:
    """The absolute points of moves and curves; relative ones follow from them."""
    points = re.findall(r"[MLQ](-?[\d.]+) (-?[\d.]+)", svg)
    circles = re.findall(r'c?x="(-?[\d.]+)" c?y="(-?[\d.]+)"', svg)
    xs, ys = zip(*((float(x), float(y)) for x, y in points + circles), strict=True)
    return list(xs), list(ys)


@pytest.mark.parametrize("name", NAMES)
def test_feet_and_hands_stay_on_what_carries_them(name: str) -> None:
    for frame in solved(name):
        body, own = frame.body, {thing.thing: thing.height for thing in frame.things}
        assert body.contacts, "nothing carries this body"
        for joint, what in body.contacts.items():
            if what in ("wall", "surface"):  # a surface is what solving found under a joint
                continue
            top = own.get(what) or TOPS[what]
            lowest = body[joint].y - radius(joint)
            assert lowest == pytest.approx(
                top, abs={"hand": 1.2, "pelvis": SOFT + 0.3}.get(joint.rpartition("_")[2], SUPPORT)
            ), f"{joint} on {what}"


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_told_in_words(name: str) -> None:
    exercise = OURS.exercises.exercises[name]
    for frame, svg in zip(solved(name), figures.svgs(solved(name)), strict=True):
        assert f'aria-label="{frame.says}"'.replace("'", "&#x27;") in svg
        assert "<title>" in svg and 'role="img"' in svg
        assert len(frame.says) > 5
    assert len({frame.says for frame in solved(name)}) == len(exercise.picture.frames), "two frames with the same words"


@pytest.mark.parametrize("name", NAMES)
def test_a_second_frame_shows_what_moves(name: str) -> None:
    found = solved(name)
    for before, frame in itertools.pairwise(found):
        moved = max((frame.body[j] - before.body[j]).length for j in frame.body.joints)
        told = (
            frame.arrows or frame.eyes != before.eyes or frame.things != before.things or frame.helper != before.helper
        )
        assert told or moved > 10, "nothing shows the movement"


@pytest.mark.parametrize("name", [n for n in NAMES if OURS.exercises.exercises[n].sides != "both"])
def test_the_other_side_is_the_exact_mirror(name: str) -> None:
    frame = solved(name)[-1]
    plain, mirrored = figures.drawn(frame), figures.drawn(frame, mirrored=True)
    assert mirrored.startswith('<g transform="matrix(-1 0 0 1 120 0)">')
    unturned = re.sub(r' transform="matrix\(-1 0 0 1 [\d.]+ 0\)"', "", mirrored.removesuffix("</g>").partition(">")[2])
    assert unturned == plain, "only the side changes, and text stays readable"


def test_side_words_are_nowhere_in_the_pictures_of_mirrored_exercises() -> None:
    for exercise in OURS.exercises.exercises.values():
        if exercise.sides != "both":
            told = " ".join([exercise.name, *exercise.steps, *(f.says for f in exercise.picture.frames)]).lower()
            assert not set(SIDES) & set(re.findall(r"[a-z]+", told.replace("right away", ""))), exercise.id


def test_all_pictures_are_drawn_in_two_seconds_and_one_in_five_milliseconds() -> None:
    cold = time.perf_counter()
    every = {name: solved(name) for name in NAMES}
    drawings = {name: list(figures.svgs(found)) for name, found in every.items()}
    cold = time.perf_counter() - cold
    assert cold < 2, f"{cold:.2f} s for {len(drawings)} pictures"
    times = []
    for name in NAMES:
        start = time.perf_counter()
        list(figures.svgs(solved(name)))
        times.append(time.perf_counter() - start)
    assert sorted(times)[len(times) // 2] < 0.005
