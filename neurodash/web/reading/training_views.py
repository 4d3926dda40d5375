"""The free pages of exercises and ladders."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from neurodash.web.reading import training
from neurodash.web.ready import MARK, ready
from neurodash.web.shelf import shelf

SINGLE = ("words", "target", "position", "kind", "rung", "uses", "edss", "guard")  # parts of a search with one value
MAX_TOGETHER = 1_500  # characters of the ids of a sheet
MAX_WISH = 60  # characters of one part of a search. Ours: the longest code has twenty


@require_safe
@ready
def exercises(request: HttpRequest) -> HttpResponse:
    """All exercises; the filters combine and need no JavaScript."""
    library = shelf().current()
    words = library.exercises.words
    asked = {name: request.GET.get(name, "")[:MAX_WISH] for name in SINGLE}
    wish = training.Wish(**asked, have=tuple(code for code in request.GET.getlist("have") if code in words.equipment))
    found = training.chosen(library, wish)
    rungs = training.rungs_of(library).values()
    response = render(
        request,
        "exercises.html",
        {
            "wish": wish,
            "choices": training.choices(library, wish),
            "groups": training.grouped(found, library),
            "found": len(found),
            "total": len(library.exercises.exercises),
            "targets": [(code, word.label) for code, word in words.targets.items()],
            "positions": [(code, word.label) for code, word in words.positions.items()],
            "kinds": list(training.KINDS.items()),
            "guards": list(training.GUARDS.items()),
            "nothing": training.NOTHING,
            "equipment": [(code, word.label) for code, word in words.equipment.items()],
            "highest": [str(number) for number in range(1, max((max(r) for r in rungs), default=0) + 1)],
        },
    )
    response.headers[MARK] = "plain"
    return response


@require_safe
@ready
def exercise(request: HttpRequest, slug: str) -> HttpResponse:
    library = shelf().current()
    found = library.exercises.exercises.get(slug)
    if found is None:
        raise Http404
    return render(request, "exercise.html", training.exercise_page(found, library))


@require_safe
@ready
def sheet(request: HttpRequest) -> HttpResponse:
    """Every picture on one page, with its mirror, so that a person can check them at a glance."""
    library = shelf().current()
    every = [
        {
            "card": training.card(exercise, library),
            "mirror": training.pictures(library, exercise.id, mirrored=True) if exercise.sides != "both" else (),
        }
        for exercise in library.exercises.exercises.values()
    ]
    return render(request, "pictures.html", {"every": every})


@require_safe
def together(request: HttpRequest) -> HttpResponse:
    """The exercises of a printed sheet, for the phone: their ids, in order, and nothing about a person."""
    library = shelf().current()
    known = library.exercises.exercises
    asked = dict.fromkeys(request.GET.get("these", "")[:MAX_TOGETHER].split())
    found = [training.card(known[name], library) for name in asked if name in known]
    return render(request, "together.html", {"cards": found, "missing": sum(name not in known for name in asked)})


@require_safe
@ready
def ladders(request: HttpRequest) -> HttpResponse:
    return render(request, "ladders.html", {"groups": training.ladder_groups(shelf().current())})


@require_safe
@ready
def ladder(request: HttpRequest, slug: str) -> HttpResponse:
    library = shelf().current()
    found = library.ladders.get(slug)
    if found is None:
        raise Http404
    return render(request, "ladder.html", training.ladder_page(found, library))
