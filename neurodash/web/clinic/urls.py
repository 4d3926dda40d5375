"""Addresses below /desk/."""

from django.urls import path

from neurodash.web.clinic import views

urlpatterns = [path("", views.desk)]
