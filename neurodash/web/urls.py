"""Every address of the site."""

from django.conf import settings
from django.urls import include, path, register_converter
from django.urls.converters import SlugConverter, StringConverter
from django.views.generic import RedirectView

from neurodash.web import codes, demo, vitals
from neurodash.web.people import views as people_views
from neurodash.web.planning import views as planning_views
from neurodash.web.reading import deep_dive, paper_views, training_views, views


class _Code(SlugConverter):
    """A result's id may hold dots and underscores."""

    regex = "[a-z0-9][a-z0-9._-]*"


class _Unguessable(StringConverter):
    """A code of the record."""

    regex = codes.PATTERN


register_converter(_Code, "code")
register_converter(_Unguessable, "own")

urlpatterns = [
    path("", views.home),
    *(
        path(f"{page}/", views.text, {"page": page.replace("-", "_")})
        for page in ("about", "accessibility", "how-checking-works", "privacy")
    ),
    path("feed.xml", views.feed),
    path("sitemap.xml", views.sitemap),
    path("robots.txt", views.robots),
    path("-/watched", views.watched),
    path("-/health", vitals.health),
    path("-/metrics", vitals.metrics),
    path("content/<path:path>", views.image),
    path("sources/<slug:table>/", views.sources),
    path("evidence/", views.results),
    path("evidence/trials/", views.analyses),
    path("evidence/trials/<slug:intervention>/<slug:outcome>/", views.analysis),
    path("evidence/trials/<slug:intervention>/<slug:outcome>.csv", views.analysis_csv),
    path("evidence/retractions/", views.retractions),
    path("evidence/<code:result_id>/", views.result),
    path("exercises/", training_views.exercises),
    path("exercises/pictures/", training_views.sheet),
    path("exercises/together/", training_views.together),
    path("exercises/ladders/", training_views.ladders),
    path("exercises/ladders/<slug:slug>/", training_views.ladder),
    path("exercises/<slug:slug>/", training_views.exercise),
    path("plans/", RedirectView.as_view(url="/plans/new/")),
    path("plans/new/", planning_views.plan),
    path("", include("neurodash.web.people.membership_urls")),
    path("account/", include("neurodash.web.people.urls")),
    path("account/", include("allauth.urls")),
    path("desk/", include("neurodash.web.clinic.urls")),
    path("<slug:code>/", views.condition),
    path("<slug:code>/<slug:slug>/", views.brief),
    path("<slug:code>/<slug:slug>/deep-dive/", deep_dive.deep_dive),
    path("<slug:code>/<slug:slug>/brief.pdf", paper_views.brief_pdf),
    path("<slug:code>/<slug:slug>/protocol.pdf", paper_views.protocol_pdf),
    path("<slug:code>/<slug:slug>/evidence/<slug:outcome>/", views.evidence),
    path("<slug:code>/<slug:slug>/evidence/<slug:outcome>.csv", views.evidence_csv),
]
if settings.CONFIG.demo:
    urlpatterns.insert(0, path("account/demo/<str:secret>/", demo.enter))
handler400 = views.unreadable
handler403 = people_views.denied
handler429 = people_views.hurried
handler404 = views.not_found
handler500 = views.broken
