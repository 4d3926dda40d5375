"""Precautions first, plan second: which are met, what stops, and what the others leave open.

The gate and its order are those of clinical/precautions.csv; what a met precaution changes stands in
planning/situations.yaml. A stop or an uncleared refer yields no training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from neurodash.library import Library
from neurodash.library.exercises import Guard
from neurodash.library.planning import Changes, PlanningRules, Situation, Trigger, Window
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
    seated_because: str = ""
    lowest: int = 0  # weeks
    rungs: int = 0
    levels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    guard: Guard = "alone"  # for work on the feet, at least
    lying: Guard = "alone"  # for work lying down, at least
    not_before: Mapping[str, int] = field(default_factory=dict)
    rest: int = 0
    effort: int | None = None
    window: Window | None = None
    minutes: int | None = None
    apart: bool = False
    say: tuple[str, ...] = ()
    on_feet: tuple[str, ...] = ()
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
    met: list[Screened] = []
    changes: list[tuple[str, Changes]] = []
    for code, situation in library.planning.situations.items():
        because = "said in the answers" if code in profile.situations else _shown(situation, profile)
        if not because:
            continue
        row = library.precautions[situation.precaution]
        cleared = code in profile.cleared and row.severity != "stop"
        met.append(Screened(row.precaution_id, situation.label, row.severity, because, row.action, cleared))
        if row.severity != "stop":
            changes.append((row.precaution_id, situation.changes))
    met.sort(key=lambda each: (ORDER[each.severity], each.precaution))
    stops = [each for each in met if each.severity == "stop"]
    stops.sort(key=lambda each: "emergenc" not in each.action.lower())  # what cannot wait is said first
    refers = [each for each in met if each.severity == "refer" and not each.cleared]
    now = {each.precaution: each.now for each in library.planning.situations.values()}
    what_now = [now[each.precaution] or each.action for each in (*stops, *refers)]
    what_now += _beyond(profile) if not stops else []
    status: Status = "stop" if stops else "refer" if what_now else "ready"
    rules = library.planning.rules
    changes += [("", each.changes) for each in rules.from_edss if profile.edss >= each.edss]
    if any(all(_holds(name, trigger, profile) for name in _asked(trigger)) for trigger in rules.near_when):
        changes.append(("", Changes(guard="near")))
    limits = _limits(changes, _seated(profile, rules))
    return Screening(status, tuple(met), tuple(dict.fromkeys(what_now)), limits)


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
    given = {name for name in trigger.model_fields_set if getattr(trigger, name) not in (None, ())}
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
    if name == "unknown":
        missing = [each for each in trigger.unknown if getattr(keys, each) is None]
        told = ", ".join(each.replace("_", " ") for each in missing)
        return f"{told}: not known" if len(missing) == len(trigger.unknown) else ""
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


def _seated(profile: Profile, rules: PlanningRules) -> str:
    """Why this person trains on a seat, whatever the precautions say; empty where nothing does."""
    if not profile.edss_from:
        return "EDSS is not known"
    if profile.edss >= SEATED_FROM:
        return f"{profile.edss_from.upper()} stands for a wheelchair"
    when, aid = rules.seated_when, profile.keys.walking_aid
    if aid in when.aids:
        return f"{aid} as the walking aid"
    for movement, grade in when.weaker_than.items():
        sides = profile.strength.get(movement, {})
        if len(sides) == 2 and max(sides.values()) < grade:
            return f"{rules.movements[movement].label} is below MRC {grade:g} on both sides"
    worst = profile.worst_spasticity
    if worst is not None and when.spasticity is not None and worst >= when.spasticity:
        return f"MAS {worst:g}"
    return ""


def _limits(met: Sequence[tuple[str, Changes]], seated_because: str) -> Limits:
    """All changes together: the most careful of each."""
    every = [changes for _, changes in met]
    because: dict[str, list[str]] = {}
    levels: dict[str, set[str]] = {}
    not_before: dict[str, int] = {}
    for row, changes in met:
        for name in changes.model_fields_set:
            if row:
                because.setdefault(name, []).append(row)
        for variable, found in changes.levels.items():
            levels.setdefault(variable, set()).update(found)
        for variable, week in changes.not_before.items():
            not_before[variable] = max(week, not_before.get(variable, 1))

    def most_guarded(guards: Iterable[Guard | None]) -> Guard:
        return max((each or "alone" for each in guards), key=GUARDS.index, default="alone")

    return Limits(
        seated=bool(seated_because) or any(each.seated for each in every),
        seated_because=seated_because,
        lowest=max((each.lowest for each in every), default=0),
        rungs=max((each.rungs for each in every), default=0),
        levels={variable: frozenset(found) for variable, found in levels.items()},
        guard=most_guarded(each.guard for each in every),
        lying=most_guarded(each.lying for each in every),
        not_before=not_before,
        rest=max((each.rest for each in every), default=0),
        effort=min((each.effort for each in every if each.effort is not None), default=None),
        window=next((each.window for each in every if each.window), None),
        minutes=min((each.minutes for each in every if each.minutes is not None), default=None),
        apart=any(each.apart for each in every),
        say=tuple(dict.fromkeys(line for each in every for line in each.say)),
        on_feet=tuple(dict.fromkeys(line for each in every for line in each.on_feet)),
        because={name: tuple(rows) for name, rows in because.items()},
    )
