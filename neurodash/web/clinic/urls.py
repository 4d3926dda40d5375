"""Addresses below /desk/."""

from neurodash.web.clinic import patient_urls, people_urls, plan_urls, protocol_urls

urlpatterns = [
    *people_urls.urlpatterns,
    *patient_urls.urlpatterns,
    *protocol_urls.urlpatterns,
    *plan_urls.urlpatterns,
]
