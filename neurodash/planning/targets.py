"""What to train first: targets ranked by the measures behind them, then by what the person's goals draw on, or in a
careful order while nothing is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from neurodash.library import Library
from neurodash.library.planning import Clue, Focus, Target
from neurodash.planning.profile import Profile

FULL_GRADE = 5.0
WEAK = 0.2  # of the way from best to worst from which a target counts as weak: MRC 4 and less. Expert judgement


@dataclass(frozen=True)
class Ranked:
    """A target with its weakness, 0 none to 1 all, or None where nothing was measured, and the measures that say so."""

    target: str
    name: str
    weakness: float | None
    because: tuple[str, ...]  # instruments or movements, in words
    refs: tuple[str, ...]
    goal: int = 0  # the number of the person's goal that draws on it

    @property
    def is_weak(self) -> bool:
        return self.weakness is not None and self.weakness >= WEAK


def rank(focus: Focus, profile: Profile, library: Library, seated: bool) -> tuple[Ranked, ...]:
    """The targets of a focus, weakest first; then those nobody measured: what a goal draws on, and the others in the
    stated order, which for somebody on a seat begins with arms and trunk; strong ones last."""
    order = {each.target: (each.seated if seated else None) or each.unmeasured for each in focus.targets}
    wanted = _wanted(profile, library)
    found = [replace(_ranked(each, profile, library), goal=wanted.get(each.target, 0)) for each in focus.targets]
    first = {target: place for place, target in enumerate(wanted)}

    def place(each: Ranked) -> tuple[int, float, int, int]:
        if each.weakness is None:
            return 1, 0.0, first.get(each.target, len(first)), order[each.target]
        return (0 if each.is_weak else 2), -each.weakness, 0, order[each.target]

    return tuple(sorted(found, key=place))


def _wanted(profile: Profile, library: Library) -> dict[str, int]:
    """The targets that the goals draw on, the most needed first, with the number of the goal."""
    found: dict[str, int] = {}
    for number, task in profile.tasks:
        for target in library.planning.rules.tasks[task].targets:
            found.setdefault(target, number)
    return found


def _ranked(target: Target, profile: Profile, library: Library) -> Ranked:
    names = {row.instrument_id: row.name for row in library.instruments.values()}
    weakness: list[float] = []
    told: list[str] = []
    refs: list[str] = []
    for clue in target.clues:
        value = profile.value(clue.instrument, clue.part)
        if value is not None:
            weakness.append(_weakness(clue, value))
            part = f", {clue.part}" if clue.part else ""
            told.append(
                f"{names.get(clue.instrument, clue.instrument)}{part}: {value:g}, where {clue.best:g} is not weak at all"
            )
            refs.append(clue.instrument)
    for movement in target.strength:
        for side, grade in sorted(profile.strength.get(movement, {}).items()):
            weakness.append(max(0.0, (FULL_GRADE - grade) / FULL_GRADE))
            told.append(f"{library.planning.rules.movements[movement].label}, {side}: MRC {mrc(grade)}")
            refs.append("MRC")
    name = library.exercises.words.targets[target.target].label
    return Ranked(target.target, name, max(weakness, default=None), tuple(told), tuple(refs))


def _weakness(clue: Clue, value: float) -> float:
    share = (clue.best - value) / (clue.best - clue.worst)
    return min(1.0, max(0.0, share))


def mrc(grade: float) -> str:
    """`3+` from 3⅓."""
    whole = round(grade)
    return f"{whole}{'+' if grade > whole + 0.1 else '-' if grade < whole - 0.1 else ''}"


def weaker_side(target: Target, profile: Profile) -> str:
    """The side that is weaker by a grade's third or more; empty where they are alike or only one is known."""
    left = [grade for m in target.strength if (grade := profile.strength.get(m, {}).get("left")) is not None]
    right = [grade for m in target.strength if (grade := profile.strength.get(m, {}).get("right")) is not None]
    if not left or not right or abs(min(left) - min(right)) < 0.1:
        return ""
    return "left" if min(left) < min(right) else "right"
