"""Precautions first, plan second: which are met, what stops, and what the others leave open.

The gate and its order are those of clinical/precautions.csv; what a met precaution changes stands in
planning/situations.yaml. A stop or an uncleared refer yields no training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurodash.library import Library
from neurodash.library.exercises import Guard
from neurodash.library.planning import Situation, Trigger, Window
from neurodash.planning.plan import Screened, Status
from neurodash.planning.profile import GUARDS, SEATED_FROM, Profile

ADULT = 18  # years below which nothing in the library was tried. Expert judgement
NO_PROGRAMME_FROM = 9.0  # EDSS from which a trained helper and comfort come first (KALB-04), and no protocol has a dose
FRESH_RELAPSE = 1.0  # months below which a relapse may not be over: 30 days, as in precaution P01
ORDER = {"stop": 0, "refer": 1, "modify": 2, "monitor": 3}


@dataclass(frozen=True)
class Limits:
    """What is left open once every met precaution has changed it."""

    seated: bool = False
    lowest: bool = False
    rungs: int = 0
    levels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    guard: Guard = "alone"  # for work on the feet, at least
    not_before: Mapping[str, int] = field(default_factory=dict)
    rest: int = 0
    effort: int | None = None
    window: Window | None = None
    minutes: int | None = None
    apart: bool = False
    say: tuple[str, ...] = ()
    because: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # a change -> the precautions it is from


@dataclass(frozen=True)
class Screening:
    status: Status
    met: tuple[Screened, ...]
    what_now: tuple[str, ...]
    limits: Limits

    @property
    def precautions(self) -> frozenset[str]:
        return frozenset(each.precaution for each in self.met)


def screen(profile: Profile, library: Library) -> Screening:
    """Every precaution that a profile names or shows, and what follows."""
    met, situations = [], []
    for code, situation in library.planning.situations.items():
        because = "named in the profile" if code in profile.situations else _shown(situation, profile)
        if not because:
            continue
        row = library.precautions[situation.precaution]
        cleared = code in profile.cleared and row.severity != "stop"
        met.append(Screened(row.precaution_id, situation.label, row.severity, because, row.action, cleared))
        if row.severity != "stop":
            situations.append((row.precaution_id, situation))
    met.sort(key=lambda each: (ORDER[each.severity], each.precaution))
    stops = [each for each in met if each.severity == "stop"]
    refers = [each for each in met if each.severity == "refer" and not each.cleared]
    what_now = [each.action for each in (*stops, *refers)]
    what_now += _beyond(profile) if not stops else []
    status: Status = "stop" if stops else "refer" if what_now else "ready"
    return Screening(status, tuple(met), tuple(dict.fromkeys(what_now)), _limits(situations, profile))


def _beyond(profile: Profile) -> list[str]:
    """Where the library knows no dose, a person decides."""
    found = []
    age, relapse = profile.keys.age, profile.keys.months_since_relapse
    if age is not None and age < ADULT:
        found.append(
            f"The trials and guidelines behind these protocols are about adults: below {ADULT} years a specialist plans."
        )
    if profile.edss >= NO_PROGRAMME_FROM:
        found.append(
            "From EDSS 9 a trained helper and comfort come first: positioning, breathing and range, planned by a therapist."
        )
    if relapse is not None and relapse < FRESH_RELAPSE:
        found.append("The last relapse began less than a month ago: the MS team says when training may start again.")
    return found


def _shown(situation: Situation, profile: Profile) -> str:
    """What in the profile shows a situation that nobody named; empty where nothing does."""
    for trigger in situation.when:
        told = [_holds(name, trigger, profile) for name in _asked(trigger)]
        if all(told):
            return " and ".join(told)
    return ""


def _asked(trigger: Trigger) -> list[str]:
    given = {name for name in trigger.model_fields_set if getattr(trigger, name) is not None}
    return sorted({"instrument" if name in ("part", "low", "high") else name for name in given})


def _holds(name: str, trigger: Trigger, profile: Profile) -> str:
    """In words, where this part of a trigger holds; a value that is not known never does."""
    keys = profile.keys
    if name == "instrument":
        value = profile.value(trigger.instrument or "", trigger.part)
        inside = value is not None and (trigger.low is None or value >= trigger.low)
        inside = inside and (trigger.high is None or (value or 0) <= trigger.high)
        return f"{trigger.instrument} {value:g}" if inside and value is not None else ""
    if name == "spasticity":
        grade = profile.worst_spasticity
        return f"MAS {grade:g}" if grade is not None and grade >= (trigger.spasticity or 0) else ""
    if name == "aid":
        return "walks with an aid" if profile.has_aid == trigger.aid and profile.has_aid else ""
    if name == "edss":
        known = profile.edss_from and profile.edss >= (trigger.edss or 0)
        return f"{profile.edss_from.upper()} {profile.edss:g}" if known else ""
    if name == "relapse_months":
        months = keys.months_since_relapse
        return (
            f"relapse {months:g} months ago" if months is not None and months <= (trigger.relapse_months or 0) else ""
        )
    if name == "younger_than":
        return f"age {keys.age}" if keys.age is not None and keys.age < (trigger.younger_than or 0) else ""
    held: int | None = getattr(keys, name)
    return f"{name.replace('_', ' ')}: {held}" if held is not None and held >= getattr(trigger, name) else ""


def _limits(met: list[tuple[str, Situation]], profile: Profile) -> Limits:
    """All changes together: the most careful of each."""
    because: dict[str, list[str]] = {}
    levels: dict[str, set[str]] = {}
    not_before: dict[str, int] = {}
    seated = lowest = apart = False
    rungs = rest = 0
    guard: Guard = "alone"
    effort = minutes = None
    window: Window | None = None
    say: list[str] = []
    for row, situation in met:
        changes = situation.changes
        for name in changes.model_fields_set:
            because.setdefault(name, []).append(row)
        seated, lowest, apart = seated or changes.seated, lowest or changes.lowest, apart or changes.apart
        rungs, rest = max(rungs, changes.rungs), max(rest, changes.rest)
        for variable, found in changes.levels.items():
            levels.setdefault(variable, set()).update(found)
        for variable, week in changes.not_before.items():
            not_before[variable] = max(week, not_before.get(variable, 1))
        guard = max(guard, changes.guard or "alone", key=GUARDS.index)
        effort = min((e for e in (effort, changes.effort) if e is not None), default=None)
        minutes = min((m for m in (minutes, changes.minutes) if m is not None), default=None)
        window = window or changes.window
        say += changes.say
    if not profile.edss_from or profile.edss >= SEATED_FROM:
        seated = True
    return Limits(
        seated=seated, lowest=lowest, rungs=rungs, levels={v: frozenset(found) for v, found in levels.items()}, guard=guard,
        not_before=not_before, rest=rest, effort=effort, window=window, minutes=minutes, apart=apart,
        say=tuple(dict.fromkeys(say)), because={name: tuple(rows) for name, rows in because.items()},
    )  # fmt: skip
