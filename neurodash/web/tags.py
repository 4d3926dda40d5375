"""What templates may say: the words of wording.py and the addresses of static files."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from neurodash import wording
from neurodash.evidence.verdict import HOLDS
from neurodash.library import Result
from neurodash.pictures import charts
from neurodash.web import assets

register = template.Library()
register.simple_tag(assets.url, name="asset")
register.filter("day", wording.date)
register.filter("partial_date", wording.partial_date)
register.filter("thousands", wording.thousands)
register.filter("p_value", wording.p_value)
register.filter("value", wording.value)
register.filter("estimate", charts.estimate)
register.filter("in_weeks", wording.weeks)


@register.filter
def counted(n: int, noun: str) -> str:
    """`{{ 3|counted:"review" }}` -> 3 reviews."""
    return wording.count(n, noun)


@register.filter
def short(result: Result) -> str:
    """`Wallin 2024`."""
    return wording.short_citation(result.citation, result.year)


@register.filter
def property_name(code: str) -> str:
    """`mdc95` in words."""
    return wording.PROPERTIES.get(code, code)


@register.filter
def known(value: Any) -> Any:
    """The value, or "not known" where nothing was read. Zero is a value."""
    return wording.NOT_KNOWN if value is None or value == "" else value


@register.filter
def iso(day: dt.date) -> str:
    return day.isoformat()


@register.inclusion_tag("parts/verdict.html")
def verdict(of: Any) -> dict[str, Any]:
    """The pill of a verdict: word, shape and colour."""
    return {"word": wording.VERDICTS["lapsed" if of.lapsed and of.key in HOLDS else of.key]}


@register.inclusion_tag("parts/voice.html")
def voice(of: str) -> dict[str, str]:
    """What one row says to a claim: a word and a mark."""
    word, mark = wording.VOICES[of]
    return {"word": word, "mark": mark, "tone": of.replace(" ", "-")}


@register.simple_tag
def linked_data(data: dict[str, Any]) -> SafeString:
    """schema.org data for machines. Inert to the browser, and no text in it can close the element."""
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(text))  # noqa: S308


@register.filter
def at(mapping: Any, key: str) -> Any:
    """The value of a key that is only known here; nothing where there is none."""
    return mapping.get(key, ()) if hasattr(mapping, "get") else ()


@register.filter
def spaced(code: str) -> str:
    """`hip-flexors` as two words."""
    return code.replace("-", " ")


@register.filter
def without_stop(text: str) -> str:
    """A sentence on the way to becoming part of another one."""
    return text.rstrip(".")


@register.filter
def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


# The form of a plan


@register.simple_tag
def answer(form: Any, name: str, *parts: str) -> str:
    """What was answered in a field, to stand in it again."""
    found: str = form.one("".join((name, *parts)))
    return found


@register.simple_tag
def ticked(form: Any, name: str, code: str) -> str:
    """` checked` where this choice was made."""
    return " checked" if code in form.values.get(name, ()) else ""


@register.inclusion_tag("parts/choices.html")
def choose(form: Any, name: str, label: str, choices: Any, hint: str = "", empty: str = "not known") -> dict[str, Any]:
    """A labelled list to choose one from."""
    return {
        "name": name, "label": label, "hint": hint, "empty": empty, "errors": form.errors.get(name, ()),
        "choices": [(code, told, code == form.one(name)) for code, told in choices],
    }  # fmt: skip


@register.inclusion_tag("parts/number.html")
def write(form: Any, name: str, label: str, hint: str = "", kind: str = "text", longest: int = 12) -> dict[str, Any]:
    """A labelled field to write in; `kind` is text, decimal, date or time."""
    return {
        "name": name, "label": label, "hint": hint, "value": form.one(name), "errors": form.errors.get(name, ()),
        "type": kind if kind in ("date", "time") else "text", "mode": "decimal" if kind == "decimal" else "", "longest": longest,
    }  # fmt: skip
