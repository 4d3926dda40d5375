"""allauth's forms in our words, and the forms of an account's own pages."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from allauth.account import app_settings
from allauth.account import forms as account
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.base import forms as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn import forms as webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.shortcuts import redirect

from neurodash.web.people.clinics import LONGEST_EMAIL, is_plain, open_to
from neurodash.web.people.models import Clinic, User

SENT_TO = "sent_to"  # in the session: the address whose mail the next page speaks of
OPENED = "invitation"  # in the session: the hash of an invitation's secret, as the desk keeps it
PASSWORD_HINT = "10 characters or more. A few unrelated words are easy to keep in mind and hard to guess."  # noqa: S105


class Words(NamedTuple):
    """What stands beside a field, and what a browser may fill in."""

    label: str
    hint: str = ""
    filled_as: str = ""


class InOurWords(forms.Form):
    """Gives the fields of a form of allauth's our words. Labels stand above a field and never inside it."""

    words: ClassVar[Mapping[str, Words]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (label, hint, filled_as) in self.words.items():
            field = self.fields[name]
            field.label, field.help_text = label, hint
            field.error_messages |= {"required": f"{label} is missing."}
            field.widget.attrs.pop("placeholder", None)
            if filled_as:
                field.widget.attrs["autocomplete"] = filled_as
            if filled_as == "one-time-code":
                field.widget.attrs["inputmode"] = "numeric"
            if isinstance(field, forms.EmailField):
                field.error_messages["invalid"] = "This is no e-mail address. Write one such as name@example.org."
                field.validators = [
                    MaxLengthValidator(LONGEST_EMAIL, f"An e-mail address has at most {LONGEST_EMAIL} characters."),
                    *(each for each in field.validators if not isinstance(each, MaxLengthValidator)),
                ]
                field.validators[1].message = field.error_messages["invalid"]


class SignIn(InOurWords, account.LoginForm):
    words: ClassVar = {
        "login": Words("E-mail", filled_as="username"),
        "password": Words("Password", filled_as="current-password"),
    }

    def login(self, request: Any, redirect_url: str | None = None) -> Any:
        request.session[SENT_TO] = self.cleaned_data["login"]
        return super().login(request, redirect_url=redirect_url)


class SignUp(InOurWords, account.SignupForm):
    account_already_exists: bool
    words: ClassVar = {
        "email": Words("E-mail", "The one you read at work: we send a link to it.", "username"),
        "password1": Words("Password", PASSWORD_HINT, "new-password"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bait = self.fields[settings.ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD]  # only a program fills it in
        bait.label = "Leave this empty"
        bait.widget = forms.TextInput({"tabindex": "-1", "autocomplete": "off"})
        if opened := context.request.session.get(OPENED):
            self.initial.setdefault("email", next((each.email for each in open_to(None, opened)), None))

    def try_save(self, request: Any) -> Any:
        request.session[SENT_TO] = self.cleaned_data["email"]
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])  # takes as long as it takes for a new account
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:  # somebody else took this address at the same moment
            self.account_already_exists = True
            return super().try_save(request)


class AskForReset(InOurWords, account.ResetPasswordForm):
    words: ClassVar = {"email": Words("E-mail", filled_as="username")}

    def save(self, request: Any, **more: Any) -> Any:
        request.session[SENT_TO] = self.cleaned_data["email"]
        return super().save(request, **more)


_NEW = {
    "password1": Words("New password", PASSWORD_HINT, "new-password"),
    "password2": Words("New password once more", filled_as="new-password"),
}


class NewPassword(InOurWords, account.ResetPasswordKeyForm):
    words: ClassVar = _NEW

    def save(self) -> None:
        """A link works once, also for two who use it at the same moment."""
        with transaction.atomic():
            self.user.refresh_from_db(from_queryset=User.objects.select_for_update())
            if not app_settings.PASSWORD_RESET_TOKEN_GENERATOR().check_token(self.user, self.temp_key):
                raise ImmediateHttpResponse(redirect(context.request.path))  # the page of a link that was used
            super().save()


class FirstPassword(InOurWords, account.SetPasswordForm):
    words: ClassVar = _NEW


class ChangePassword(InOurWords, account.ChangePasswordForm):
    words: ClassVar = {"oldpassword": Words("Current password", filled_as="current-password"), **_NEW}


class ChangeEmail(InOurWords, account.AddEmailForm):
    words: ClassVar = {"email": Words("New e-mail", "The old one stays until you confirm the new one.", "email")}


class EnterPassword(InOurWords, account.ReauthenticateForm):
    words: ClassVar = {"password": Words("Password", filled_as="current-password")}


_CODE = {"code": Words("Code", filled_as="one-time-code")}


class EnterCode(InOurWords, mfa.AuthenticateForm):
    words: ClassVar = {"code": Words("Code", "6 digits from your app, or one of your recovery codes.", "one-time-code")}


class EnterCodeAgain(InOurWords, mfa.ReauthenticateForm):
    words: ClassVar = EnterCode.words


class ActivateApp(InOurWords, totp.ActivateTOTPForm):
    words: ClassVar = {"code": Words("Code", "The 6 digits your app shows now.", "one-time-code")}

    def clean_code(self) -> str:
        code: str = super().clean_code()
        used = TOTP(Authenticator(user=self.user))._get_used_cache_key(code)
        cache.set(used, "y", mfa_settings.TOTP_PERIOD * (2 * mfa_settings.TOTP_TOLERANCE + 1))
        return code


NO_PASSKEY = "This passkey could not be used. Nothing was changed. Try again, or go another way."
UNREADABLE = (  # what the libraries raise at an answer that no device gives
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, struct.error,
    InvalidSignature, UnsupportedAlgorithm,
)  # fmt: skip


class Credential(forms.JSONField):
    """What a device answered: an object of plain text. It is good once, so a page that comes back does not repeat it."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
            flat = json.dumps(found, ensure_ascii=False)
            flat.encode()
        except (RecursionError, ValueError):
            raise forms.ValidationError(NO_PASSKEY) from None
        if found is not None and (not isinstance(found, dict) or r"\u0000" in flat):
            raise forms.ValidationError(NO_PASSKEY)
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        return None


class TakesPasskey(forms.Form):
    """A form of allauth's to which a device answers. What no device answers is an error of the form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"] = Credential(error_messages={"invalid": NO_PASSKEY})

    def clean_credential(self) -> Any:
        own = getattr(super(), "clean_credential", None)
        try:
            return own() if own else self.cleaned_data["credential"]
        except UNREADABLE:
            raise forms.ValidationError(NO_PASSKEY) from None

    def clean(self) -> dict[str, Any] | None:
        try:
            return super().clean()
        except UNREADABLE:
            raise forms.ValidationError(NO_PASSKEY) from None


class UsePasskey(TakesPasskey, webauthn.AuthenticateWebAuthnForm):
    pass


class SignInWithPasskey(TakesPasskey, webauthn.LoginWebAuthnForm):
    pass


class UsePasskeyAgain(TakesPasskey, webauthn.ReauthenticateWebAuthnForm):
    pass


class AddPasskey(TakesPasskey, InOurWords, webauthn.AddWebAuthnForm):
    words: ClassVar = {
        "name": Words("Name", "Such as “phone” or “blue key”, to tell them apart.", "off"),
        "passwordless": Words(
            "Sign in with it alone, without the password",
            "It then asks for your finger, your face or its PIN. Untick it for a plain security key without a PIN.",
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["passwordless"].initial = True
        self.fields["name"].widget.attrs["maxlength"] = self.fields["name"].max_length = 60
        self.fields["credential"].error_messages["required"] = (
            "Nothing came from your device. Press “Add the passkey” and follow what your browser says."
        )


class RenamePasskey(InOurWords, webauthn.EditWebAuthnForm):
    words: ClassVar = {"name": AddPasskey.words["name"]}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["maxlength"] = self.fields["name"].max_length = 60


class Name(forms.ModelForm):
    """How a person is called under the plans they sign."""

    class Meta:
        model = User
        fields = ("name",)
        labels: ClassVar = {"name": "Name"}
        help_texts: ClassVar = {
            "name": "It stands under plans you sign. A plan that is signed keeps the name it was signed with."
        }
        widgets: ClassVar = {"name": forms.TextInput({"autocomplete": "name"})}
        error_messages: ClassVar = {"name": {"max_length": "A name has at most 80 characters."}}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not is_plain(name):
            raise forms.ValidationError("A name has letters, digits and ordinary signs, and no web address.")
        return name


class Deletion(forms.Form):
    """The names of the clinics that go with an account, each typed in full."""

    def __init__(self, clinics: Sequence[Clinic], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clinics = clinics
        for clinic in clinics:
            self.fields[clinic.code] = forms.CharField(
                label=f"Type “{clinic.name}” to delete this clinic with its patients",
                error_messages={"required": f"Type “{clinic.name}”. Nothing was deleted."},
                widget=forms.TextInput({"autocomplete": "off"}),
            )

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        for clinic in self.clinics:
            if clinic.code in typed and typed[clinic.code].strip() != clinic.name.strip():
                self.add_error(
                    clinic.code, f"“{typed[clinic.code]}” is not the name: type “{clinic.name}”. Nothing was deleted."
                )
        return typed
