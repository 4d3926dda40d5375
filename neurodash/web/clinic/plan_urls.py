"""Addresses below /desk/: plans that are kept."""

from django.urls import path

from neurodash.web.clinic import plan_views as views

urlpatterns = [
    path("patients/<own:code>/plans/new/", views.new),
    path("protocols/<own:code>/plan/", views.choose),
    path("<own:code>/signing/", views.signing),
    path("plans/<own:code>/", views.plan),
    path("plans/<own:code>/change/", views.change),
    path("plans/<own:code>/sign/", views.sign),
    path("plans/<own:code>/sheet.pdf", views.sheet),
    path("plans/<own:code>/plan.json", views.export),
    path("plans/<own:code>/versions/", views.versions),
    path("plans/<own:code>/versions/<int:number>/", views.version),
    path("plans/<own:code>/versions/<int:number>/plan.pdf", views.printed),
]
