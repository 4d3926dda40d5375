"""Addresses below /desk/: patients and scores."""

from django.urls import path

from neurodash.web.clinic import patient_views as views

urlpatterns = [
    path("<own:clinic>/", views.patient_list_page),
    path("<own:clinic>/patients/new/", views.new),
    path("<own:clinic>/record/", views.record),
    path("patients/<own:code>/", views.patient),
    path("patients/<own:code>/looked-at/", views.looked_at),
    path("patients/<own:code>/care/", views.care),
    path("patients/<own:code>/delete/", views.delete),
    path("patients/<own:code>/notes/", views.notes),
    path("patients/<own:code>/profile/", views.profile),
    path("patients/<own:code>/scores/", views.score_list),
    path("patients/<own:code>/scores/new/", views.score_new),
    path("patients/<own:code>/scores/<own:score>/back/", views.score_back),
]
