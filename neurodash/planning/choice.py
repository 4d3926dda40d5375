"""Which exercise, on which rung of which ladder: only what this person may do, and one step at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from neurodash import wording
from neurodash.library import Library
from neurodash.library.exercises import Exercise, Guard
from neurodash.library.ladders import Ladder, Rung, Score, levels
from neurodash.library.planning import Focus
from neurodash.planning import targets
from neurodash.planning.profile import GUARDS, Profile
from neurodash.planning.screening import Limits, Screening

LYING = frozenset({"lying", "side-lying", "hands-and-knees"})
SEATED_BASES = frozenset({"lying", "sitting-supported", "sitting"})
EASY = {"base": "apart", "load": "body"}  # the level up to which a variable does not count as raised; else the easiest
# The MRC that a load needs, where strength was tested. Grade 3 lifts against gravity, 4 against some resistance (Medical
# Research Council 1976); which load belongs to which grade is expert judgement.
NEEDS = {"no-load": 2.0, "body": 3.0, "light": 10 / 3, "medium": 11 / 3, "heavy": 4.0, "one-sided": 4.0}
HOLDS = 4.0  # MRC from which a leg lifts the body alone
TESTED = frozenset({"heavy", "one-sided"})  # loads that nobody begins untested
SOUND = 2.0  # EDSS up to which a muscle that was not tested is taken to hold: disability is minimal by definition
FAST = "fast"
UNEXPECTED = "unexpected"
UNLESS_ASKED = frozenset({"chair"})  # taken to be there where nobody asked about equipment. Ours
NEVER_ALONE = (("movement", UNEXPECTED), ("vision", "closed"))  # planner, section 8


@dataclass(frozen=True)
class Chosen:
    """A rung that a person may do."""

    ladder: Ladder
    number: int  # from 1
    rung: Rung
    exercise: Exercise
    levels: Mapping[str, int]
    guard: Guard

    @property
    def at(self) -> tuple[str, int]:
        return self.ladder.id, self.number


@dataclass(frozen=True)
class Gates:
    """The first week in which something may appear, from the phases of the protocols."""

    attention: int
    unexpected: int
    fast: int


def _gates(library: Library, limits: Limits) -> Gates:
    """When a second task, the unexpected and fast work may first appear: where a phase begins to open them."""
    phases = [p.keys for protocol in library.protocols.values() for p in protocol.phases]
    attention = [p.weeks[0] for p in phases if "attention" in p.opens and p.weeks]
    reactive = [p.weeks[0] for p in phases if p.id == "reactive" and p.weeks]
    fast = [p.weeks[0] for p in phases if p.id == "power" and p.weeks]
    schedule = library.planning.rules.schedule
    first = schedule.dual_task_from if schedule else 1
    return Gates(
        attention=max(min(attention, default=1), first, limits.not_before.get("attention", 1)),
        unexpected=min(reactive, default=1),
        fast=min(fast, default=1),
    )


class Chooser:
    """Answers what one person may do in a given week. Nothing here depends on anything but its arguments."""

    def __init__(self, profile: Profile, screening: Screening, library: Library) -> None:
        self.profile, self.limits, self.library = profile, screening.limits, library
        self.gates = _gates(library, screening.limits)
        self.met = screening.precautions
        self.words = library.exercises.words
        self.scale = {name: {level: i for i, level in enumerate(scale)} for name, scale in self.words.variables.items()}
        everywhere = {code for code, word in self.words.equipment.items() if word.everywhere}
        everywhere |= {other for code in everywhere for other in self.words.equipment[code].serves}
        self.have = everywhere | (profile.equipment if profile.equipment is not None else UNLESS_ASKED)
        self.support = GUARDS.index(profile.support)
        self._rungs: dict[str, tuple[Chosen, ...]] = {}
        self.protocols = {
            kind: library.protocols[focus.protocol]
            for focus in library.planning.rules.focuses.values()
            for kind in focus.kinds
        }  # by the kind of a ladder

    def rungs(self, ladder: Ladder) -> tuple[Chosen, ...]:
        """Every rung of a ladder with what it demands."""
        if ladder.id not in self._rungs:
            made = []
            for number, rung in enumerate(ladder.rungs, start=1):
                exercise = self.library.exercises.exercises[rung.exercise]
                guard = max(rung.guard or "alone", exercise.guard, key=GUARDS.index)
                demand = levels(rung, exercise, self.words)
                cautious = [c.guard for c in exercise.precautions if c.does == "changes" and c.id in self.met]
                guard = max([guard, *cautious], key=GUARDS.index)
                if not self.is_seated(demand):
                    guard = max(guard, self.limits.guard, key=GUARDS.index)
                if exercise.position in LYING:
                    guard = max(guard, self.limits.lying, key=GUARDS.index)
                made.append(Chosen(ladder, number, rung, exercise, demand, guard))
            self._rungs[ladder.id] = tuple(made)
        return self._rungs[ladder.id]

    def ladders(self, focus: Focus, target: str) -> tuple[Ladder, ...]:
        """The ladders of a focus that train a target; those of its protocol come first."""
        own = self.library.protocols[focus.protocol].ladders
        every = sorted(
            self.library.ladders.values(), key=lambda each: own.index(each.id) if each.id in own else len(own)
        )
        return tuple(each for each in every if each.target == target and each.kind in focus.kinds)

    def start(self, ladder: Ladder) -> int | None:
        """The highest rung on which this person may begin, or None where the ladder is not for their EDSS."""
        fits = [s for s in ladder.starts if s.edss[0] <= self.profile.edss <= s.edss[1]]
        plain = [s.rung for s in fits if s.score is None]
        if not plain:
            return None
        scored = [s.rung for s in fits if s.score is not None and self._scores(s.score)]
        return max(1, max(*plain, *scored, 1) - self.limits.rungs)

    def _scores(self, score: Score) -> bool:
        if score.instrument == "MRC":
            movement = score.part or ""
            movement = self.library.planning.rules.movement_names.get(movement, movement)
            sides = self.profile.strength.get(movement, {})
            return len(sides) == 2 and score.low <= min(sides.values()) <= score.high
        value = self.profile.value(score.instrument, score.part)
        return value is not None and score.low <= value <= score.high

    def first(self, ladder: Ladder, week: int = 1) -> Chosen | None:
        """The highest allowed rung up to where this person may begin."""
        start = self.start(ladder)
        if start is None:
            return None
        return next((each for each in reversed(self.rungs(ladder)[:start]) if not self.why_not(each, week)), None)

    def why_not_first(self, each: Chosen, week: int = 1, reached: int = 0) -> str:
        """Why this person may not begin on a rung in this week; empty where nothing speaks against it. Up to the rung of its
        ladder that was `reached` already, none is too high."""
        if each.number <= reached:
            return self.why_not(each, week)
        start = self.start(each.ladder)
        if start is None:
            return f"no start on this ladder for EDSS {self.profile.edss:g}"
        if why := self.why_not(each, week):
            return why
        return f"comes later: this person begins on rung {start} at most" if each.number > start else ""

    def above(self, now: Chosen) -> Chosen | None:
        """The rung above, allowed or not; None on the highest."""
        rungs = self.rungs(now.ladder)
        return rungs[now.number] if now.number < len(rungs) else None

    def below(self, now: Chosen, week: int) -> Chosen | None:
        """The nearest allowed rung below."""
        return next((e for e in reversed(self.rungs(now.ladder)[: now.number - 1]) if not self.why_not(e, week)), None)

    def why_not(self, each: Chosen, week: int) -> str:
        """Why this person may not do a rung in this week; empty where nothing speaks against it."""
        return next(self._against(each, week), "")

    def _against(self, each: Chosen, week: int) -> Iterator[str]:
        exercise, limits, demand = each.exercise, self.limits, each.levels
        seated = self.is_seated(demand)
        low, high = exercise.edss
        if not low <= self.profile.edss <= high:
            yield f"meant for EDSS {low:g} to {high:g}"
        if not seated and limits.seated:
            why = self.limits.seated_because or wording.joined(list(self.limits.because.get("seated", ())))
            yield f"only lying and sitting work is open: {why}"
        needs = {*exercise.equipment, *each.rung.equipment}
        missing = sorted(needs - self.have)
        if missing:
            yield f"needs {', '.join(self.words.equipment[code].label for code in missing)}"
        if GUARDS.index(each.guard) > self.support:
            yield "a trained person has to guard it" if each.guard == "hands-on" else "a person has to be near"
        for caution in exercise.precautions:
            if caution.does == "excludes" and caution.id in self.met:
                yield f"left out by {caution.id}: {self.library.precautions[caution.id].situation}"
        yield from self._too_much(demand, week)
        yield from self._too_heavy(each)
        protocol = self.protocols.get(each.ladder.kind)
        if protocol and (each.ladder.id in protocol.ladders_left_out or exercise.id in protocol.exercises_left_out):
            yield f"left out of “{protocol.name}”"

    def _too_much(self, demand: Mapping[str, int], week: int) -> Iterator[str]:
        limits = self.limits
        named = {name: self.words.variables[name][level] for name, level in demand.items()}
        for name, levels_ in limits.levels.items():
            if named.get(name) in levels_:
                yield f"{name} {named[name]} is left out by {', '.join(limits.because.get('levels', ()))}"
        for name, first in limits.not_before.items():
            easy = self.scale[name][EASY[name]] if name in EASY else 0
            if demand[name] > easy and week < first:
                yield f"{name} not before week {first}"
        if self.support == 0:
            if any(named.get(name) == level for name, level in NEVER_ALONE):
                yield "never alone"
            if demand.get("attention", 0):
                yield "a second task is first tried with a person near"
        if demand.get("attention", 0) and week < self.gates.attention:
            yield f"a second task comes from week {self.gates.attention} on"
        if named.get("movement") == UNEXPECTED and week < self.gates.unexpected:
            yield f"the unexpected comes from week {self.gates.unexpected} on"
        if named.get("speed") == FAST and (week < max(self.gates.fast, limits.lowest + 1)):
            yield f"fast work comes from week {max(self.gates.fast, limits.lowest + 1)} on"

    def _too_heavy(self, each: Chosen) -> Iterator[str]:
        """A muscle gets no load that its tested strength does not hold, and a stiff one none; untested ones no heavy load."""
        rules, target = self.library.planning.rules, each.ladder.target
        for muscle, sides in self.profile.spasticity.items():
            loaded = set(rules.spastic_muscles.get(muscle, ())) & {target, *each.exercise.trains}
            if loaded and max(sides.values()) >= rules.not_loaded_from:
                yield f"MAS {max(sides.values()):g} in the {muscle}: what loads it is left to a session in person"
        load = self.words.variables["load"][each.levels["load"]]
        on_one_leg = self.words.variables["base"][each.levels["base"]] == "one-leg" and load != "no-load"
        lifts = on_one_leg and each.exercise.kind in ("strength", "power")
        needs = max(NEEDS.get(load, 0.0), HOLDS if lifts else 0.0)
        movements = [name for name, told in rules.movements.items() if told.target == target]
        grades = [grade for name in movements for grade in self.profile.strength.get(name, {}).values()]
        if grades and min(grades) < needs - 0.01:
            yield f"so much load needs MRC {targets.mrc(needs)}, and {rules.movements[movements[0]].label} is MRC {targets.mrc(min(grades))}"
        untested = movements and not grades and not (self.profile.edss_from and self.profile.edss <= SOUND)
        if untested and (load in TESTED or lifts):
            yield f"so much load needs MRC {targets.mrc(needs)}, and {rules.movements[movements[0]].label} is not measured"

    def is_seated(self, demand: Mapping[str, int]) -> bool:
        return self.words.variables["base"][demand["base"]] in SEATED_BASES
