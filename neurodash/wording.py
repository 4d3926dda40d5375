"""Numbers, ranges, dates and verdicts as people read them: the same on page, picture and paper."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
NOT_KNOWN = "not known"
MINUS = "−"
NO_BREAK = "\u00a0"

ROW_KINDS: Mapping[str, str] = {
    "main": "main",
    "subgroup": "subgroup",
    "follow_up": "follow-up",
    "dose": "dose",
    "moderator": "moderator",
}
METRICS: Mapping[str, str] = {
    "SMD": "standardised mean difference",
    "MD": "mean difference",
    "RD": "risk difference",
    "beta": "regression slope",
    "RR": "risk ratio",
    "OR": "odds ratio",
    "IRR": "rate ratio",
    "narrative": "described in words",
}
DOSES: Mapping[str, str] = {
    "minutes_per_session": "minutes per session",
    "minutes_per_week": "minutes a week",
    "weeks": "number of weeks",
    "sessions": "number of sessions",
    "met_minutes_per_week": "MET-minutes a week",
}
SAYS: Mapping[str, str] = {
    "improves": "improves",
    "may_improve": "may improve",
    "no_clear_effect": "no clear effect",
    "more_with_dose": "more with a larger dose",
    "not_more_harm": "no more harm",
    "narrative": "described in words",
}
FAVOURS: Mapping[str | None, str] = {
    "intervention": "favours the training",
    "control": "favours the control",
    "neither": "favours neither",
    None: "direction not known",
}


@dataclass(frozen=True)
class VerdictWord:
    """How a verdict looks: a word, a mark that differs in shape, and the token its colour comes from."""

    word: str
    mark: str
    tone: str
    meaning: str


VERDICTS: Mapping[str, VerdictWord] = {
    "supported": VerdictWord("Supported", "●", "supported", "Published reviews agree, and hardly any disagree."),
    "partly_supported": VerdictWord(
        "Partly supported",
        "◐",
        "partly",
        "Reviews agree, but something is missing: age, number of trials, size, or the cited result itself.",
    ),
    "contested": VerdictWord(
        "Contested",
        "◆",
        "contested",
        "Some reviews agree, but at least a quarter of the voting weight disagrees.",
    ),
    "unsupported": VerdictWord("Not supported", "▲", "unsupported", "No review agrees and at least one disagrees."),
    "withdrawn": VerdictWord("Withdrawn", "✕", "unsupported", "A review the finding rests on was retracted."),
    "not_checkable": VerdictWord(
        "Not checkable",
        "○",
        "unchecked",
        "No number can check it: it is a description, or not enough was read.",
    ),
    "lapsed": VerdictWord(
        "Lapsed", "◌", "unchecked", "The newest search behind it is too old for it to be called current."
    ),
}
PROPERTIES: Mapping[str, str] = {
    "mdc": "smallest change beyond error (MDC)",
    "mdc90": "smallest change beyond error (MDC, 90 %)",
    "mdc95": "smallest change beyond error (MDC, 95 %)",
    "sem": "standard error of measurement",
    "mcid_improve": "change for the better that matters (MCID)",
    "mcid_worsen": "change for the worse that matters (MCID)",
    "icc": "agreement (ICC or as named)",
    "norm": "value in a group",
    "range": "range of the scale",
    "cutoff_fall_risk": "cut-off for fall risk",
    "cutoff_other": "other cut-off or figure",
}
COMPARISONS: Mapping[str, str] = {
    "inactive": "Against no training, usual care or attention",
    "active": "Against another kind of training",
}
ROUTES: Mapping[str, str] = {
    "post": "means and SDs after the training",
    "change": "changes and their SDs",
    "difference": "the difference between the arms with its interval",
    "reported": "an effect size as reported",
    "p": "an exact p value",
}
TURNS: Mapping[str, str] = {"direction": "the direction", "significance": "whether chance could explain it"}
NOTICES: Mapping[str, str] = {"retraction": "Retracted", "expression_of_concern": "Expression of concern"}
VOICES: Mapping[str, tuple[str, str]] = {
    "agrees": ("Agrees", "✓"),
    "disagrees": ("Disagrees", "✕"),
    "silent": ("No answer", "–"),
    "not counted": ("Not counted", "·"),
}
_WORDS = (
    "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip


def number_word(n: int) -> str:
    """Small whole numbers in words, others in digits."""
    return _WORDS[n] if 0 <= n < len(_WORDS) else str(n)


def count(n: int, noun: str, plural: str = "") -> str:
    """`1 review`, `3 reviews`."""
    return f"{thousands(n)}{NO_BREAK}{noun if n == 1 else plural or noun + 's'}"


def thousands(n: int) -> str:
    return f"{n:,}"


def number(value: Decimal) -> str:
    """A printed number with the decimals it was printed with and a real minus sign."""
    return f"{value:f}".replace("-", MINUS)


def decimal(value: Fraction | Decimal | float, places: int = 2) -> str:
    return f"{float(value):.{places}f}".replace("-", MINUS)


def percent(share: Fraction | float) -> str:
    """A share of one in whole per cent."""
    return f"{round(float(share) * 100)}{NO_BREAK}%"


def interval(low: Decimal, high: Decimal) -> str:
    return f"{number(low)} to {number(high)}"


def value(text: str, unit: str = "") -> str:
    """A value as a table holds it, for people: `23-24` -> 23–24, `>=1` -> ≥ 1."""
    shown = text.replace(">=", f"≥{NO_BREAK}").replace("<=", f"≤{NO_BREAK}")
    shown = re.sub(r"(?<=\d)-(?=\d)", "–", shown).replace("..", " to ").replace("-", MINUS)
    return f"{shown} {unit.replace('>=', '≥').replace('<=', '≤')}".strip()


def p_value(text: str) -> str:
    """`.03` -> `p = 0.03`, `<.001` -> `p < 0.001`."""
    sign = text[0] if text[0] in "<>=≤≥" else "="
    digits = text.lstrip("<>=≤≥ ")
    return f"p{NO_BREAK}{sign}{NO_BREAK}{'0' if digits.startswith('.') else ''}{digits}"


def date(day: dt.date) -> str:
    """`21 November 2026`."""
    return f"{day.day}{NO_BREAK}{MONTHS[day.month - 1]} {day.year}"


def partial_date(value: str | None) -> str:
    """A date read only in part: `2024`, `August 2024`, `21 February 2025`, or `not known`."""
    if value is None:
        return NOT_KNOWN
    if len(value) == 4:
        return value
    if len(value) == 7:
        return month(value)
    return date(dt.date.fromisoformat(value))


def month(value: str) -> str:
    """The month of a partial date, or its year where no month was read."""
    return value[:4] if len(value) == 4 else f"{MONTHS[int(value[5:7]) - 1]} {value[:4]}"


def inside(label: str) -> str:
    """A label inside a sentence: its first letter small, unless it begins an abbreviation."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def joined(items: list[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def short_citation(citation: str, year: int | None) -> str:
    """`Wallin 2024`; where no author was read, the beginning of the title and the year."""
    when = f" {year}" if year else ""
    author = re.match(
        r"((?:(?:van|von|den|der|de|le|la)\s+)*[A-Z][\w'’-]+(?:\s[A-Z][a-z][\w'’-]+)*)(?=\s[A-Z]{1,4}(?:,|\.|\set\sal)|\set\sal)",
        citation,
    )
    if author:
        return f"{author[1]}{when}"
    title = re.split(r"[.:(]", re.sub(r"^PMC\d+:\s*", "", citation))[0].strip()
    words = title.removesuffix(when).split()
    return f"{' '.join(words[:6])}{'…' if len(words) > 6 else ''}{when}"


