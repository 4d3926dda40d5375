from django.apps import AppConfig


class Clinic(AppConfig):
    name = "neurodash.web.clinic"
    label = "clinic"

    def ready(self) -> None:
        from neurodash.web.clinic import belongings
        from neurodash.web.people import taking_away

        taking_away.PARTS.append(belongings.files)
        taking_away.FAREWELLS.append(belongings.leave)
