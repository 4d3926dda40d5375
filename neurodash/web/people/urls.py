"""Addresses below /account/ that are ours. allauth's come after them."""

from django.urls import path

from neurodash.web.people import views

urlpatterns = [
    path("", views.account, name="account"),
    path("export/", views.export, name="account_export"),
    path("delete/", views.delete, name="account_delete"),
]
