from django.apps import AppConfig


class People(AppConfig):
    name = "neurodash.web.people"
    label = "people"
