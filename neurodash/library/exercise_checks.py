"""What makes an exercise or a ladder sound: its words, its picture, its sides, its place on a ladder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurodash.body import SIDES, OutOfReach, bends, sunk
from neurodash.errors import Problem, did_you_mean
from neurodash.library import reading_level
from neurodash.library.exercises import Exercise, ExerciseShelf
from neurodash.library.ladders import GIVEN_BACK, Ladder, eased, levels, raised
from neurodash.library.pictures import TOPS, Frame, frames

SIDE_WORDS = frozenset({"left", "right", "lefts", "rights"})
NOT_A_SIDE = ("right away", "all right", "right angle", "right after", "right before")
ON_LADDERS = ("balance", "gait", "strength", "power")  # kinds of which every exercise stands on a ladder
PAGES = ("pictures", "ladders")  # below /exercises/, so no exercise can have their names
STILL = 3.0  # units a joint may move without its side being the one that moves


def exercise_problems(
    shelf: ExerciseShelf, ladders: Mapping[str, Ladder], known: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Everything wrong with the exercises, by file and line. `known`: the tables whose rows may be cited, by name."""
    for code, word in shelf.words.equipment.items():
        for served in word.serves:
            yield from _unknown(f"exercises/vocabulary.yaml: equipment.{code}", "serves", served, shelf.words.equipment)
    for exercise in shelf.exercises.values():
        where = shelf.places[exercise.id]
        if exercise.id in PAGES:
            yield Problem(f"{where}: id", f"“{exercise.id}”, the address of a page", "another id")
        yield from _word_problems(exercise, shelf, where)
        yield from _cited(exercise, known, where)
        yield from _step_problems(exercise, where)
        yield from _picture_problems(exercise, shelf, where)
    on_ladder = {rung.exercise for ladder in ladders.values() for rung in ladder.rungs}
    for exercise in shelf.exercises.values():
        if exercise.kind in ON_LADDERS and exercise.id not in on_ladder:
            yield Problem(f"{shelf.places[exercise.id]}: {exercise.id}", "on no ladder", "a rung of a ladder")


NO_HELPER = "No helper is needed once"  # how guarding says that it ends


def _unknown(where: str, key: str, code: str, words: Mapping[str, object]) -> Iterator[Problem]:
    if code not in words:
        yield Problem(f"{where}: {key}", f"“{code}”", ", ".join(words), did_you_mean(code, words))


def _word_problems(exercise: Exercise, shelf: ExerciseShelf, where: str) -> Iterator[Problem]:
    words, where = shelf.words, f"{where}: {exercise.id}"
    yield from _unknown(where, "position", exercise.position, words.positions)
    for key, codes, known in (
        ("equipment", exercise.equipment, words.equipment),
        ("trains", exercise.trains, words.targets),
        ("activities", tuple(exercise.activities), words.activities),
    ):
        for code in codes:
            yield from _unknown(where, key, code, known)
    for variable, level in exercise.demand.items():
        yield from _unknown(where, "demand", variable, words.variables)
        if variable in words.variables:
            yield from _unknown(where, f"demand.{variable}", level, dict.fromkeys(words.variables[variable]))
    if "base" not in exercise.demand:
        yield Problem(f"{where}: demand", "no base", "base: and one of its levels")
    if exercise.edss[0] > exercise.edss[1]:
        yield Problem(f"{where}: edss", f"{list(exercise.edss)}", "the lower value first")
    if exercise.guard != "alone" and NO_HELPER in exercise.guarding:
        mend = f"Say guard: alone, or take “{NO_HELPER}…” out of guarding."
        yield Problem(
            f"{where}: guard", f"{exercise.guard}, but guarding says that nobody is needed", "one of them", mend
        )
    if exercise.guard == "alone" and _needs_a_guard(exercise):
        yield Problem(f"{where}: guard", "alone, with eyes closed or the unexpected", "near or hands-on")


def _needs_a_guard(exercise: Exercise) -> bool:
    """Reactive and eyes-closed work on the feet is never done alone (planner, section 8)."""
    demand = exercise.demand
    upright = demand.get("base") not in ("lying", "sitting-supported", "sitting")
    return upright and (demand.get("vision") == "closed" or demand.get("movement") == "unexpected")


def _cited(exercise: Exercise, known: Mapping[str, Mapping[str, Any]], where: str) -> Iterator[Problem]:
    where = f"{where}: {exercise.id}"
    for caution in exercise.precautions:
        yield from _missing(f"{where}: precautions", caution.id, "precaution", known["precautions"])
    for key, source in (("source", exercise.source), ("dose.source", exercise.dose.source)):
        if source is not None:
            yield from _missing(f"{where}: {key}", source, "guideline", known["guidelines"])


