"""The free pages. Each is the same for everybody, so the door keeps them ready-made."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
from email.utils import format_datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from neurodash import wording
from neurodash.errors import DataError
from neurodash.evidence import verdict as rules
from neurodash.evidence.reanalysis import Reanalysis, of_question
from neurodash.evidence.retractions import touched
from neurodash.library import Brief, Result
from neurodash.library.loading import IMAGE_TYPES
from neurodash.web.reading import analyses as own
from neurodash.web.reading import pages
from neurodash.web.reading.marks import References
from neurodash.web.ready import MARK, ready
from neurodash.web.shelf import shelf

SOURCES = {
    "guidelines": "Guidelines and tested doses",
    "precautions": "Precautions",
    "instruments": "Measuring instruments",
}


@require_safe
@ready
def home(request: HttpRequest) -> HttpResponse:
    library = shelf().current()
    briefs = [
        (brief, pages.badge(shelf().verdicts(brief))) for code in library.conditions for brief in shelf().briefs(code)
    ]
    return render(request, "home.html", {"briefs": briefs})


@require_safe
@ready
def condition(request: HttpRequest, code: str) -> HttpResponse:
    library = shelf().current()
    if code not in library.conditions:
        raise Http404
    briefs = [(brief, pages.badge(shelf().verdicts(brief))) for brief in shelf().briefs(code)]
    return render(request, "condition.html", {"condition": library.conditions[code], "briefs": briefs})


@require_safe
@ready
def brief(request: HttpRequest, code: str, slug: str) -> HttpResponse:
    found = find_brief(code, slug)
    library = shelf().current()
    page = pages.brief_page(found, shelf().verdicts(found), library, shelf().briefs(code), shelf().analyses())
    return render(request, "brief.html", {**page, "linked_data": _linked_data(found, request)})


@require_safe
@ready
def evidence(request: HttpRequest, code: str, slug: str, outcome: str) -> HttpResponse:
    """Every matched result of a brief's findings on one outcome; can be sorted and filtered without JavaScript."""
    found = find_brief(code, slug)
    library = shelf().current()
    verdicts = [v for v in shelf().verdicts(found) if pages.slug_of(v.finding.claim.outcome) == outcome]
    if not verdicts:
        raise Http404
    wish = {name: request.GET.get(name, "")[:100] for name in ("vote", "words", "sort")}
    references = References(library, f"{code}/{slug}")
    tables = []
    for verdict in verdicts:
        every = pages.lines(verdict)
        shown = pages.chosen(every, wish["vote"], wish["words"], wish["sort"])
        tables.append(
            {
                "shown": pages.shown_finding(found, verdict, library, references, shelf().analyses()),
                "lines": shown,
                "total": len(every),
            }
        )
    response = render(
        request,
        "evidence.html",
        {
            "brief": found,
            "condition": library.conditions[code],
            "outcome": library.vocabulary.outcomes[verdicts[0].finding.claim.outcome],
            "tables": tables,
            "wish": wish,
            "votes": wording.VOICES,
            "sorts": [(key, label) for key, (label, _) in pages.SORTS.items()],
            "pages": pages.evidence_pages(found, library),
            "csv_url": f"/{code}/{slug}/evidence/{outcome}.csv",
            "references": references,
            "own": _own(found, verdicts[0].finding.claim.outcome),
            "related": _related(
                [
                    f
                    for f in shelf().analyses()
                    if f.outcome == verdicts[0].finding.claim.outcome and f.intervention not in _classes(found)
                ]
            ),
        },
    )
    response.headers[MARK] = "plain"
    return response


def _classes(brief: Brief) -> set[str]:
    """The kinds of training a brief's findings speak of."""
    return {code for finding in brief.findings for code in finding.claim.intervention}


def _own(brief: Brief, outcome: str) -> list[dict[str, Any]]:
    """Our own analyses that belong to a brief's findings on an outcome, by kind of training."""
    library = shelf().current()
    classes = dict.fromkeys(c for f in brief.findings if f.claim.outcome == outcome for c in f.claim.intervention)
    return [
        {
            "name": library.vocabulary.interventions[code].label,
            "url": own.url(found[0]),
            "shown": [own.shown(each, each, library, _judged()) for each in found],
        }
        for code in classes
        if (found := [f for f in shelf().analyses() if (f.intervention, f.outcome) == (code, outcome)])
    ]


