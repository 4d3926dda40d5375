"""What stands beside the weeks of a plan: whom it is for, what was assumed, what to ask and test, and what moves a rung."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurodash import wording
from neurodash.library import Library
from neurodash.library.planning import Schedule
from neurodash.library.protocols import Protocol
from neurodash.library.rows import InstrumentValue
from neurodash.planning.plan import Moves, PlanWeek, RetestOf
from neurodash.planning.profile import Profile, not_known
from neurodash.planning.screening import Limits


def summary(profile: Profile) -> str:
    keys = profile.keys
    edss = f"EDSS {profile.edss:g}" if profile.edss_from == "edss" else ""
    if profile.edss_from == "pdds":
        edss = f"PDDS {keys.pdds}, planned as for EDSS {profile.edss:g}"
    parts = [
        keys.phenotype if keys.phenotype != "unknown" else "MS",
        edss or "EDSS not known",
        "falls not known"
        if keys.falls_6_months is None
        else f"{wording.count(keys.falls_6_months, 'fall')} in six months",
        "" if keys.setting == "unknown" else keys.setting.replace("_", " "),
    ]
    return ", ".join(part for part in parts if part).replace(wording.NO_BREAK, " ") + "."


def assumed(profile: Profile, schedule: Schedule) -> tuple[str, ...]:
    found = []
    keys = profile.keys
    if not profile.edss_from:
        found.append("EDSS is not known: planned as for somebody who cannot stand unaided, with the lowest dose.")
    elif profile.edss_from == "pdds":
        found.append(f"PDDS {keys.pdds} is taken as EDSS {profile.edss:g}, the careful end; it is no converter.")
    if keys.setting == "unknown" and keys.helper is None:
        found.append("Nobody is known to be near: planned as for somebody who trains alone.")
    if profile.equipment is None:
        found.append("Equipment is not known: only what is in every home, a chair, a table, a wall and a bed.")
    if profile.available is None:
        days = wording.joined([day.capitalize() for day in schedule.assumed_days])
        found.append(f"Free time is not known: {days}, without hours, and no growth.")
    if keys.minutes_per_week is None:
        found.append("Minutes a week are not known: the lowest dose, and no growth.")
    return tuple(found)


def measure_next(profile: Profile, limits: Limits, library: Library) -> tuple[str, ...]:
    found = [wording.inside(f"{name}") for name in not_known(profile)]
    names = {row.instrument_id: row.name for row in library.instruments.values()}
    for code in profile.focus:
        for target in library.planning.rules.focuses[code].targets:
            clues = [clue for clue in target.clues if _can_be_tested(clue.instrument, profile, limits, library)]
            if clues and not any((c.instrument, c.part) in profile.measures for c in target.clues):
                clue = clues[0]
                found.append(f"{names.get(clue.instrument, clue.instrument)}{f', {clue.part}' if clue.part else ''}")
    return tuple(dict.fromkeys(found))


def moves(weeks: Sequence[PlanWeek], library: Library) -> Mapping[str, Moves]:
    used = sorted({item.rule for week in weeks for session in week.sessions for item in session.items})
    rules = library.rules
    return {name: Moves(rules[name].up, rules[name].hold, rules[name].back, rules[name].after_a_break) for name in used}


def retests(
    protocols: Iterable[Protocol], profile: Profile, limits: Limits, library: Library, schedule: Schedule
) -> tuple[RetestOf, ...]:
    every: dict[str, int] = {}
    for protocol in protocols:
        for retest in protocol.retests:
            every[retest.instrument] = min(retest.weeks, every.get(retest.instrument, retest.weeks))
    for name, _ in profile.measures:
        every.setdefault(name, 4)
    every = {name: weeks for name, weeks in every.items() if _can_be_tested(name, profile, limits, library)}
    return tuple(_retest(name, weeks, profile, library, schedule) for name, weeks in every.items())


def _can_be_tested(instrument: str, profile: Profile, limits: Limits, library: Library) -> bool:
    on_feet = instrument in library.planning.rules.on_feet_tests
    in_clinic = instrument in library.planning.rules.clinic_tests
    return not (on_feet and limits.seated) and not (in_clinic and profile.keys.setting != "clinic")


@dataclass(frozen=True)
class Published:
    """What is published about an instrument for this person, in words: the change beyond error, the one that matters, and
    the rows that say so. "not known" where nothing is."""

    beyond_error: str
    matters: str
    rows: tuple[str, ...]


def published(instrument: str, profile: Profile, library: Library) -> Published:
    """Which change of an instrument counts."""
    rows = [row for row in library.instruments.values() if row.instrument_id == instrument]

    def told(names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        found = [row for row in rows if row.property in names and row.value]
        if not found:
            return wording.NOT_KNOWN, ()
        row, why = _that_counts(found, profile)
        about = "; ".join(filter(None, (row.population, row.condition, why)))
        return f"{wording.value(row.value, row.value_unit)} ({about})", (row.row_id,)

    error, error_rows = told(("mdc", "mdc90", "mdc95"))
    matters, matter_rows = told(("mcid_improve",))
    return Published(error, matters, (*error_rows, *matter_rows))


def _retest(instrument: str, every: int, profile: Profile, library: Library, schedule: Schedule) -> RetestOf:
    name = next((row.name for row in library.instruments.values() if row.instrument_id == instrument), instrument)
    known = any(each == instrument for each, _ in profile.measures)
    weeks = (*(() if known else (0,)), *range(every, schedule.weeks + 1, every))
    counts = published(instrument, profile, library)
    return RetestOf(instrument, name, weeks, counts.beyond_error, counts.matters, counts.rows)


def _that_counts(rows: Sequence[InstrumentValue], profile: Profile) -> tuple[InstrumentValue, str]:
    """Of several published values the one for this person's EDSS, or else the largest: less counts as a change. And why."""

    def is_for(row: InstrumentValue) -> bool:
        band = re.search(r"EDSS (\d(?:\.\d)?)-(\d(?:\.\d)?)", row.condition)
        return bool(profile.edss_from and band and float(band[1]) <= profile.edss <= float(band[2]))

    own = [row for row in rows if is_for(row)]
    found = max(own or rows, key=lambda row: max(map(float, re.findall(r"\d+(?:\.\d+)?", row.value)), default=0.0))
    return found, "" if len(
        rows
    ) == 1 else f"of {len(rows)} published values the {'one for this EDSS' if len(own) == 1 else 'largest'}"