def _missing(where: str, code: str, what: str, rows: Mapping[str, Any]) -> Iterator[Problem]:
    if code not in rows:
        yield Problem(where, f"“{code}”", f"the id of a {what}", did_you_mean(code, rows))


def _step_problems(exercise: Exercise, where: str) -> Iterator[Problem]:
    where = f"{where}: {exercise.id}"
    told = [(f"steps.{number}", step) for number, step in enumerate(exercise.steps, start=1)]
    for key, step in told:
        yield from reading_level.too_hard(f"{where}: {key}", step)
        if (count := len(reading_level.words_of(step))) > reading_level.MAX_WORDS:
            yield Problem(f"{where}: {key}", f"{count} words: “{step}”", f"at most {reading_level.MAX_WORDS}")
    captions = [("says", frame.says) for frame in exercise.picture.frames]
    for key, text in (*told, *captions, ("name", exercise.name), ("purpose", exercise.purpose)):
        for word in reading_level.hard_words(text):
            yield Problem(f"{where}: {key}", f"“{word}”, a word of the trade", "plain words for the patient")
    if exercise.sides != "both":
        extra = [("set_up", exercise.set_up), *((f"activities.{k}", v) for k, v in exercise.activities.items())]
        extra += [(f"mistakes.{i}", f"{m.wrong} {m.instead}") for i, m in enumerate(exercise.mistakes, start=1)]
        for key, text in (*told, *captions, ("name", exercise.name), *extra):
            if names_a_side(text):
                yield Problem(
                    f"{where}: {key}", f"a side is named in an exercise that has a mirror: “{text}”",
                    "this leg, the other hand, the far side",
                )  # fmt: skip


def names_a_side(text: str) -> bool:
    """Whether left or right is said, as a side and not as in “right away”."""
    plain = text.lower()
    for phrase in NOT_A_SIDE:
        plain = plain.replace(phrase, "")
    return bool(SIDE_WORDS & set(reading_level.words_of(plain)))


def _picture_problems(exercise: Exercise, shelf: ExerciseShelf, where: str) -> Iterator[Problem]:
    where = f"{where}: {exercise.id}: picture"
    names = {exercise.picture.frames[0].pose, *(frame.pose for frame in exercise.picture.frames)} - {None}
    unknown = [name for name in names if name not in shelf.poses]
    for name in unknown:
        yield from _unknown(where, "pose", str(name), shelf.poses)
    surfaces = {limb.on for frame in exercise.picture.frames for limb in
                (frame.right_arm, frame.left_arm, frame.right_leg, frame.left_leg) if limb and limb.on} - {"wall"}  # fmt: skip
    surfaces |= {frame.on for frame in exercise.picture.frames if frame.on}
    for surface in sorted(surfaces - TOPS.keys()):
        yield from _unknown(where, "on", surface, TOPS)
        unknown.append(surface)
    if unknown:
        return
    try:
        solved = frames(exercise.picture, shelf.poses)
    except OutOfReach as error:
        yield Problem(where, str(error), "a place within reach: nearer, or the body moved towards it")
        return
    for number, frame in enumerate(solved, start=1):
        yield from _posture_problems(frame, f"{where}: frame {number}")
    if len(solved) > 1 and exercise.sides == "both" and one_sided(solved):
        yield Problem(
            f"{where}",
            "one side moves and the other does not, with sides: both",
            "sides: each or alternate, so that it has a mirror",
        )


def _posture_problems(frame: Frame, where: str) -> Iterator[Problem]:
    for body in (frame.body, *([frame.helper] if frame.helper else [])):
        for bend in bends(body):
            if not bend.possible:
                yield Problem(
                    where, f"the {bend.joint.replace('_', ' ')} at {bend.angle:.0f}°", "an angle that a joint has"
                )
        for joint, depth in sunk(body):
            yield Problem(
                where, f"the {joint.replace('_', ' ')} {depth:.1f} below the floor", "nothing below the floor"
            )
        if not body.contacts:
            yield Problem(where, "a body that touches nothing", "a foot, hand or hip on something")


def one_sided(solved: tuple[Frame, ...]) -> bool:
    """Whether one arm or leg moves in a picture while its fellow stays."""
    first, last = solved[0].body, solved[-1].body

    def moved(side: str, end: str) -> float:
        joint = f"{side}_{end}"
        return ((last[joint] - last["pelvis"]) - (first[joint] - first["pelvis"])).length

    for end in ("hand", "ankle"):
        distances = sorted(moved(side, end) for side in SIDES)
        if distances[0] < STILL < distances[1] - STILL:
            return True
    return False