@require_safe
@ready
def evidence_csv(request: HttpRequest, code: str, slug: str, outcome: str) -> HttpResponse:
    found = find_brief(code, slug)
    verdicts = [v for v in shelf().verdicts(found) if pages.slug_of(v.finding.claim.outcome) == outcome]
    if not verdicts:
        raise Http404
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(pages.CSV_COLUMNS)
    for verdict in verdicts:
        writer.writerows(pages.csv_row(line) for line in pages.lines(verdict))
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}-{outcome}.csv"'
    return response


@require_safe
@ready
def results(request: HttpRequest) -> HttpResponse:
    """All evidence: the pages of each brief, and every review."""
    library = shelf().current()
    briefs = [
        {
            "brief": brief,
            "pages": pages.evidence_pages(brief, library),
            "badge": pages.badge(shelf().verdicts(brief)),
        }
        for code in library.conditions
        for brief in shelf().briefs(code)
    ]
    reviews = sorted(library.reviews.values(), key=lambda rows: (-(rows[0].year or 0), rows[0].citation.casefold()))
    return render(request, "results.html", {"briefs": briefs, "reviews": reviews, "doubts": _doubtful()})


@require_safe
@ready
def result(request: HttpRequest, result_id: str) -> HttpResponse:
    library = shelf().current()
    found = library.results.get(result_id)
    if found is None:
        raise Http404
    judged = [(b, shelf().verdicts(b)) for code in library.conditions for b in shelf().briefs(code)]
    siblings = [row for row in library.reviews[found.review_id] if row.result_id != result_id]
    context = {
        "notices": _notices(found),
        "result": found,
        "uses": pages.uses(found, judged),
        "siblings": siblings,
        "metric": wording.METRICS[found.effect_metric],
        "favours": wording.FAVOURS[found.favours],
        "row_kind": wording.ROW_KINDS[found.row_kind],
        "dose": wording.DOSES.get(found.dose_measure or "", ""),
        "outcome": library.vocabulary.outcomes[found.outcome_domain].label,
        "intervention": library.vocabulary.interventions[found.intervention_class].label,
        "condition": library.conditions.get(found.condition),
    }
    return render(request, "result.html", context)


def _notices(found: Result) -> list[dict[str, Any]]:
    """Notices by the day about the review a result is from."""
    library, day = shelf().current(), settings.CONFIG.today()
    dois = {r.doi.casefold() for r in library.reviews[found.review_id] if r.doi}
    return [
        {"word": wording.NOTICES[n.kind], "date": n.date, "source": n.source, "leaves_out": n.kind == "retraction"}
        for n in library.retractions
        if n.doi.casefold() in dois and n.date <= day
    ]


@require_safe
@ready
def analyses(request: HttpRequest) -> HttpResponse:
    """Every question our own analysis has trials for: the pooled ones first, then what is missing elsewhere."""
    library = shelf().current()
    questions = shelf().analyses()
    return render(
        request,
        "analyses.html",
        {
            "pooled": [own.card(found, library) for found in questions if found.pooled],
            "others": own.counts([found for found in questions if not found.pooled], library),
            "questions": len(questions),
            "rows": len(library.trials),
            "people": len({row.people for row in library.trials.values()}),
        },
    )


@require_safe
@ready
def analysis(request: HttpRequest, intervention: str, outcome: str) -> HttpResponse:
    """One question. `?out=` takes trials out, any number of them: what if they fall?"""
    whole = _questions(intervention, outcome)
    library, day = shelf().current(), settings.CONFIG.today()
    wanted = frozenset(request.GET.getlist("out"))
    shown = []
    for found in whole:
        usable = {u.row.trial_id for u in found.usable}
        # A plain id takes a trial out of every comparison it stands in; `inactive:id` out of that one.
        fallen = frozenset(trial for trial in usable if wanted & {trial, f"{found.comparison}:{trial}"})
        now = (
            of_question(library, found.intervention, found.outcome, found.comparison, day, fallen) if fallen else found
        )
        shown.append(own.shown(found, now, library, _judged()))
    first = whole[0]
    others = [f for f in shelf().analyses() if f.outcome == first.outcome and f.intervention != first.intervention]
    response = render(
        request,
        "analysis.html",
        {
            "shown": shown,
            "fallen": sum(len(s.fallen) for s in shown),
            "intervention": library.vocabulary.interventions[first.intervention].label,
            "outcome": library.vocabulary.outcomes[first.outcome],
            "measures": library.vocabulary.outcomes[first.outcome].measures,
            "settings": own.SETTINGS,
            "csv_url": own.url(first)[:-1] + ".csv",
            "related": _related(others),
        },
    )
    response.headers[MARK] = "plain"
    return response


