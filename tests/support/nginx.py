"""A real nginx with the configuration that is shipped, on other ports and in folders of the tests."""

import os
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows.engine.engine_process import free_port, wait_for

DEPLOY = Path(__file__).parents[2] / "config" / "deploy"
HOME = "/var/lib/gangchuang"
AWARD, OFFICE = "award.example.org", "office.example.org"


def program(name: str) -> str:
    """Where a program lies that the machine may lack; then the test is skipped with this reason."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return found or pytest.skip(f"{name} is not installed (.ci/run installs it)")


@contextmanager
def serving_nginx(
    folder: Path, *, links: int, dashboard: int, person: str = "wang:x", sign_in: str = "office:x", port: int = 0
) -> Iterator[tuple[int, int]]:
    """Serve from an empty folder before two ports of loopback. Yields the port of TLS (`port` where given) and the plain one.

    `person`: account and password of whoever may see the dashboard; `sign_in`: the installation's own.
    """
    tls, plain = port or free_port(), free_port()
    (folder / "log" / "nginx").mkdir(parents=True)
    (folder / "log" / "gangchuang").mkdir()
    _configure(folder, tls, plain, links, dashboard)
    _let_in(folder, person, sign_in)
    command = [program("nginx"), "-c", f"{folder}/nginx.conf", "-e", f"{folder}/log/error.log"]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "warn" not in tried.stderr
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("nginx", lambda: _listens(tls))
        yield tls, plain
    finally:
        running.terminate()
        running.wait()


def _configure(folder: Path, tls: int, plain: int, links: int, dashboard: int) -> None:
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for ours, here in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ": f"listen 127.0.0.1:{tls} ",
        "127.0.0.1:4200": f"127.0.0.1:{dashboard}",
        "127.0.0.1:4280": f"127.0.0.1:{links}",
        f"{HOME}/site;": f"{folder}/home/site;",
        "/var/log/": f"{folder}/log/",
        "/etc/ssl/gangchuang/": f"{folder}/",
        "/etc/nginx/gangchuang-": f"{folder}/gangchuang-",
    }.items():
        assert ours in text, ours
        text = text.replace(ours, here)
    (folder / "gangchuang.conf").write_text(text, "utf-8")
    for name in ("award", "office"):
        made = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}"
        files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        subprocess.run([program("openssl"), *made.split(), *files], check=True, capture_output=True)
    temporary = "".join(
        f"{part}_temp_path {folder}/{part};" for part in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} daemon off; worker_processes 1; pid {folder}/pid;"
        f" error_log {folder}/log/error.log info; events {{}}"
        f" http {{ include /etc/nginx/mime.types; default_type application/octet-stream; {temporary}"
        f" access_log {folder}/log/access.log; include {folder}/gangchuang.conf; }}",
        "utf-8",
    )


def _let_in(folder: Path, person: str, sign_in: str) -> None:
    user, _, password = person.partition(":")
    hashed = subprocess.run([program("openssl"), "passwd", "-apr1", password], check=True, capture_output=True)
    (folder / "gangchuang-accounts").write_text(f"{user}:{hashed.stdout.decode()}", "utf-8")
    theirs = b64encode(sign_in.encode()).decode()
    (folder / "gangchuang-sign-in.conf").write_text(f'proxy_set_header Authorization "Basic {theirs}";\n', "utf-8")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
