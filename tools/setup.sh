#!/bin/sh
# Lays out .venv from the lock file. Wheels are kept in .cache/wheels, so a second set-up needs no network.
set -eu
cd "$(dirname "$0")/.."
PY=${PY:-python3}
say() { printf '%s\n' "$*" >&2; }

may_install() { command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }
apt_install() {
    as_root=""; [ "$(id -u)" = 0 ] || as_root="sudo -n"
    $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq "$@" >/dev/null
}

"$PY" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    say "NeuroDash needs Python 3.11 or newer; '$PY' is not. Name another one: make setup PY=/path/to/python3.11"; exit 1; }

if ! "$PY" -c 'import ensurepip, venv' 2>/dev/null; then
    if may_install; then say "Installing python3-venv ..."; apt_install python3-venv
    else say "Python's venv is missing. On Debian: apt-get install python3-venv, then again."; exit 1; fi
fi

say "Setting up .venv (about 250 MB, once) ..."
[ -x .venv/bin/python ] || "$PY" -m venv .venv
pip() { .venv/bin/python -m pip --disable-pip-version-check -q "$@"; }
lock=$(cksum < requirements-dev.lock)
if [ "$(cat .cache/wheels/.complete 2>/dev/null)" != "$lock" ]; then
    mkdir -p .cache/wheels
    pip download --require-hashes --only-binary :all: -d .cache/wheels -r requirements-dev.lock
    printf '%s\n' "$lock" > .cache/wheels/.complete
fi
pip install --require-hashes --no-index --find-links .cache/wheels -r requirements-dev.lock
pip install --no-index --no-deps --no-build-isolation -e .

if ! command -v chromium >/dev/null 2>&1; then
    if may_install; then say "Installing chromium for the browser tests ..."; apt_install chromium || say "chromium could not be installed; browser tests will be skipped and say so."
    else say "No chromium and no right to install it: browser tests will be skipped and say so. On Debian: apt-get install chromium"; fi
fi
touch .venv/.ok
