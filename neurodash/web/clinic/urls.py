"""Addresses below /desk/."""

from neurodash.web.clinic import patient_urls, plan_urls, protocol_urls
from neurodash.web.people import clinic_urls

urlpatterns = [
    *clinic_urls.urlpatterns,
    *patient_urls.urlpatterns,
    *protocol_urls.urlpatterns,
    *plan_urls.urlpatterns,
]