@require_safe
@ready
def analysis_csv(request: HttpRequest, intervention: str, outcome: str) -> HttpResponse:
    whole = _questions(intervention, outcome)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(own.CSV_COLUMNS)
    for found in whole:
        for row in own.csv_rows(found):
            writer.writerow(
                [pages.safe_cell(row[name]) if name not in ("yi", "vi") else row[name] for name in own.CSV_COLUMNS]
            )
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="trials-{intervention}-{outcome}.csv"'
    return response


def _questions(intervention: str, outcome: str) -> list[Reanalysis]:
    found = [
        f
        for f in shelf().analyses()
        if (pages.slug_of(f.intervention), pages.slug_of(f.outcome)) == (intervention, outcome)
    ]
    if not found:
        raise Http404
    return found


def _judged() -> list[tuple[str, tuple[Any, ...]]]:
    library = shelf().current()
    return [(f"/{code}/{b.slug}/", shelf().verdicts(b)) for code in library.conditions for b in shelf().briefs(code)]


def _related(found: list[Reanalysis]) -> list[dict[str, Any]]:
    """Other training with the same outcome, those with something pooled first."""
    library = shelf().current()
    names: dict[str, list[Reanalysis]] = {}
    for each in found:
        names.setdefault(each.intervention, []).append(each)
    listed = [
        {
            "name": library.vocabulary.interventions[code].label,
            "url": own.url(parts[0]),
            "k": max(p.k for p in parts),
        }
        for code, parts in names.items()
    ]
    return sorted(listed, key=lambda item: (-item["k"], item["name"]))


@require_safe
@ready
def retractions(request: HttpRequest) -> HttpResponse:
    """Every notice, and what rests on the paper it is about."""
    library = shelf().current()
    notices = []
    for each in touched(library, settings.CONFIG.today()):
        briefs = {b.slug: b for b in library.briefs.values()}
        notices.append(
            {
                "notice": each.notice,
                "word": wording.NOTICES[each.notice.kind],
                "results": each.results,
                "trials": each.trials,
                "guidelines": each.guidelines,
                "mentions": [briefs[slug] for slug in each.mentions],
                "protocols": [briefs[slug] for slug in each.protocols if slug in briefs],
                "findings": [
                    {
                        "brief": briefs[slug],
                        "finding": next(f for f in briefs[slug].findings if f.id == name),
                        "how": how,
                    }
                    for slug, name, how in each.findings
                ],
            }
        )
    return render(request, "retractions.html", {"notices": notices})


@require_safe
@ready
def sources(request: HttpRequest, table: str) -> HttpResponse:
    if table not in SOURCES:
        raise Http404
    library = shelf().current()
    rows: list[Any] = list(getattr(library, table).values())
    return render(
        request,
        f"sources_{table}.html",
        {"rows": rows, "title": SOURCES[table], "tables": SOURCES, "table": table},
    )


@require_safe
@ready
def text(request: HttpRequest, page: str) -> HttpResponse:
    """The pages about the site itself."""
    library = shelf().current()
    constants = {
        "contested": wording.percent(rules.CONTESTED_SHARE),
        "few_trials": wording.number_word(rules.FEW_TRIALS),
        "window_years": wording.number_word(rules.WINDOW_YEARS),
        "current_years": wording.number_word(rules.CURRENT_YEARS),
        "words": wording.VERDICTS,
        "doubts": _doubtful(),
        "reviews": len(library.reviews),
        "results": len(library.results),
        "membership": settings.CONFIG.membership,
    }
    return render(request, f"{page}.html", constants)


