"""Addresses below /desk/: saved protocols."""

from django.urls import path

from neurodash.web.clinic import protocol_views

urlpatterns = [
    path("protocols/new/", protocol_views.new),
    path("protocols/<own:code>/", protocol_views.protocol),
    path("protocols/<own:code>/edit/", protocol_views.edit),
    path("protocols/<own:code>/compare/", protocol_views.compare),
    path("protocols/<own:code>/share/", protocol_views.share),
    path("protocols/<own:code>/copy/", protocol_views.copy),
    path("protocols/<own:code>/delete/", protocol_views.delete),
    path("protocols/<own:code>/file/", protocol_views.file),
    path("protocols/<own:code>/pdf/", protocol_views.pdf),
    path("<own:clinic>/protocols/", protocol_views.listed),
    path("<own:clinic>/protocols/import/", protocol_views.bring_in),
]