def weeks(numbers: Iterable[int]) -> str:
    """`before the start, in weeks 4, 8 and 12`."""
    found = list(numbers)
    later = [str(number) for number in found if number]
    told = f"in {'week' if len(later) == 1 else 'weeks'} {joined(later)}" if later else ""
    return ", ".join(part for part in ("before the start" if 0 in found else "", told) if part)


UNITS = {
    "reps": ("time", "times"), "seconds": ("second", "seconds"), "steps": ("step", "steps"), "minutes": ("minute", "minutes"),
    "metres": ("metre", "metres"), "breaths": ("breath", "breaths"),
}  # fmt: skip


def span(low: float, high: float) -> str:
    """`8 to 12`, or `8` where both are alike."""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def dose(sets: int, bouts: int, low: float, high: float, unit: str, hold: float, rest: int) -> str:
    """`2 × 8 to 12 times, held 3 s, 30 s rest`."""
    one, many = UNITS[unit]
    amount = f"{span(low, high)} {one if low == high == 1 else many}"
    turns = f"{bouts} bouts of " if bouts > 1 else ""
    held = f", held {hold:g} s" if hold else ""
    pause = f", {rest} s rest" if sets * bouts > 1 else ""
    return f"{sets} × {turns}{amount}{held}{pause}"
