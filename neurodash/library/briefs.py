"""Reading one brief: its front matter, its sections and its findings, with the line of everything that is wrong."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from neurodash.errors import Problem, did_you_mean
from neurodash.library import prose as markdown
from neurodash.library.prose import Prose
from neurodash.library.reading import Located, check, read_yaml
from neurodash.library.rows import Row, Slug, Text
from neurodash.library.shapes import SIZES, Brief, Finding, Picture, Section, Video

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Clinician's note": (),
    "Clinic action plan": ("Assess", "Choose", "Monitor"),  # phases, dose and progress come from the protocol
    "Common mistakes": (),
    "Questions": (),
    "Deep dive": ("Clinical nuance", "Dosing by EDSS band", "Edge cases", "Special populations"),
}
INFOGRAPHIC = "walking-speed"  # a brief names this, or an exercise


class _PictureKeys(Row):
    draw: str = ""
    image: str = ""
    alt: str = ""
    caption: Text


class _FrontMatter(Row):
    title: Text
    summary: Text
    published: dt.date
    updated: dt.date
    checked: dt.date
    picture: _PictureKeys
    videos: tuple[Video, ...] = ()
    related: tuple[Slug, ...] = ()
    draft: bool = False


def read_findings(text: str, where: str) -> tuple[tuple[Finding, ...], list[Problem]]:
    located = read_yaml(text, where)
    base: tuple[str | int, ...] = ()
    items = located.data
    if isinstance(items, dict):
        unknown = [key for key in items if key != "findings"]
        if unknown or "findings" not in items:
            line = located.line((unknown[0],)) if unknown else 1
            return (), [
                Problem(
                    f"{where}:{line}",
                    f"the key “{unknown[0]}”" if unknown else "no findings",
                    "findings: and a list",
                )
            ]
        base, items = ("findings",), items["findings"]
    if not isinstance(items, list):
        return (), [Problem(f"{where}:{located.line(base)}", "no list of findings", "findings: and a list")]
    findings: list[Finding] = []
    problems: list[Problem] = []
    for index in range(len(items)):
        line = located.line((*base, index))
        finding, wrong = check(Finding, located, where, (*base, index))
        problems += wrong
        if finding is None:
            continue
        if any(finding.id == other.id for other in findings):
            problems.append(Problem(f"{where}:{line}: id", f"“{finding.id}” again", "each finding once"))
        lines = {key: located.line((*base, index, "claim", key)) for key in type(finding.claim).model_fields}
        findings.append(finding.model_copy(update={"line": line, "lines": lines}))
    if not items:
        problems.append(Problem(f"{where}:{located.line(base)}", "no findings", "at least one"))
    return tuple(findings), problems


def _statement_problems(finding: Finding, where: str) -> Iterator[Problem]:
    place = f"{where}:{finding.line}: {finding.id}: statement"
    if markdown.has_number(finding.statement) or markdown.effect_typed(finding.statement):
        yield Problem(
            place,
            f"a number is typed: “{finding.statement}”",
            "words; the page shows the numbers of the cited results",
        )
    for size in SIZES:
        if re.search(rf"\b{size}\b", finding.statement, re.IGNORECASE) and size not in finding.claim.size:
            yield Problem(
                place,
                f"the word “{size}”, which the claim does not",
                f"size: [{size}] in the claim, so that it is checked",
            )


# Briefs


def read_brief(
    text: str, where: str, findings: tuple[Finding, ...], findings_where: str, folder: str, on: dt.date | None
) -> tuple[Brief | None, list[Problem]]:
    match = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    if not match:
        return None, [Problem(f"{where}:1", "no front matter", "a first line ---, the brief's keys, and a line ---")]
    located = read_yaml(match[1], where, first_line=2)
    keys, problems = check(_FrontMatter, located, where)
    body_line = match[0].count("\n") + 1
    whole, wrong = markdown.parse(text[match.end() :], body_line, where)
    problems += wrong
    sections, wrong = _sections(whole, where)
    problems += wrong
    notes: dict[str, Prose] = {}
    for finding in findings:
        problems += _statement_problems(finding, findings_where)
        notes[finding.id], wrong = markdown.parse(finding.note, finding.line, findings_where)
        problems += wrong
    if keys is None:
        return None, problems

    def short(value: str, *loc: str | int) -> Prose:
        prose, wrong = markdown.parse(value, located.line(loc), where)
        problems.extend(wrong)
        return prose

    problems += markdown.number_problems(keys.title, False, f"{where}:{located.line(('title',))}: title")
    problems += markdown.number_problems(keys.picture.alt, False, f"{where}:{located.line(('picture', 'alt'))}: alt")
    condition, slug = (*folder.split("/"), "")[:2]
    problems += _key_problems(keys, located, where, slug, on)
    note = sections["Clinician's note"]
    brief = Brief(
        condition=condition,
        slug=slug,
        title=keys.title,
        summary=short(keys.summary, "summary"),
        published=keys.published,
        updated=keys.updated,
        checked=keys.checked,
        picture=Picture(
            alt=keys.picture.alt,
            caption=short(keys.picture.caption, "picture", "caption"),
            draw=keys.picture.draw,
            image=keys.picture.image,
        ),
        videos=keys.videos,
        related=keys.related,
        note=note[0].prose if note else Prose(""),
        action_plan=sections["Clinic action plan"],
        mistakes=sections["Common mistakes"],
        questions=sections["Questions"],
        deep_dive=sections["Deep dive"],
        findings=findings,
        notes=notes,
        folder=str(Path(where).parent.as_posix()),
        draft=keys.draft,
        lines={key: located.line((key,)) for key in _FrontMatter.model_fields},
    )
    return brief, problems


def _key_problems(keys: _FrontMatter, located: Located, where: str, slug: str, on: dt.date | None) -> Iterator[Problem]:
    def place(*loc: str | int) -> str:
        return f"{where}:{located.line(loc)}: {'.'.join(map(str, loc))}"

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        yield Problem(where, f"a folder named “{slug}”", "small letters, digits and hyphens")
    for key, day in (("published", keys.published), ("updated", keys.updated), ("checked", keys.checked)):
        if on and day > on:
            yield Problem(place(key), str(day), f"a day that has come; today is {on}")
    if keys.updated < keys.published:
        yield Problem(place("updated"), str(keys.updated), f"not before published, {keys.published}")
    if keys.checked < keys.published:
        yield Problem(place("checked"), str(keys.checked), f"not before published, {keys.published}")
    if bool(keys.picture.draw) == bool(keys.picture.image):
        yield Problem(place("picture"), "both or neither of draw and image", "one of them")
    if not keys.picture.alt:
        yield Problem(place("picture", "alt"), "no alt text", "what the picture tells somebody who cannot see it")


def _sections(whole: Prose, where: str) -> tuple[dict[str, tuple[Section, ...]], list[Problem]]:
    """The body cut at its headings: for each level-2 heading its level-3 sections (or one without a title)."""
    problems: list[Problem] = []
    marks = markdown.headings(whole)
    for level, title, line, _ in marks:
        if level not in (2, 3, 4):
            problems.append(Problem(f"{where}:{line}", f"a heading of level {level}: “{title}”", "levels 2 to 4"))
    tops = [(title.replace("’", "'"), line, index) for level, title, line, index in marks if level == 2]
    names = [title for title, _, _ in tops]
    for title, line, _ in tops:
        if title not in SECTIONS:
            problems.append(
                Problem(
                    f"{where}:{line}",
                    f"a section “{title}”",
                    ", ".join(SECTIONS),
                    did_you_mean(title, SECTIONS),
                )
            )
        elif names.count(title) > 1:
            problems.append(Problem(f"{where}:{line}", f"the section “{title}” twice", "each section once"))
    missing = [title for title in SECTIONS if title not in names]
    problems += [
        Problem(f"{where}:{whole.line}", f"no section “{title}”", f"a heading: ## {title}") for title in missing
    ]
    if not missing and [name for name in names if name in SECTIONS] != list(SECTIONS):
        problems.append(Problem(f"{where}:{tops[0][1]}", "sections in another order", ", ".join(SECTIONS)))

    found: dict[str, tuple[Section, ...]] = dict.fromkeys(SECTIONS, ())
    used = {"findings", "note", "plan", "mistakes", "questions", "deep-dive", "sources", "content", "marks", ""}
    for place, (title, line, index) in enumerate(tops):
        end = tops[place + 1][2] if place + 1 < len(tops) else None
        if title not in SECTIONS:
            continue
        subs = [(t, ln, i) for level, t, ln, i in marks if level == 3 and i > index and (end is None or i < end)]
        wanted = SECTIONS[title]
        if wanted and [t for t, _, _ in subs] != list(wanted):
            problems.append(
                Problem(
                    f"{where}:{line}",
                    f"the parts {', '.join(t for t, _, _ in subs) or 'nothing'} under “{title}”",
                    ", ".join(wanted),
                )
            )
        if title != "Clinician's note" and not subs:
            problems.append(
                Problem(f"{where}:{line}", f"no parts under “{title}”", "at least one level-3 heading: ### …")
            )
        lead = markdown.cut(whole, index + 3, subs[0][2]) if subs else None
        if lead and lead.tokens:
            found_text = f"text between “{title}” and its first part"
            problems.append(Problem(f"{where}:{lead.line}", found_text, "text below a level-3 heading"))
        if title == "Clinician's note" and subs:
            problems.append(Problem(f"{where}:{line}", "parts inside the note", "one paragraph without headings"))
        if not subs:
            subs = [("", line, index)]
        cut = [
            _section(whole, subs, i, end, title == "Common mistakes", where, problems, used) for i in range(len(subs))
        ]
        found[title] = tuple(cut)
    return found, problems


def _section(
    whole: Prose,
    subs: Sequence[tuple[str, int, int]],
    place: int,
    end: int | None,
    is_mistake: bool,
    where: str,
    problems: list[Problem],
    used: set[str],
) -> Section:
    title, line, index = subs[place]
    stop = subs[place + 1][2] if place + 1 < len(subs) else end
    body = markdown.cut(whole, index + 3, stop)  # a heading is three tokens
    anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    while anchor in used:
        anchor += "-2" if anchor else "part"
    used.add(anchor)
    section = Section(title=title, anchor=anchor, prose=body)
    if not body.plain.strip():
        problems.append(Problem(f"{where}:{line}", f"nothing under “{title}”", "at least a sentence"))
    if not is_mistake:
        return section
    for at, token in enumerate(body.tokens):
        if token.type == "inline" and token.content.startswith("**Instead:**"):
            start = at - 1
            return replace(section, prose=markdown.cut(body, 0, start), instead=markdown.cut(body, start))
    problems.append(
        Problem(
            f"{where}:{line}",
            f"a mistake without a way out: “{title}”",
            "a paragraph that begins with **Instead:**",
        )
    )
    return section


def picture_problems(brief: Brief, files: Mapping[str, bytes], where: str) -> Iterator[Problem]:
    """Pictures named in a brief lie beside it, and every one that lies there is used."""
    folder = f"{brief.condition}/{brief.slug}"
    named = [(brief.picture.image, brief.lines.get("picture", 1))] if brief.picture.image else []
    for prose in brief.prose:
        named += [(address, line) for address, _, line in prose.images]
    for address, line in named:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", address) or f"{folder}/{address}" not in files:
            yield Problem(
                f"{where}:{line}",
                f"no picture “{address}” beside brief.md",
                "the name of a file beside brief.md (png, jpg, webp or avif)",
            )
