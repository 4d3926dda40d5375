from django.apps import AppConfig


class Clinic(AppConfig):
    name = "neurodash.web.clinic"
    label = "clinic"