# Ladders


def ladder_problems(
    ladders: Mapping[str, Ladder],
    places: Mapping[str, str],
    shelf: ExerciseShelf,
    rules: Mapping[str, Any],
    known: Mapping[str, Any],
) -> Iterator[Problem]:
    for ladder in ladders.values():
        where = f"{places[ladder.id]}: {ladder.id}"
        yield from _unknown(where, "target", ladder.target, shelf.words.targets)
        yield from _unknown(where, "rule", ladder.rule, rules)
        if ladder.source is not None:
            yield from _missing(f"{where}: source", ladder.source, "guideline", known["guidelines"])
        missing = [rung.exercise for rung in ladder.rungs if rung.exercise not in shelf.exercises]
        for name in missing:
            yield Problem(f"{where}: rungs", f"“{name}”", "the id of an exercise", did_you_mean(name, shelf.exercises))
        wrong = [
            problem
            for number, rung in enumerate(ladder.rungs, start=1)
            for variable, level in rung.changed.items()
            for problem in _unknown(f"{where}: rung {number}", "with", level if variable in shelf.words.variables else variable,
                                    dict.fromkeys(shelf.words.variables.get(variable, tuple(shelf.words.variables))))
        ]  # fmt: skip
        yield from wrong
        for number, rung in enumerate(ladder.rungs, start=1):
            for code in rung.equipment:
                yield from _unknown(f"{where}: rung {number}", "equipment", code, shelf.words.equipment)
        if not missing and not wrong:
            yield from _climb_problems(ladder, shelf, where)
        yield from _start_problems(ladder, shelf, where, known)


def _climb_problems(ladder: Ladder, shelf: ExerciseShelf, where: str) -> Iterator[Problem]:
    seen = [levels(rung, shelf.exercises[rung.exercise], shelf.words) for rung in ladder.rungs]
    for number in range(1, len(seen)):
        up, down = raised(seen[number - 1], seen[number]), eased(seen[number - 1], seen[number])
        place = f"{where}: rung {number + 1} ({ladder.rungs[number].exercise})"
        if len(up) != 1:
            yield Problem(
                place,
                f"{', '.join(up) or 'nothing'} harder than on the rung below",
                "one variable harder, no more and no less",
            )
        if set(down) - {GIVEN_BACK}:
            yield Problem(
                place, f"{', '.join(down)} easier than on the rung below", "nothing easier, but for hands given back"
            )


def _start_problems(ladder: Ladder, shelf: ExerciseShelf, where: str, known: Mapping[str, Any]) -> Iterator[Problem]:
    instruments = {row.instrument_id for row in known["instruments"].values()} | {"MRC"}
    for number, start in enumerate(ladder.starts, start=1):
        place = f"{where}: starts.{number}"
        if start.rung > len(ladder.rungs):
            yield Problem(place, f"rung {start.rung}", f"1 to {len(ladder.rungs)}")
        if start.edss[0] > start.edss[1]:
            yield Problem(place, f"edss {list(start.edss)}", "the lower value first")
        if start.score and start.score.instrument not in instruments:
            yield Problem(place, f"“{start.score.instrument}”", "an instrument_id of instruments.csv, or MRC",
                          did_you_mean(start.score.instrument, instruments))  # fmt: skip
    if any(rung.exercise not in shelf.exercises for rung in ladder.rungs):
        return
    bands = [start.edss for start in ladder.starts if start.score is None]
    if not bands:
        yield Problem(f"{where}: starts", "no start without a score", "a start for everybody whose score is not known")
    for number in range(1, len(ladder.rungs) + 1):
        if not any(_reaches(ladder, shelf, start, number) for start in ladder.starts):
            yield Problem(
                f"{where}: rung {number} ({ladder.rungs[number - 1].exercise})", "nobody who may start on this ladder can get here",
                "a start at or below it whose EDSS band fits every exercise up to it",
            )  # fmt: skip


def _reaches(ladder: Ladder, shelf: ExerciseShelf, start: Any, number: int) -> bool:
    """Whether somebody of the start's band can climb, or step back, from it to a rung."""
    low, high = sorted((start.rung, number))
    spans = [shelf.exercises[rung.exercise].edss for rung in ladder.rungs[low - 1 : high]]
    bottom, top = max(span[0] for span in spans), min(span[1] for span in spans)
    return bool(max(bottom, start.edss[0]) <= min(top, start.edss[1]))
