"""Django's settings. What a host may change stands in config.py; there is no debug mode."""

from pathlib import Path

from neurodash.web import config

CONFIG = config.read()

DEBUG = False
SECRET_KEY = config.secret_key(CONFIG.data)
ALLOWED_HOSTS = list(CONFIG.hosts)
ROOT_URLCONF = "neurodash.web.urls"
INSTALLED_APPS: list[str] = []
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "neurodash.web.shelf.library_first"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "OPTIONS": {
            "builtins": ["neurodash.web.tags"],
            "context_processors": ["neurodash.web.shelf.context"],
        },
    }
]
DATABASES: dict[str, object] = {}
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False}},
}
