"""From a profile to a plan: precautions, then targets, then a dose inside its rows, then days; a reason for each choice.

The order and the rules are those of docs/methods.md ("A plan for one person"). Pure: the same arguments give the same
plan, byte for byte.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.library.planning import Focus
from neurodash.library.protocols import DoseKeys, PhaseKeys, Protocol
from neurodash.planning import audit, beside
from neurodash.planning.adapted import Outside
from neurodash.planning.choice import Chooser, Chosen
from neurodash.planning.plan import (
    BY_HAND,
    Dose,
    EasierToday,
    FocusTarget,
    Item,
    NotChosen,
    Plan,
    PlanWeek,
    Reason,
    ReasonKind,
    Session,
    Taught,
)
from neurodash.planning.profile import DAYS, LaterSwap, Profile
from neurodash.planning.schedule import Opening, clock, days_for, openings
from neurodash.planning.screening import Screening, screen
from neurodash.planning.targets import Ranked, rank, weaker_side
from neurodash.planning.timing import minutes_of

PAUSES = 5  # minutes of a session for breath and water, where there is room
REST_BALANCE = 30  # seconds between sets of balance work. Expert judgement; for strength the protocol says
MOST_SETS_BALANCE = 4  # expert judgement
STRENGTH_MINUTES = 45.0  # a strength session at most, where the protocol names sets and not minutes. Expert judgement
MOST_AMBER = 0.7  # of the sets, at most
AMBER_SHARE = 0.6  # of the volume on an amber day: between half and seven tenths (precaution P44: 30 to 50 % less)
UNTIL_CLEARED = re.compile("cleared|doctor agrees|examined")  # and what holds until then
FIRST_WEEK = "in the first week"  # what a caution says that holds no longer
NO_TIME = "There is no time for a session: find at least {} minutes on some days of the week."
NOTHING_FITS = "Nothing in these protocols fits: a therapist experienced in MS plans in person (KALB-02)."
POWER_ENTERS_BEFORE = 2  # weeks before fast work opens in which its exercise is learnt slowly


def make(profile: Profile, library: Library, start: dt.date) -> Plan:
    """A plan of the schedule's weeks, from the first Monday on or after `start`."""
    return _Builder(profile, library, start).plan()


@dataclass
class _Track:
    """A target that is trained: the ladder it climbs and where it is."""

    ranked: Ranked
    now: Chosen
    because: list[str]
    dual: bool = False  # the task that is done well, beside which a second one is tried
    weeks: set[int] = field(default_factory=set)
    since: int = 1  # the week in which it came to its rung
    begun: int = 1  # the week in which it came into the plan
    stays: str = ""  # why it is not climbed


@dataclass
class _Part:
    """One focus of the plan while it is made."""

    code: str
    rule: Focus
    protocol: Protocol
    dose: DoseKeys
    phases: tuple[PhaseKeys, ...]
    ranked: tuple[Ranked, ...]
    tracks: list[_Track] = field(default_factory=list)
    cap: float = 0.0  # minutes a week
    most_days: int = 0  # sessions a week, at most
    grows: bool = False
    days: tuple[Opening, ...] = ()  # on which it may be booked, in every week the same
    booked: list[int] = field(default_factory=list)  # minutes of the sessions of the first week
    rooms: dict[int, int] = field(default_factory=dict)  # minutes of each such day
    peak: float = 0.0
    targets: list[FocusTarget] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)  # the week from which a target was left out
    because: tuple[str, ...] = ()
    dosed: tuple[str, ...] = ()  # the guideline rows of the dose

    @property
    def is_balance(self) -> bool:
        return "minutes" in self.dose.start

    def amount(self, name: str, week: int, end: str) -> float | None:
        """The low or high of a dosed amount: of the phase of this week, or else of the dose."""
        phase = self.phase(week)
        for source in ((phase.amounts if phase else {}), self.dose.start, self.dose.aim):
            found = source.get(name)  # type: ignore[call-overload]
            if found is not None:
                return float(getattr(found, end))
        return None

    def phase(self, week: int) -> PhaseKeys | None:
        begun = [p for p in self.phases if p.weeks and p.weeks[0] <= week]
        return next((p for p in begun if p.weeks and week <= p.weeks[1]), begun[-1] if begun else None)

    @property
    def first_minutes(self) -> float:
        """Minutes of a session in the first week."""
        return float(self.dose.start["minutes"].low) if self.is_balance else 20.0

    @property
    def most_minutes(self) -> float:
        """Minutes of a session, at most."""
        if not self.is_balance:
            return STRENGTH_MINUTES
        return float(max(d["minutes"].high for d in (self.dose.start, self.dose.aim) if "minutes" in d))

    def per_week(self, end: str) -> int:
        source = self.dose.aim if end == "high" and "per_week" in self.dose.aim else self.dose.start
        return int(getattr(source["per_week"], end))


