"""Codes in addresses: nobody can guess one."""

from __future__ import annotations

import secrets

LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing that looks like something else
LENGTH = 16  # 80 bits
PATTERN = f"[{LETTERS}]{{{LENGTH}}}"


def new() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
