"""Addresses below /desk/: clinics, their people, their events."""

from django.urls import path

from neurodash.web.clinic import people_views as views

urlpatterns = [
    path("", views.desk),
    path("clinics/", views.clinics),
    path("clinics/new/", views.new),
    path("invitation/", views.invitation),
    path("<own:clinic>/people/", views.people),
    path("<own:clinic>/people/name/", views.name),
    path("<own:clinic>/people/leave/", views.leave),
    path("<own:clinic>/people/invitations/", views.invite),
    path("<own:clinic>/people/invitations/<own:code>/", views.take_back),
    path("<own:clinic>/people/<own:person>/", views.seat),
    path("<own:clinic>/events/", views.events),
    path("<own:clinic>/events.csv", views.events_csv),
]