class _Builder:
    def __init__(self, profile: Profile, library: Library, start: dt.date) -> None:
        self.profile, self.library = profile, library
        self.monday = start + dt.timedelta(days=-start.weekday() % 7)
        self.rules = library.planning.rules
        if self.rules.schedule is None:
            raise DataError([Problem("planning/rules.yaml: schedule", "nothing", "the shape of the weeks")])
        self.schedule = self.rules.schedule
        self.screening: Screening = screen(profile, library)
        self.limits = self.screening.limits
        self.reasons: dict[str, Reason] = {}
        self.by_text: dict[tuple[str, str, str], str] = {}
        self.not_chosen: list[NotChosen] = []
        self.looked_at: list[_Part] = []
        self.openings = openings(profile, self.limits, self.schedule)

    def plan(self) -> Plan:
        parts = self._parts() if self.screening.status == "ready" else []
        what_now = list(self.screening.what_now)
        status = self.screening.status
        if status == "ready" and not any(part.tracks for part in parts):
            status = "refer"
            fits = any(part.tracks for part in self.looked_at)
            what_now.append(NO_TIME.format(self.schedule.smallest) if fits else NOTHING_FITS)
        weeks = self._weeks(parts) if status == "ready" else ()
        if weeks and not any(week.sessions for week in weeks):
            status, weeks = "refer", ()
            what_now.append(NO_TIME.format(self.schedule.smallest))
        self._finish_targets(parts, weeks)
        self._say_what_is_missing(parts, weeks)
        ready = status == "ready"
        plan = Plan(
            code=self.profile.code, condition=self.profile.keys.condition, status=status, start=self.monday,
            library=self.library.version, focus=self.profile.focus, summary=beside.summary(self.profile), what_now=tuple(what_now),
            screening=self.screening.met, assumed=beside.assumed(self.profile, self.schedule) if ready else (), measure_next=beside.measure_next(self.profile, self.limits, self.library) if status != "stop" else (),
            targets=tuple(target for part in self.looked_at for target in part.targets), weeks=weeks,
            rules=beside.moves(weeks, self.library), retests=beside.retests([p.protocol for p in parts], self.profile, self.limits, self.library, self.schedule) if ready else (), education=self._lessons(),
            checks=(), coverage=(), cert=(), not_chosen=tuple(dict.fromkeys(self.not_chosen)), reasons=self.reasons,
            profile=self.profile.keys.model_dump(mode="json", exclude_unset=True),
        )  # fmt: skip
        return audit.audited(plan, self.library)

    # Reasons

    def because(self, kind: ReasonKind, ref: str, says: str) -> str:
        """The id of a reason; the same words twice are one."""
        key = (kind, ref, says)
        if key not in self.by_text:
            self.by_text[key] = name = f"r{len(self.reasons) + 1}"
            self.reasons[name] = Reason(name, kind, ref, says)
        return self.by_text[key]

    def _limit(self, change: str, says: str) -> tuple[str, ...]:
        return tuple(self.because("precaution", row, says) for row in self.limits.because.get(change, ()))

    # What is planned

    def _parts(self) -> list[_Part]:
        self.chooser = Chooser(self.profile, self.screening, self.library)
        self.gates = self.chooser.gates
        parts = []
        for code in self.profile.focus:
            rule = self.rules.focuses[code]
            protocol = self.library.protocols[rule.protocol]
            dose = self._dose(protocol, code)
            if dose is None:
                why = f"the protocol has no dose for EDSS {self.profile.edss:g}"
                self.not_chosen.append(NotChosen(rule.name, why))
                continue
            phases = tuple(p.keys for p in protocol.phases if p.keys.edss[0] <= self.profile.edss <= p.keys.edss[1])
            for phase in protocol.phases:
                if phase.keys not in phases and phase.keys.id != "power":  # of power is said why below
                    low, high = phase.keys.edss
                    self.not_chosen.append(
                        NotChosen(f"{rule.name}, phase “{phase.keys.name}”", f"it is for EDSS {low:g} to {high:g}")
                    )
            part = _Part(code, rule, protocol, dose, phases, self._ranked(rule))
            part.because = self._why_focus(part)
            self._choose(part)
            self.looked_at.append(part)
            if part.tracks:
                parts.append(part)
            else:
                self.not_chosen.append(NotChosen(rule.name, "none of its exercises fits; each target says why"))
        self._share(parts)
        parts = [part for part in parts if part.cap >= self.schedule.smallest]
        self._share_days(parts)
        return parts

    def _ranked(self, rule: Focus) -> tuple[Ranked, ...]:
        """The targets in their order; what another planned focus trains better comes last."""
        covered = {each.target for each in rule.targets if each.covered_by in self.profile.focus}
        found = rank(rule, self.profile, self.library, self.limits.seated)
        return tuple(sorted(found, key=lambda each: each.target in covered))

    def _dose(self, protocol: Protocol, code: str) -> DoseKeys | None:
        experience = self.profile.keys.experience.get(code, "none")
        fits = [d.keys for d in protocol.doses if d.keys.edss[0] <= self.profile.edss <= d.keys.edss[1]]
        return next(
            (d for d in fits if d.experience == experience), next((d for d in fits if d.experience == "any"), None)
        )

    def _why_focus(self, part: _Part) -> tuple[str, ...]:
        """The first finding of the brief, and the rows of the dose."""
        found, dosed = [], []
        brief = self.library.briefs.get(part.protocol.id)
        if brief and brief.findings:
            finding = brief.findings[0]
            found.append(self.because("finding", f"{brief.slug}#{finding.id}", finding.statement))
        for source in dict.fromkeys(s for a in part.dose.start.values() for s in a.source):
            row = self.library.guidelines[source]
            dosed.append(self.because("guideline", source, row.statement_own_words or row.modality))
        every = [
            *part.dose.start.values(),
            *part.dose.aim.values(),
            *(a for p in part.phases for a in p.amounts.values()),
        ]
        dosed += [self.because("clinician", "", a.says) for a in every if isinstance(a, Outside)]
        part.dosed = tuple(dosed)
        found += dosed
        return tuple(found)

    def _choose(self, part: _Part) -> None:
        """A ladder for each target, the weakest first, as many as a week holds; and why the others have none."""
        order = list(part.ranked)
        strong = [each for each in order if each.weakness is not None and not each.is_weak]
        wanted = order
        if part.is_balance and strong and len(order) > part.rule.most:
            done_well = strong[-1]
            others = [each for each in order if each is not done_well]
            wanted = [*others[: part.rule.most - 1], done_well, *others[part.rule.most - 1 :]]
        for place, ranked in enumerate(wanted, start=1):
            because = self._why_target(part, ranked)
            chosen, why = self._ladder(part, ranked)
            if chosen is not None and len(part.tracks) >= part.rule.most:
                chosen, why = None, f"a week holds {part.rule.most} targets"
            if chosen is None and ranked.is_weak and "trained person" in why:
                why += ": book sessions in which one does"
            if chosen is not None:
                because = [*because, *self._why_swap(ranked.target, chosen)]
                part.tracks.append(_Track(ranked, chosen, because))
            part.targets.append(
                FocusTarget(
                    focus=part.code,
                    target=ranked.target,
                    name=ranked.name,
                    rank=place,
                    weakness=_rounded(ranked.weakness),
                    trained=chosen is not None,
                    ladder=chosen.ladder.id if chosen else "",
                    because=tuple(because),
                    why_not=why,
                )
            )

    def _why_target(self, part: _Part, ranked: Ranked) -> list[str]:
        found = [self.because("measure", ref, told) for told, ref in zip(ranked.because, ranked.refs, strict=True)]
        if ranked.goal:
            goal = self.profile.keys.goals[ranked.goal - 1].text
            found.append(self.because("goal", str(ranked.goal), f"The goal “{goal}” draws on it."))
        if not found:
            says = f"{ranked.name}: not measured, so it stands in the careful order that is used until it is."
            found.append(self.because("expert judgement", "", says))
        return [*found, *part.because[:1]]

    def _why_swap(self, target: str, chosen: Chosen) -> list[str]:
        swap = self.profile.keys.swaps.get(target)
        if swap is None or chosen.at != (swap.ladder, swap.rung):
            return []
        return [self.because("clinician", "", f"“{chosen.exercise.name}” was chosen by the clinician.")]

    def _ladder(self, part: _Part, ranked: Ranked) -> tuple[Chosen | None, str]:
        """The rung that the clinician swapped in, or the first ladder of the target on which this person may begin."""
        swap = self.profile.keys.swaps.get(ranked.target)
        if swap is not None and not swap.ladder:
            return None, "left out by the clinician"
        if swapped := self._swapped(part, ranked.target):
            return swapped, ""
        found: list[tuple[bool, bool, bool, Chosen]] = []
        reasons: list[str] = []
        weakest = self._weakest_movement(part, ranked)
        for ladder in self.chooser.ladders(part.rule, ranked.target):
            start = self.chooser.start(ladder)
            if start is None:
                continue
            first = self.chooser.first(ladder)
            if first is None:
                reasons.append(self.chooser.why_not(self.chooser.rungs(ladder)[0], 1))
                continue
            if first.exercise.id in {track.now.exercise.id for track in part.tracks}:
                reasons.append(f"“{first.exercise.name}” is already there for another target")
                continue
            lifted = part.is_balance or not self.chooser.is_seated(
                first.levels
            )  # strength on the feet is what is needed there
            near = first.number >= start - 1
            found.append((ladder.id != weakest, not (lifted and near), first.number != start, first))
        if not found:
            return None, "; ".join(dict.fromkeys(filter(None, reasons[:2]))) or self._no_ladder()
        asked = 1 if ranked.target in part.protocol.ordered else 3  # an order that a clinician gave goes before fit
        return min(found, key=lambda each: each[:asked])[3], ""

    def _weakest_movement(self, part: _Part, ranked: Ranked) -> str | None:
        """The ladder of the movement that tests weakest among those of a target, where it has one of its own."""
        target = next((each for each in part.rule.targets if each.target == ranked.target), None)
        grades = {
            name: min(sides.values())
            for name in (target.strength if target else ())
            if (sides := self.profile.strength.get(name, {}))
        }
        return self.rules.movements[min(grades, key=grades.__getitem__)].ladder if grades else None

    def _no_ladder(self) -> str:
        planned = "" if self.profile.edss_from else "planned as for "
        return f"no ladder is meant for it, {planned}EDSS {self.profile.edss:g}"

    def _swapped(self, part: _Part, target: str, week: int = 1) -> Chosen | None:
        """The rung that the clinician chose for a target; None, and said why, where this person may not begin on it."""
        swap = self.profile.keys.swaps.get(target)
        if swap is None or not swap.ladder:
            return None
        ladder = self.library.ladders[swap.ladder]
        chosen = self.chooser.rungs(ladder)[swap.rung - 1]
        taken = chosen.exercise.id in {track.now.exercise.id for track in part.tracks}
        why = "it is already there for another target" if taken else self.chooser.why_not_first(chosen, week)
        if why:
            self.not_chosen.append(NotChosen(f"{chosen.exercise.name}{BY_HAND}", why))
            return None
        return chosen

    def _swap_in(self, swap: LaterSwap, parts: list[_Part]) -> None:
        """What a clinician swapped while the plan ran; the weeks before stay as they were."""
        part = next(
            (p for p in parts if swap.target in {t.target for t in p.targets} | {t.ranked.target for t in p.tracks}),
            None,
        )
        if part is None:
            return
        track = next((each for each in part.tracks if each.ranked.target == swap.target), None)
        if swap.ladder is None:
            if track is not None and len(part.tracks) == 1:
                why = "nothing else of this focus would be trained: pause or end the plan instead"
                self.not_chosen.append(NotChosen(f"Nothing for {track.ranked.name.lower()}{BY_HAND}", why))
            elif track is not None:
                part.tracks.remove(track)
                part.ended[swap.target] = swap.week
            return
        chosen = self.chooser.rungs(self.library.ladders[swap.ladder])[swap.rung - 1]
        here = track is not None and track.now.ladder.id == swap.ladder
        why = self.chooser.why_not_first(chosen, swap.week, track.now.number if track and here else 0)
        if chosen.exercise.id in {each.now.exercise.id for each in part.tracks if each is not track}:
            why = "it is already there for another target"
        if track is None and len(part.tracks) >= part.rule.most:
            why = why or f"a week holds {part.rule.most} targets"
        if why:
            self.not_chosen.append(NotChosen(f"{chosen.exercise.name}{BY_HAND}", why))
            return
        says = f"“{chosen.exercise.name}” was chosen by the clinician, from week {swap.week} on."
        if track is None:
            ranked = next(each for each in part.ranked if each.target == swap.target)
            track = _Track(ranked, chosen, self._why_target(part, ranked), begun=swap.week)
            part.tracks.append(track)
            part.ended.pop(swap.target, None)
        track.now, track.since, track.stays = chosen, swap.week, ""
        track.because = [*track.because, self.because("clinician", "", says)]

    # How much

    def _share(self, parts: list[_Part]) -> None:
        """Minutes a week for each focus: no more than there is time for, shared by what the doses aim at."""
        keys = self.profile.keys
        total = sum(each.minutes for each in self.openings) if self.profile.available is not None else math.inf
        if keys.minutes_per_week is not None:
            total = min(total, keys.minutes_per_week)
        lowest = sum(part.per_week("low") * part.first_minutes for part in parts)
        if len(parts) > 1 and total < lowest:
            why = f"{total:.0f} minutes a week are less than the {lowest:.0f} of their lowest doses: one of them alone would do more"
            self.not_chosen.append(NotChosen("The full dose of each focus", why))
        aims = {part.code: part.per_week("high") * part.most_minutes for part in parts}
        for part in parts:
            first = part.per_week("low") * part.first_minutes
            share = total * aims[part.code] / sum(aims.values()) if total < math.inf else math.inf
            unknown = keys.minutes_per_week is None or self.profile.available is None
            part.grows = not unknown
            part.cap = min(share, aims[part.code] if part.grows else first)
            if part.cap < self.schedule.smallest:
                why = f"{part.cap:.0f} minutes a week are left for it; a session of {self.schedule.smallest} is the smallest"
                self.not_chosen.append(NotChosen(part.rule.name, why))

    def _share_days(self, parts: list[_Part]) -> None:
        """Every focus its fewest sessions a week; days that are then still free go round, so that none is booked twice."""
        for part in parts:
            part.most_days = part.per_week("low")
        spare = len(self.openings) - sum(part.most_days for part in parts)
        while spare > 0 and (open_ := [part for part in parts if part.most_days < part.per_week("high")]):
            for part in open_[:spare]:
                part.most_days += 1
                spare -= 1
        taken: frozenset[int] = frozenset()
        for part in sorted(parts, key=lambda each: -each.rule.days_apart):
            part.days = days_for(self.openings, part.most_days, part.rule.days_apart, taken)
            taken |= {each.day for each in part.days}
        for opening in self.openings:  # a day that two share is shared by what they may use of a week
            own = [part for part in parts if opening in part.days]
            for part in own:
                room = min(opening.minutes, self.limits.minutes or opening.minutes)
                part.rooms[opening.day] = math.floor(room * part.cap / sum(each.cap for each in own))

    # The weeks

    def _weeks(self, parts: list[_Part]) -> tuple[PlanWeek, ...]:
        return tuple(self._week(number, parts) for number in range(1, self.schedule.weeks + 1))

    def _week(self, number: int, parts: list[_Part]) -> PlanWeek:
        lighter = number % self.schedule.lighter_every == 0
        if number == self.gates.attention:
            for part in parts:
                self._choose_dual(part)
        if (number - 1) % self.schedule.rung_every == 0 and not lighter and number > self.limits.lowest + 1:
            for part in parts:
                for track in part.tracks:
                    self._climb(part, track, number)
        for swap in self.profile.keys.later_swaps:
            if swap.week == number:
                self._swap_in(swap, parts)
        booked: dict[int, list[tuple[_Part, Opening, list[Item], int]]] = {}
        taken: frozenset[int] = frozenset()
        minutes: dict[str, int] = {}
        for part in sorted(parts, key=lambda each: -each.rule.days_apart):
            made = self._sessions(part, number, lighter, taken)
            taken |= {opening.day for opening, _, _ in made}
            minutes[part.code] = sum(time for _, _, time in made)
            if not lighter:
                part.peak = max(part.peak, minutes[part.code])
            for opening, items, time in made:
                booked.setdefault(opening.day, []).append((part, opening, items, time))
        order = {part.code: place for place, part in enumerate(parts)}
        sessions = []
        for day in sorted(booked):
            own = sorted(booked[day], key=lambda each: order[each[0].code])
            sessions.append(self._session(number, day, own))
        sets: dict[str, int] = {}
        for session in sessions:
            for item in session.items:
                sets[item.target] = sets.get(item.target, 0) + item.dose.sets
        phases = [phase.name for part in parts if (phase := part.phase(number))]
        return PlanWeek(
            number=number, begins=self.monday + dt.timedelta(weeks=number - 1), lighter=lighter, phases=tuple(phases),
            minutes=minutes, sets=dict(sorted(sets.items())), sessions=tuple(sessions),
        )  # fmt: skip

    def _choose_dual(self, part: _Part) -> None:
        """The exercise beside which a second task is tried: of what is done well, or else the one that asks least."""
        able = [track for track in part.tracks if part.is_balance and self._may_talk(track)]
        if able:
            well = [t for t in able if t.ranked.weakness is not None and not t.ranked.is_weak]
            min(well or able, key=lambda t: (t.now.levels["movement"], t.now.levels["base"])).dual = True

    def _climb(self, part: _Part, track: _Track, number: int) -> None:
        """One rung up, if this person was on the one below last week and may; otherwise why not."""
        above = self.chooser.above(track.now)
        if above is None or number - 1 not in track.weeks:
            return
        if number - track.since < self.schedule.rung_every:  # swapped in a week ago
            return
        why = self.chooser.why_not(above, number)
        if above.exercise.id in {each.now.exercise.id for each in part.tracks if each is not track}:
            why = why or "it is already there for another target"
        if above.levels.get("attention", 0) and part.is_balance and not track.dual:
            why = why or "a second task is tried beside what is done best"
        if track.dual and number >= self.gates.attention and self._may_talk(track):
            why = why or f"from week {self.gates.attention} on a second task is what gets harder"
        one_set = minutes_of(above.exercise, self._least(part, replace(track, now=above), number, 0))
        if part.rule.warm_up + part.rule.cool_down + one_set > min(part.rooms.values(), default=0):
            why = why or "the shortest session has no time for it"
        if not why:
            track.now, track.stays, track.since = above, "", number
        elif not track.stays:
            track.stays = why

    def _budget(self, part: _Part, number: int, lighter: bool) -> float:
        """Minutes of the focus in this week: the lowest dose first, then no more than the stated growth over the most of
        any week before, and every so often a lighter week."""
        first = min(part.cap, part.per_week("low") * part.first_minutes)
        if number == 1:
            return first
        if lighter:
            return part.peak * self.schedule.lighter_to
        if number <= self.limits.lowest:
            return part.peak
        return min(part.cap, part.peak * (1 + self.schedule.growth) if part.grows else part.peak)

    def _sessions(
        self, part: _Part, number: int, lighter: bool, taken: frozenset[int]
    ) -> list[tuple[Opening, list[Item], int]]:
        budget = self._budget(part, number, lighter)
        most = self.limits.minutes or math.inf
        free = [each for each in part.days if part.rooms[each.day] >= self.schedule.smallest]
        count = part.per_week("low")
        while count < part.most_days and budget / (count + 1) >= part.first_minutes:
            count += 1
        smallest = self.schedule.smallest * (self.schedule.lighter_to if lighter else 1)
        while count > 1 and budget / count < smallest:
            count -= 1
        days = days_for(free, count, part.rule.days_apart, taken)
        made = []
        spent = 0.0
        # What a short day leaves, a long one takes
        by_room = sorted(enumerate(days), key=lambda each: part.rooms[each[1].day])
        same = self._same_for_all(part, number, [part.rooms[each.day] for each in days], budget, lighter)
        for done, (place, opening) in enumerate(by_room):
            each = (budget - spent) / (len(days) - done)
            room = math.floor(min(each, most, part.most_minutes, part.rooms[opening.day]))
            items, time = self._fill(part, number, 0 if same else place, same or room, lighter)
            if items:
                if number == 1:
                    part.booked.append(time)
                elif not lighter:  # shorter exercises leave longer pauses, not a shorter session than at first
                    time = min(room, max([time, *part.booked[done : done + 1]]))
                made.append((opening, items, time))
                spent += time
        return made

    def _same_for_all(self, part: _Part, number: int, rooms: Sequence[int], budget: float, lighter: bool) -> int:
        """The minutes of a session, where every session of the week can hold all the exercises: then all are alike, and a
        tired person has one set of numbers to keep. 0 where some are too short, or shorter than others."""
        if not rooms:
            return 0
        limit = float(self.limits.minutes or math.inf)
        own = [min(budget / len(rooms), limit, part.most_minutes, float(room)) for room in rooms]
        shortest = math.floor(min(own))
        tracks = [t for t in part.tracks if not lighter or number - 1 in t.weeks] or part.tracks
        needed = float(part.rule.warm_up + part.rule.cool_down)
        needed += sum(minutes_of(t.now.exercise, self._least(part, t, number, 0)) for t in tracks)
        return shortest if needed <= shortest == math.floor(max(own)) else 0

    def _fill(self, part: _Part, number: int, place: int, room: int, lighter: bool) -> tuple[list[Item], int]:
        """The exercises of one session and its minutes: each with as many sets as there is room for."""
        if not part.is_balance and number >= self.gates.fast - POWER_ENTERS_BEFORE:
            self._add_power(part, number)
        tracks = self._order(part, place)
        if lighter:  # a lighter week brings nothing new
            tracks = [track for track in tracks if number - 1 in track.weeks] or tracks
        fixed = part.rule.warm_up + part.rule.cool_down
        chosen: list[tuple[_Track, Dose]] = []
        for level in (0 if lighter else (number - 1) // 4, 0):  # where the larger amounts do not fit, the smallest do
            chosen = [(track, self._least(part, track, number, level)) for track in tracks]
            if fixed + sum(minutes_of(t.now.exercise, d) for t, d in chosen) <= room:
                break
        while chosen and fixed + sum(minutes_of(t.now.exercise, d) for t, d in chosen) > room:
            chosen.pop()
        if not chosen:  # the first alone that fits
            alone = [(track, self._least(part, track, number, 0)) for track in tracks]
            chosen = [(t, d) for t, d in alone if fixed + minutes_of(t.now.exercise, d) <= room][:1]
        if not chosen:
            return [], 0
        most = self._most_sets(part, number, lighter)
        time = fixed + sum(minutes_of(track.now.exercise, dose) for track, dose in chosen)
        growing = True
        while growing:
            growing = False
            for index, (track, dose) in enumerate(chosen):
                if dose.sets >= most:
                    continue
                more = replace(dose, sets=dose.sets + 1)
                longer = minutes_of(track.now.exercise, more) - minutes_of(track.now.exercise, dose)
                if time + longer <= room:
                    chosen[index] = (track, more)
                    time += longer
                    growing = True
        items = [self._item(part, track, dose, number) for track, dose in chosen]
        for track, _ in chosen:
            track.weeks.add(number)
        return items, min(room, math.ceil(time) + PAUSES)

    def _order(self, part: _Part, place: int) -> list[_Track]:
        """The two weakest first; the others take turns from session to session, so that none is always the last."""
        first, rest = part.tracks[:2], part.tracks[2:]
        turn = place % len(rest) if rest else 0
        return [*first, *rest[turn:], *rest[:turn]]

    def _add_power(self, part: _Part, number: int) -> None:
        """An exercise that is learnt slowly and then done fast, from shortly before fast work opens."""
        if self._no_power() or any(track.ranked.target == "power" for track in part.tracks):
            return
        options = [self._swapped(part, "power", number)]
        options += [self.chooser.first(ladder, number) for ladder in self.chooser.ladders(part.rule, "power")]
        for first in options:
            if first is not None and first.exercise.id not in {track.now.exercise.id for track in part.tracks}:
                says = "Strength needs speed too: from the ninth week on, when it is pain-free, rise fast and lower slowly."
                because = [self.because("protocol", part.protocol.id, says), *self._why_swap("power", first)]
                label = self.library.exercises.words.targets["power"].label
                track = _Track(Ranked("power", label, None, (), ()), first, because)
                part.tracks.insert(min(1, len(part.tracks)), track)
                return

    def _no_power(self) -> str:
        """Why nothing is done fast; empty where it may be."""
        swap = self.profile.keys.swaps.get("power")
        if swap is not None and not swap.ladder:
            return "left out by the clinician"
        phases = [
            p.keys for protocol in self.library.protocols.values() for p in protocol.phases if p.keys.id == "power"
        ]
        if not any(low <= self.profile.edss <= high for low, high in (phase.edss for phase in phases)):
            return f"the power phase is not for EDSS {self.profile.edss:g}"
        if self._held():
            return self._held()
        if "fast" in self.limits.levels.get("speed", ()):
            return f"fast work is left out by {wording.joined(list(self.limits.because.get('levels', ())))}"
        return ""

    def _held(self) -> str:
        """What holds the dose at its lowest for all of the plan; empty where nothing does."""
        held = self.limits.lowest >= self.schedule.weeks - 1
        rows = wording.joined(list(self.limits.because.get("lowest", ())))
        return f"the dose is held at its lowest by {rows}" if held else ""

    def _most_sets(self, part: _Part, number: int, lighter: bool) -> int:
        if part.is_balance:
            return MOST_SETS_BALANCE
        if number <= max(2, self.limits.lowest):
            return int(part.dose.start["sets"].high if number > 2 else part.dose.start["sets"].low)
        dosed = part.dose.aim.get("sets", part.dose.start["sets"])
        most = min(part.amount("sets", number, "high") or 1, float(dosed.high))
        return max(1, int(most) - (1 if lighter and most > 1 else 0))

    def _least(self, part: _Part, track: _Track, number: int, level: int) -> Dose:
        """One set of an exercise, low in its usual range at first and higher later."""
        usual = track.now.exercise.dose
        low, high = usual.usual
        if usual.form == "reps" and not part.is_balance and "reps" in part.dose.start:
            dosed = part.dose.start["reps"]
            name = "rm" if number > self.limits.lowest and part.amount("rm", number, "low") else "reps"
            least, most = part.amount(name, number, "low"), part.amount(name, number, "high")
            low, high = max(float(dosed.low), least or low), min(float(dosed.high), most or high)
            if low > high:
                low = high = float(dosed.low)
        else:
            low = low + (high - low) * min(level, 2) / 3
            low = math.floor(low) if low >= 5 else round(low)
        rest = REST_BALANCE if part.is_balance else int((part.amount("rest_minutes", number, "low") or 2) * 60)
        return Dose(
            sets=1, low=low, high=max(low, high if usual.form == "reps" else low), unit=usual.form, hold=usual.hold or 0,
            rest=rest + self.limits.rest, bouts=usual.bouts[0] if usual.bouts else 1,
            extra=1 if number > max(2, self.limits.lowest) and self._weaker(part, track) else 0,
        )  # fmt: skip

    # One exercise in a session

    def _item(self, part: _Part, track: _Track, dose: Dose, number: int) -> Item:
        now = track.now
        exercise = now.exercise
        dual = self._dual_task(part, track, number)
        words = self.library.exercises.words.activities
        cleared = {each.precaution for each in self.screening.met if each.cleared}
        cautions = [
            c.how
            for c in exercise.precautions
            if c.does == "changes"
            and c.id in self.screening.precautions
            and not (number > 1 and FIRST_WEEK in c.how)
            and not (c.id in cleared and UNTIL_CLEARED.search(c.how))
        ]
        free = now.guard == "alone" and not now.rung.says and not self.limits.lowest
        activity = next((told for code, told in exercise.activities.items() if free and code in self._enjoyed()), "")
        because = [*track.because, *self._why_rung(now), *part.dosed]
        if now.guard != "alone" and not self.chooser.is_seated(now.levels):
            because += self._limit("guard", "Somebody is within reach for work on the feet.")
        if activity:
            liked = [words[code].label.lower() if code in words else code for code in sorted(self._enjoyed())]
            because.append(self.because("profile", "enjoys", f"What this person likes: {wording.joined(liked)}."))
        equipment = self.library.exercises.words.equipment
        loaded = now.levels["load"] > self.library.exercises.words.variables["load"].index("body")
        kit = (*exercise.equipment, *now.rung.equipment)
        load = [equipment[code].label for code in kit if loaded and code in ("band", "dumbbell")]
        return Item(
            exercise=exercise.id, name=exercise.name, target=track.ranked.target, ladder=now.ladder.id, rung=now.number,
            says=now.rung.says, dose=dose, load=load[0] if load else "own weight", effort=self._effort(part, number),
            side=self._side(part, track), guard=now.guard, support=tuple(dict.fromkeys(cautions)), dual_task=dual,
            activity=activity, rule=now.ladder.rule, minutes=round(minutes_of(exercise, dose), 1),
            amber=self._amber(now, dose, number), because=tuple(dict.fromkeys(because)),
        )  # fmt: skip

    def _why_rung(self, now: Chosen) -> list[str]:
        known = f"EDSS {self.profile.edss:g}" if self.profile.edss_from else "an EDSS that is not known"
        fewer = f", {self.limits.rungs} lower for a precaution" if self.limits.rungs else ""
        says = f"“{now.ladder.name}”: begun on the highest rung open to {known} and these scores{fewer}, then rung by rung."
        return [self.because("expert judgement", now.ladder.id, says)]

    def _dual_task(self, part: _Part, track: _Track, number: int) -> str:
        """A simple second task beside the exercise that is done best, never alone, and only one in a session."""
        if (
            not track.dual
            or number < max(self.gates.attention, track.since + self.schedule.rung_every)
            or not self._may_talk(track)
        ):
            return ""
        if any(each.now.levels.get("attention", 0) for each in part.tracks):
            return ""
        steps = (number - self.gates.attention) // self.schedule.rung_every
        return self.rules.dual_tasks[min(steps, len(self.rules.dual_tasks) - 1)]

    def _may_talk(self, track: _Track) -> bool:
        """Whether a second task may be tried beside an exercise: with somebody near, eyes open."""
        near = self.profile.support != "alone"
        return near and not track.now.levels.get("vision", 0) and bool(self.rules.dual_tasks)

    def _enjoyed(self) -> frozenset[str]:
        return frozenset(word.strip().casefold() for word in self.profile.keys.enjoys)

    def _effort(self, part: _Part, number: int) -> str:
        def span(name: str) -> str:
            low, high = part.amount(name, number, "low"), part.amount(name, number, "high")
            if low is None or high is None:
                return ""
            return f"{low:g}" if low == high else f"{low:g} to {high:g}"

        if part.is_balance:
            return part.rule.effort.format(difficulty=span("difficulty") or "3 to 6")
        if self.limits.effort is not None:
            words = sorted(self.rules.effort_words.items())
            hard = next((told for up_to, told in words if self.limits.effort <= up_to), words[-1][1])
            return f"{hard} at most: up to {self.limits.effort} on the scale from 6 to 20."
        return part.rule.effort.format(reserve=span("reserve") or "3")

    def _side(self, part: _Part, track: _Track) -> str:
        sides = track.now.exercise.sides
        if sides == "both":
            return "both"
        if weaker := self._weaker(part, track):
            return f"{weaker} first"
        return "each side" if sides == "each" else "left and right in turn"

    def _weaker(self, part: _Part, track: _Track) -> str:
        """The weaker side, where an exercise of strength takes one side after the other."""
        target = next((t for t in part.rule.targets if t.target == track.ranked.target), None)
        if target is None or part.is_balance or track.now.exercise.sides != "each":
            return ""
        return weaker_side(target, self.profile)

    def _amber(self, now: Chosen, dose: Dose, number: int) -> EasierToday:
        """Half to seven tenths of the work, a rung lower where there is one, with longer rests."""
        lower = self.chooser.below(now, number) or now
        sets, bouts = math.floor(dose.sets * MOST_AMBER), math.floor(dose.bouts * MOST_AMBER)
        if sets >= dose.sets / 2 and sets >= 1:
            eased = replace(dose, sets=sets, extra=0, rest=dose.rest + 30)
        elif bouts >= dose.bouts / 2 and bouts >= 1:
            eased = replace(dose, bouts=bouts, extra=0, rest=dose.rest + 30)
        else:
            share = AMBER_SHARE * dose.sets
            low = math.floor(dose.low * share) if dose.low * share >= 2 else math.ceil(dose.low * share * 2) / 2
            low = low - 0.5 if low >= dose.low * dose.sets * 0.75 and dose.unit == "minutes" else max(low, 0.5)
            high = max(low, math.floor(dose.high * share)) if dose.high > dose.low else low
            eased = replace(dose, sets=1, low=low, high=high, extra=0, rest=dose.rest + 30)
        most = lower.exercise.dose.usual[1]
        if lower is not now and (lower.exercise.dose.form != dose.unit or eased.low > most):
            lower = now
        elif lower is not now:
            eased = replace(eased, high=min(eased.high, max(eased.low, most)), hold=lower.exercise.dose.hold or 0)
        return EasierToday(lower.exercise.id, lower.exercise.name, lower.number, lower.rung.says, eased)

    # A session

    def _session(self, number: int, day: int, own: Sequence[tuple[_Part, Opening, list[Item], int]]) -> Session:
        opening = own[0][1]
        minutes = sum(time for *_, time in own)
        because: list[str] = []
        if opening.best and (best := self.profile.keys.energy.best):
            because.append(self.because("profile", "energy", f"Energy is best in the {best}."))
        elif opening.best:
            because += self._limit("window", "Booked in the part of the day that suits it best.")
        for part, *_ in own:
            because += part.because
        items = self._in_order([items for _, _, items, _ in own])
        begin = "" if opening.start is None else clock(opening.start)
        end = "" if opening.start is None else clock(opening.start + minutes)
        return Session(
            date=self.monday + dt.timedelta(weeks=number - 1, days=day), day=DAYS[day], start=begin, end=end,
            focus=tuple(part.code for part, *_ in own), minutes=minutes,
            items=items, say=(*self.limits.say, *(self.limits.on_feet if self._is_on_feet(items) else ())),
            because=tuple(dict.fromkeys(because)),
        )  # fmt: skip

    def _is_on_feet(self, items: Sequence[Item]) -> bool:
        return any(not self.chooser.is_seated(self._rung(item).levels) for item in items)

    def _rung(self, item: Item) -> Chosen:
        return self.chooser.rungs(self.library.ladders[item.ladder])[item.rung - 1]

    def _in_order(self, groups: Sequence[Sequence[Item]]) -> tuple[Item, ...]:
        """One focus after the other, each from low to high positions or back, so that nobody gets up and down between
        exercises; of the two the way with the shorter path, and then the one that begins nearer to the weakest target."""
        heights = {code: place for place, code in enumerate(self.library.exercises.words.positions)}
        made: list[Item] = []

        def height(item: Item) -> int:
            return min(heights[self.library.exercises.exercises[item.exercise].position], heights["standing"])

        for group in groups:
            up = sorted(group, key=height)
            down = sorted(group, key=height, reverse=True)
            jump = [abs(height(each[0]) - height(made[-1])) if made else 0 for each in (up, down)]
            made += min(
                (jump[0], up.index(group[0]), up), (jump[1], down.index(group[0]), down), key=lambda way: way[:2]
            )[2]
        return tuple(made)

    # Around the weeks

    def _finish_targets(self, parts: list[_Part], weeks: tuple[PlanWeek, ...]) -> None:
        """Say of a target that is not trained in every week that it is so."""
        for part in self.looked_at:
            if part not in parts and part.tracks:
                part.targets = [
                    replace(t, trained=False, why_not="no time is left for it") if t.trained else t
                    for t in part.targets
                ]
                continue
            trained = {track.ranked.target: track.weeks for track in part.tracks}
            begun = {track.ranked.target: track.begun for track in part.tracks if track.begun > 1}
            missing = {
                name: sorted(set(range(1, len(weeks) + 1)) - own)
                for name, own in trained.items()
                if len(own) < len(weeks)
            }
            part.targets = [
                replace(
                    target,
                    trained=bool(trained.get(target.target)),
                    why_not=f"no time for it in week {wording.joined([str(w) for w in missing[target.target]])}",
                )
                if target.target in missing and weeks
                else target
                for target in part.targets
            ]
            part.targets = [
                replace(target, why_not=f"left out by the clinician from week {part.ended[target.target]} on")
                if target.target in part.ended
                else replace(target, why_not=f"begun in week {begun[target.target]}, chosen by the clinician")
                if target.target in begun and target.trained
                else target
                for target in part.targets
            ]

    def _say_what_is_missing(self, parts: list[_Part], weeks: tuple[PlanWeek, ...]) -> None:
        """Dynamic, reactive, dual-task and power work that this plan does not have, and why."""
        if not weeks:
            return
        every = [(week.number, item, self._demanded(item)) for week in weeks for s in week.sessions for item in s.items]
        plan = self.schedule
        if self.profile.support == "alone" and self.limits.guard != "alone" and not self.limits.seated:
            says = "nobody is near: with somebody within reach in two sessions a week it opens"
            self.not_chosen.append(NotChosen("Work on the feet", says))
        alone = "nobody is near: it is first tried with a person within reach"
        for part in parts:
            for track in part.tracks:
                if track.stays and track.weeks:
                    what = f"A harder form of “{track.now.exercise.name}”"
                    self.not_chosen.append(NotChosen(what, track.stays))
            own = {target.target for target in part.targets} | (set() if part.is_balance else {"power"})
            shown = [each for each in every if each[1].target in own]
            if not part.is_balance:
                if not any(i.target == "power" and d["speed"] in ("brisk", "fast") for _, i, d in shown):
                    why = self._no_power() or "no ladder of it fits this person, their equipment and who is near"
                    self.not_chosen.append(NotChosen("Power work", why))
                continue
            if not any(w <= plan.dynamic_by and audit.is_dynamic(d) for w, _, d in shown):
                self.not_chosen.append(NotChosen("Dynamic balance work", self._why_no("dynamic", part)))
            if not any(w <= plan.reactive_by and i.target == "reactive" for w, i, _ in shown):
                self.not_chosen.append(NotChosen("Reactive work", self._why_no("reactive", part)))
            if not any(w <= plan.dual_task_by and (i.dual_task or d["attention"] != "single") for w, i, d in shown):
                why = alone if self.profile.support == "alone" else self._why_no("dual", part)
                self.not_chosen.append(NotChosen("Dual-task work", why))

    def _why_no(self, what: str, part: _Part) -> str:
        if what == "reactive":
            own = next((t for t in part.targets if t.target == "reactive"), None)
            return own.why_not if own and own.why_not else "a trained person has to guard it"
        if self.limits.seated:
            return "only lying and sitting work is open"
        if self._held():
            return self._held()
        if what == "dynamic" and self.profile.support == "alone" and self.limits.guard != "alone":
            return "work on the feet is not open: nobody is near"
        return "no exercise of it fits this person, their equipment, their time and who is near"

    def _demanded(self, item: Item) -> Mapping[str, str]:
        levels = self._rung(item).levels
        return {name: self.library.exercises.words.variables[name][level] for name, level in levels.items()}

    def _lessons(self) -> tuple[Taught, ...]:
        met = {
            code for code, s in self.library.planning.situations.items() if s.precaution in self.screening.precautions
        }
        found = []
        for lesson in self.rules.lessons:
            if lesson.for_situations and not met & set(lesson.for_situations):
                continue
            because = [
                self.because("precaution", row, self.library.precautions[row].situation) for row in lesson.precautions
            ]
            found.append(Taught(lesson.id, lesson.title, lesson.says, tuple(because)))
        return tuple(found)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
