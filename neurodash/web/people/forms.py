"""allauth's forms in our words, and the forms of an account's own pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password

from neurodash.web.people.models import Clinic, User

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
                field.validators[0].message = field.error_messages["invalid"]


class SignIn(InOurWords, account.LoginForm):
    words: ClassVar = {
        "login": Words("E-mail", filled_as="username"),
        "password": Words("Password", filled_as="current-password"),
    }


class SignUp(InOurWords, account.SignupForm):
    words: ClassVar = {
        "email": Words("E-mail", "The one you read at work: we send a link to it.", "username"),
        "password1": Words("Password", PASSWORD_HINT, "new-password"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bait = self.fields[settings.ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD]  # only a program fills it in
        bait.label = "Leave this empty"
        bait.widget = forms.TextInput({"tabindex": "-1", "autocomplete": "off"})

    def try_save(self, request: Any) -> Any:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])  # takes as long as it takes for a new account
        return super().try_save(request)


class AskForReset(InOurWords, account.ResetPasswordForm):
    words: ClassVar = {"email": Words("E-mail", filled_as="username")}


_NEW = {
    "password1": Words("New password", PASSWORD_HINT, "new-password"),
    "password2": Words("New password once more", filled_as="new-password"),
}


class NewPassword(InOurWords, account.ResetPasswordKeyForm):
    words: ClassVar = _NEW


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


class AddPasskey(InOurWords, webauthn.AddWebAuthnForm):
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
