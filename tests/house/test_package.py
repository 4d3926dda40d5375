"""What a person installs: the wheel, in an empty environment, far from this folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DAY, ROOT, free_port

WHEELS = ROOT / ".cache" / "wheels"
pytestmark = [
    pytest.mark.package,
    pytest.mark.skipif(
        not WHEELS.is_dir(), reason="no .cache/wheels: run make setup first, which keeps the locked wheels there"
    ),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An environment that holds the wheel, its locked dependencies, and nothing else."""
    place = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    python = place / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-index", "--find-links", WHEELS]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements.lock"], check=True, capture_output=True)
    subprocess.run([*pip, "--no-deps", wheel], check=True, capture_output=True)
    yield place


def test_the_wheel_holds_content_templates_fonts_and_licences_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "neurodash/content/ms/balance-training/brief.md", "neurodash/content/evidence/reviews.csv",
        "neurodash/content/LICENSE", "neurodash/web/templates/brief.html", "neurodash/web/static/tokens.css",
        "neurodash/web/static/fonts/text.woff2", "neurodash/web/static/fonts/LICENSE", "neurodash/documents/handout.typ",
        "neurodash/documents/fonts/regular.ttf", "neurodash/documents/fonts/LICENSE",
    ):  # fmt: skip
        assert name in names, name
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "bench", "tools")) or "__pycache__" in name]


def test_the_check_and_the_site_run_from_an_empty_environment(installed: Path) -> None:
    program = installed / "venv" / "bin" / "neurodash"
    env = {**os.environ, "NEURODASH_DATA": str(installed / "data"), "NEURODASH_ON": DAY}
    checked = subprocess.run(
        [program, "library", "check"], cwd=installed, env=env, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "The library is sound: 2 briefs" in checked.stdout
    port = free_port()
    with (installed / "log").open("w") as log:
        running = subprocess.Popen(
            [program, "serve", "--port", str(port)], cwd=installed, env=env, stdout=log, stderr=log
        )
    try:
        page = b""
        for _ in range(100):
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/ms/balance-training/", timeout=5).read()
                break
            except OSError:
                time.sleep(0.1)
        assert b"7 of 8" in page, (installed / "log").read_text()
    finally:
        running.terminate()
        running.wait(10)


def test_help_lists_the_commands() -> None:
    done = subprocess.run([sys.executable, "-m", "neurodash", "--help"], capture_output=True, text=True, check=True)
    for command in ("serve", "export", "library", "evidence"):
        assert f"  {command} " in done.stdout
