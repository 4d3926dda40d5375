"""How fast the balance brief is served, side by side in one run with one tool (wrk).

    ours      `neurodash serve`, two workers, the ready-made page
    nginx     the very same compressed bytes as a static file
    uncached  Django renders the page at every request, same server and workers

Also: seconds from start to the first answer, and what a brief weighs over the wire. Prints the ratios.
Needs nginx and wrk (Debian: nginx-light, wrk); what is missing is said and left out.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

BRIEF = "/ms/balance-training/"
ROUNDS, SECONDS, CONNECTIONS = 3, 4, 50
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    prepare()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started, ours = serve(folder, "neurodash.web.wsgi:app", None)
        _, uncached = serve(folder, "bench.uncached:app", ROOT)
        body, headers = fetch(ours.port)
        weigh(ours.port)
        servers = {"ours": ours.port, "uncached": uncached.port}
        if nginx := start_nginx(folder, body, headers):
            servers["nginx"] = nginx.port
        try:
            print(f"\nfirst answer after start: {started:.2f} s (target: under 2 s)")
            if shutil.which("wrk"):
                compare(servers)
            else:
                print("wrk is not here, so nothing was measured: apt-get install wrk")
        finally:
            for running in (ours, uncached, nginx):
                if running:
                    running.stop()


def prepare() -> None:
    """The two tools, where we may install them."""
    missing = [package for tool, package in (("wrk", "wrk"), ("nginx", "nginx-light")) if not shutil.which(tool)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", *missing], check=False, stdout=subprocess.DEVNULL)


class Running:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(folder: Path, app: str, path: Path | None) -> tuple[float, Running]:
    """`neurodash serve` itself for our app; the same server and workers for another."""
    port = free_port()
    env = {**os.environ, "NEURODASH_DATA": str(folder / "data")}
    if app == "neurodash.web.wsgi:app":
        words = [sys.executable, "-m", "neurodash", "serve", "--port", str(port)]
    else:
        words = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "1"]
        words += ["--no-ws", "--log-level", "error", "--port", str(port), "--working-dir", str(path), app]
    begun = time.perf_counter()
    log = folder / f"{port}.log"  # each request is a line
    with log.open("w") as lines:
        process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=lines)
    while time.perf_counter() - begun < 30:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{BRIEF}", timeout=5).read()
            return time.perf_counter() - begun, Running(process, port)
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"{app} did not start:\n{log.read_text()}")


def fetch(port: int) -> tuple[bytes, dict[str, str]]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{BRIEF}", headers={"Accept-Encoding": "br"})
    with urllib.request.urlopen(request) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def weigh(port: int) -> None:
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}{BRIEF}").read().decode()
    links = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    css = next(link for link in links if link.endswith(".css"))
    style = urllib.request.urlopen(f"http://127.0.0.1:{port}{css}").read().decode()
    links |= {f"/static/{font}" for font in re.findall(r"url\(\.\./static/([^)]+)\)", style)}
    total = 0
    for link in sorted({BRIEF, *links}):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{link}", headers={"Accept-Encoding": "br"})
        with urllib.request.urlopen(request) as answer:
            size = len(answer.read())
        total += size
        print(f"{size:>9,} bytes  {link}")
    print(f"{total:>9,} bytes over the wire for a first visit (target: under 100,000)")


def start_nginx(folder: Path, body: bytes, headers: dict[str, str]) -> Running | None:
    if not shutil.which("nginx"):
        print("nginx is not here, so it is left out: apt-get install nginx-light")
        return None
    site = folder / "site" / BRIEF.strip("/")
    site.mkdir(parents=True)
    (site / "index.html").write_bytes(body)
    folder.chmod(0o755)
    port = free_port()
    sent = "\n".join(
        f'add_header {name} "{headers[name.lower()]}";'
        for name in ("Content-Security-Policy", "Content-Encoding", "Cache-Control", "Vary", "Referrer-Policy")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;"
        "events { worker_connections 1024; } http { access_log off; default_type text/html; keepalive_requests 10000000;"
        f"open_file_cache max=100; sendfile on; tcp_nopush on; server {{ listen 127.0.0.1:{port}; root {folder}/site; {sent} }} }}"
    )
    process = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")])
    time.sleep(0.7)
    return Running(process, port)


def wrk(port: int) -> tuple[float, float]:
    """Requests per second and the 95th percentile in milliseconds."""
    script = Path(__file__).with_name("p95.lua")
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), "-H", "Accept-Encoding: br"]
    out = subprocess.run([*words, f"http://127.0.0.1:{port}{BRIEF}"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise SystemExit(out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(re.search(r"p95 ms: ([\d.]+)", out)[1])  # type: ignore[index]


def compare(servers: dict[str, int]) -> None:
    """Interleaved rounds, so that a noisy moment hits all alike; medians."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, port in servers.items():
            seen[name].append(wrk(port))
    rate = {name: statistics.median(r for r, _ in runs) for name, runs in seen.items()}
    tail = {name: statistics.median(p for _, p in runs) for name, runs in seen.items()}
    print(f"{os.cpu_count()} cores, {CONNECTIONS} connections, medians of {ROUNDS} interleaved rounds of {SECONDS} s")
    for name in servers:
        print(f"  {name:<9}{rate[name]:>10,.0f} requests/s   p95 {tail[name]:.2f} ms")
    if "nginx" in rate:
        print(f"ours / nginx    {rate['ours'] / rate['nginx']:.2f}   (target: at least 0.2)")
    print(f"ours / uncached {rate['ours'] / rate['uncached']:.0f}")
    print(f"p95 of ours     {tail['ours']:.2f} ms   (target: under 5 ms)")


if __name__ == "__main__":
    main()
