"""Addresses /membership/ and /administration/."""

from django.urls import path

from neurodash.web.people import administration_views as administration
from neurodash.web.people import membership_views as membership

PERSON = "administration/people/<own:code>/"
urlpatterns = [
    path("membership/", membership.about, name="membership"),
    path("membership/yours/", membership.yours, name="membership-yours"),
    path("membership/join/", membership.join, name="membership-join"),
    path("membership/manage/", membership.manage, name="membership-manage"),
    path("membership/thanks/", membership.thanks, name="membership-thanks"),
    path("membership/left/", membership.left, name="membership-left"),
    path("membership/stripe/", membership.told, name="membership-stripe"),
    path("administration/", administration.people, name="administration"),
    path("administration/library/", administration.library, name="administration-library"),
    path(PERSON, administration.person, name="administration-person"),
    path(f"{PERSON}grant/", administration.grant, name="administration-grant"),
    path(f"{PERSON}end/", administration.end, name="administration-end"),
    path(f"{PERSON}roles/", administration.roles, name="administration-roles"),
    path(f"{PERSON}close/", administration.close, name="administration-close"),
    path(f"{PERSON}open/", administration.open_again, name="administration-open"),
    path(f"{PERSON}forget-factors/", administration.forget_factors, name="administration-forget-factors"),
]
