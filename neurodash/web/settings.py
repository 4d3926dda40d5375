"""Django's settings. What a host may change stands in config.py; there is no debug mode."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url

from neurodash.web import config

CONFIG = config.read()
_HERE = urlsplit(CONFIG.url)

DEBUG = False
SECRET_KEY = config.secret_key(CONFIG.data)
ALLOWED_HOSTS = list(CONFIG.hosts)
ROOT_URLCONF = "neurodash.web.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "neurodash.web.people",
    "neurodash.web.clinic",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "neurodash.web.people.middleware.say_what_was_not_taken",
    "allauth.account.middleware.AccountMiddleware",
    "neurodash.web.shelf.library_first",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["neurodash.web.tags"],
            "context_processors": [
                "neurodash.web.shelf.context",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# The record. IMMEDIATE, because a transaction that begins by reading cannot wait for its turn to write (decision 49).
SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-20000; PRAGMA mmap_size=134217728;",
}
DATABASES = {
    "default": dj_database_url.parse(
        CONFIG.database or f"sqlite:///{CONFIG.data.absolute() / 'record.sqlite3'}",
        conn_max_age=None,
        conn_health_checks=True,  # PostgreSQL may have been started anew since the last request
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = SQLITE
else:
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {  # for limits on tries, shared by the workers. Many entries, so that nobody can push a limit out of it
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

# Accounts
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = LOGOUT_REDIRECT_URL = "account_login"
LOGIN_REDIRECT_URL = "/desk/"
ACCOUNT_ADAPTER = "neurodash.web.people.adapter.Adapter"
ACCOUNT_FORMS = {
    "login": "neurodash.web.people.forms.SignIn",
    "signup": "neurodash.web.people.forms.SignUp",
    "reset_password": "neurodash.web.people.forms.AskForReset",
    "reset_password_from_key": "neurodash.web.people.forms.NewPassword",
    "set_password": "neurodash.web.people.forms.FirstPassword",
    "change_password": "neurodash.web.people.forms.ChangePassword",
    "add_email": "neurodash.web.people.forms.ChangeEmail",
    "reauthenticate": "neurodash.web.people.forms.EnterPassword",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_CONFIRM_EMAIL_ON_GET = False  # a mail scanner that opens links confirms nothing
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True  # somebody whose address a stranger is guessing at gets in this way
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = "/account/"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # of this session; the others end
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _HERE.scheme or "http"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600  # seconds
ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD = "website"
ACCOUNT_RATE_LIMITS = {  # a whole clinic may stand behind one address; what fails is counted apart
    "login": "120/m/ip",
    "login_failed": "20/m/ip,8/300s/key",  # the key: see the adapter
}
MFA_ADAPTER = "neurodash.web.people.adapter.Factors"
MFA_FORMS = {
    "authenticate": "neurodash.web.people.forms.EnterCode",
    "reauthenticate": "neurodash.web.people.forms.EnterCodeAgain",
    "activate_totp": "neurodash.web.people.forms.ActivateApp",
    "add_webauthn": "neurodash.web.people.forms.AddPasskey",
    "authenticate_webauthn": "neurodash.web.people.forms.UsePasskey",
    "login_webauthn": "neurodash.web.people.forms.SignInWithPasskey",
    "reauthenticate_webauthn": "neurodash.web.people.forms.UsePasskeyAgain",
    "edit_webauthn": "neurodash.web.people.forms.RenamePasskey",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "NeuroDash"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: clocks of telephones differ
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not CONFIG.is_secure  # only a browser on this machine may then
USERSESSIONS_TRACK_ACTIVITY = False
ALLAUTH_TRUSTED_PROXY_COUNT = CONFIG.proxies

SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIG.is_secure
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [f"{_HERE.scheme}://{_HERE.netloc}"] if _HERE.netloc else []
CSRF_FAILURE_VIEW = "neurodash.web.people.views.forged"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Mail
_MAIL = urlsplit(CONFIG.mail)
EMAIL_BACKEND = f"django.core.mail.backends.{'console' if CONFIG.mail == 'console' else 'smtp'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _MAIL.hostname or "", _MAIL.port or (465 if _MAIL.scheme == "smtps" else 587)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_MAIL.username or ""), unquote(_MAIL.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _MAIL.scheme == "smtps", _MAIL.scheme == "smtp" and _MAIL.query != "tls=no"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIG.mail_from

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "neurodash.web.vitals.Discreet", "format": "{levelname} {name}: {message}", "style": "{"},
        "json": {"()": "neurodash.web.vitals.Json"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": CONFIG.log}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "neurodash.requests": {"level": "INFO"},
    },
}