@require_safe
@ready
def image(request: HttpRequest, path: str) -> HttpResponse:
    data = shelf().current().images.get(path)
    if data is None:
        raise Http404
    return HttpResponse(data, content_type=IMAGE_TYPES["." + path.rsplit(".", 1)[-1].lower()])


@require_safe
@ready
def feed(request: HttpRequest) -> HttpResponse:
    library = shelf().current()
    briefs = [b for code in library.conditions for b in library.briefs_of(code)]
    items = [
        {"brief": b, "when": _rfc822(b.updated), "is_new": b.updated == b.published}
        for b in sorted(briefs, key=lambda b: b.updated, reverse=True)
    ]
    newest = max((b.updated for b in briefs), default=settings.CONFIG.today())
    return render(
        request,
        "feed.xml",
        {"items": items, "built": _rfc822(newest)},
        content_type="application/rss+xml; charset=utf-8",
    )


@require_safe
@ready
def sitemap(request: HttpRequest) -> HttpResponse:
    return render(request, "sitemap.xml", {"paths": public_paths()}, content_type="application/xml; charset=utf-8")


@require_safe
@ready
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        "User-agent: *\nAllow: /\n" + (f"\nSitemap: {site}sitemap.xml\n" if (site := settings.CONFIG.url) else ""),
        content_type="text/plain; charset=utf-8",
    )


def watched(request: HttpRequest) -> HttpResponse:
    """An editor's page asks here whether a file has changed."""
    if not shelf().watch:
        raise Http404
    with contextlib.suppress(DataError):
        shelf().current()
    return HttpResponse(shelf().version(), content_type="text/plain; charset=utf-8")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What was sent has more parts than any form of ours, or cannot be read at all."""
    return HttpResponse(
        render_to_string(
            "refused.html", {"says": "What was sent cannot be read as a form of this site. Nothing was kept."}
        ),
        status=400,
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Without the library, which may be what broke."""
    return render(request, "500.html", status=500)


def public_paths() -> list[str]:
    """Every page of the free library, in a stable order: for the sitemap and the export."""
    library = shelf().current()
    found = ["/", "/evidence/", "/how-checking-works/", "/about/", "/accessibility/", "/privacy/"]
    found += ["/evidence/retractions/", "/evidence/trials/"]
    found += list(dict.fromkeys(own.url(f) for f in shelf().analyses()))
    found += ["/exercises/", "/exercises/pictures/", "/exercises/ladders/"]
    found += [f"/exercises/{name}/" for name in library.exercises.exercises]
    found += [f"/exercises/ladders/{name}/" for name in library.ladders]
    found += [f"/sources/{table}/" for table in SOURCES]
    for code in library.conditions:
        found.append(f"/{code}/")
        for brief in library.briefs_of(code):
            found.append(f"/{code}/{brief.slug}/")
            found += [page["url"] for page in pages.evidence_pages(brief, library)]
    return found + [f"/evidence/{result_id}/" for result_id in library.results]


def find_brief(code: str, slug: str) -> Brief:
    """A published brief; an editor's server finds drafts too. Raises Http404."""
    found = shelf().current().briefs.get(slug)
    if found is None or found.condition != code or (found.draft and not shelf().watch):
        raise Http404
    return found


def _doubtful() -> list[Any]:
    return [row for row in shelf().current().results.values() if row.doubts]


def _rfc822(day: dt.date) -> str:
    return format_datetime(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC))


def _linked_data(found: Brief, request: HttpRequest) -> dict[str, Any]:
    name = shelf().current().conditions[found.condition].name
    return {
        "@context": "https://schema.org",
        "@type": "MedicalWebPage",
        "name": found.title,
        "headline": found.title,
        "description": found.summary.plain,
        **({"url": settings.CONFIG.url.rstrip("/") + request.path} if settings.CONFIG.url else {}),
        "inLanguage": "en-GB",
        "isAccessibleForFree": True,
        "datePublished": found.published.isoformat(),
        "dateModified": found.updated.isoformat(),
        "lastReviewed": found.checked.isoformat(),
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "about": {"@type": "MedicalCondition", "name": name},
        "medicalAudience": {"@type": "MedicalAudience", "audienceType": "Clinician"},
        "publisher": {"@type": "Organization", "name": "NeuroDash"},
    }
