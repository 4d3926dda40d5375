"""Addresses below /account/ that are ours."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
