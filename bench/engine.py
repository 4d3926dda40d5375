"""Another engine that keeps running beside ours, and the environment in which the Python ones live."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".cache" / "bench-venv"
LOCK = ROOT / "requirements-bench.lock"


class Engine:
    """Another engine that keeps running: one word in, one line of JSON out."""

    def __init__(self, words: list[str]) -> None:
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, word: str) -> Any:
        assert self.process.stdin and self.process.stdout
        print(word, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args} stopped at “{word}”")
        return json.loads(answer)

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


def bench_python() -> Path | None:
    """The interpreter of .cache/bench-venv with requirements-bench.lock in it; None, and said so, where it cannot be."""
    python, done = VENV / "bin" / "python", VENV / ".complete"
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not done.exists() or done.read_text() != lock:
        print("Setting up .cache/bench-venv ...", flush=True)
        install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "1", "--timeout", "30"]
        install += ["--find-links", str(ROOT / ".cache" / "wheels"), "--require-hashes", "-r", str(LOCK)]
        for words in ([sys.executable, "-m", "venv", str(VENV)], [str(python), *install]):
            if subprocess.run(words, check=False).returncode:
                print(
                    "requirements-bench.lock could not be installed (is PyPI reachable?), so those engines are left out."
                )
                return None
        done.write_text(lock)
    return python
