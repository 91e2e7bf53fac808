"""What is under config/deploy is true: nginx serves by it, systemd and logrotate take it, the containers fit the project."""

import base64
import configparser
import http.client
import http.server
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from config.season_parts import FileLimits
from config.settings import Settings
from tests.flows.engine.engine_process import wait_for
from tests.support.nginx import AWARD, DEPLOY, HOME, OFFICE, program, serving_nginx
from tests.support.pages import POLICY

ROOT = Path(__file__).parents[2]
UNITS = sorted(path for path in (DEPLOY / "systemd").iterdir() if path.is_file())
HARDENED = DEPLOY / "systemd" / "gangchuang-.service.d" / "hardened.conf"
PROGRAM = "/opt/gangchuang/.venv/bin/gangchuang"
PERSON, SIGN_IN = "wang:a long password", "office:the-installations-own"
TOKEN = "a-personal-links-secret"
MIB = 1 << 20


# -- the environment file


def test_the_environment_file_names_every_setting_once_and_no_other() -> None:
    lines = (DEPLOY / "gangchuang.env").read_text("utf-8").splitlines()
    settings = {f"GANGCHUANG_{name.upper()}" for name in Settings.model_fields}

    offered = [line.removeprefix("#").partition("=")[0] for line in lines if line.startswith("#GANGCHUANG_")]
    in_force = [line for line in lines if line and not line.startswith("#")]

    assert sorted(offered) == sorted(settings)
    assert in_force == [f"GANGCHUANG_HOME={HOME}"]


def test_every_setting_can_be_taken_from_the_environment_file_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (DEPLOY / "gangchuang.env").read_text("utf-8").splitlines():
        name, sign, value = line.removeprefix("#").partition("=")
        if sign and name.startswith("GANGCHUANG_") and value:
            monkeypatch.setenv(name, value)

    assert Settings() == Settings(home=Path("var"))


# -- systemd


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units, with a program that is there in the place of the installed one."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(DEPLOY / "systemd", folder, dirs_exist_ok=True)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text("utf-8").replace(PROGRAM, "/bin/true"), "utf-8")
    return folder


def systemd(units: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
    return subprocess.run(
        [program("systemd-analyze"), *arguments], env=own, capture_output=True, text=True, check=False, timeout=60
    )


def test_systemd_takes_every_unit_without_a_word(units: Path) -> None:
    answer = systemd(units, "verify", *(str(units / unit.name) for unit in UNITS))

    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


@pytest.mark.parametrize("name", [unit.name for unit in UNITS if unit.suffix == ".service"])
def test_no_service_is_exposed(units: Path, name: str) -> None:
    answer = systemd(units, "security", "--offline=yes", "--threshold=25", str(units / name))

    assert answer.returncode == 0, answer.stdout + answer.stderr


def unit(path: Path) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string(path.read_text("utf-8"))
    return read


def test_the_service_is_started_again_whatever_happens_and_says_nothing_that_is_not_so() -> None:
    serve, common = unit(DEPLOY / "systemd" / "gangchuang-serve.service"), unit(HARDENED)["Service"]

    assert serve["Service"]["ExecStart"] == f"{PROGRAM} serve"
    assert (serve["Service"]["Restart"], serve["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    # The supervisor sends no signs of life to systemd, which would kill it for that.
    spoken = [path for path in (ROOT / "flows").rglob("*.py") if "NOTIFY_SOCKET" in path.read_text("utf-8")]
    assert ("WatchdogSec" in serve["Service"], serve["Service"]["Type"]) == (bool(spoken), "exec")
    assert (common["User"], common["UMask"], common["ProtectSystem"]) == ("gangchuang", "0077", "strict")
    assert f"/var/lib/{common['StateDirectory']}" == common["WorkingDirectory"] == HOME


def test_the_program_is_the_one_that_make_installs_and_knows_the_commands() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    texts = [path.read_text("utf-8") for path in UNITS if path.suffix == ".service"]

    called = {word for text in texts for word in re.findall(rf"{PROGRAM} (\w+)", text)}

    assert "VENV := .venv" in makefile
    assert called == {"serve", "worker", "backup", "health"}


def test_the_nightly_backup_has_the_days_name_and_thirty_nights_are_kept(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "gangchuang-backup.service").read_text("utf-8")
    commands = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    backups, stub = tmp_path / "backups", tmp_path / "gangchuang"
    stub.write_text('#!/bin/sh\necho "$1" > "$2"\n', "utf-8")
    stub.chmod(0o755)
    backups.mkdir()
    for name in ("2026-01-01.zip", "2026-02-01.zip", "by hand.zip"):
        (backups / name).write_text("earlier", "utf-8")
    for name in ("2026-01-01.zip", "by hand.zip"):
        os.utime(backups / name, (0, 0))

    for command in commands:
        said = command.replace(PROGRAM, str(stub)).replace("$$", "$").replace("%%", "%")
        subprocess.run(shlex.split(said), cwd=tmp_path, check=True)

    kept = {path.name: path.read_text("utf-8") for path in backups.iterdir()}
    (made,) = kept.keys() - {"2026-02-01.zip", "by hand.zip"}
    assert re.fullmatch(r"20\d\d-\d\d-\d\d\.zip", made)
    assert (len(kept), kept[made]) == (3, "backup\n")


# -- logrotate


def test_logrotate_empties_a_log_that_is_held_open_and_keeps_its_lines(tmp_path: Path) -> None:
    logs, conf = tmp_path / "home" / "logs", tmp_path / "logrotate.conf"
    logs.mkdir(parents=True)
    (tmp_path / "office").mkdir()
    text = (DEPLOY / "logrotate.conf").read_text("utf-8")
    for ours, here in ((HOME, f"{tmp_path}/home"), ("/var/log/gangchuang", f"{tmp_path}/office")):
        assert ours in text
        text = text.replace(ours, here)
    owner = logs.owner()
    conf.write_text(text.replace("su gangchuang gangchuang", f"su {owner} {logs.group()}"), "utf-8")
    conf.chmod(0o644)
    tmp_path.chmod(0o755)
    logs.chmod(0o700)

    with (logs / "clock.log").open("ab") as held:
        held.write(b"before\n")
        held.flush()
        rotate = [program("logrotate"), "--force", "--state", str(tmp_path / "state"), str(conf)]
        answer = subprocess.run(rotate, capture_output=True, text=True, check=False)
        held.write(b"after\n")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert (logs / "clock.log").read_bytes() == b"after\n"
    assert (logs / "clock.log.1.gz").exists()


# -- nginx


class Upstream(http.server.ThreadingHTTPServer):
    """Stands for `serve`: notes what nginx passes on, and says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Answering)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Upstream)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers))
        if self.path == "/me/dying":
            self.close_connection = True
            return
        if headers.get("upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "upgrade")
            self.end_headers()
            self.close_connection = True
            return
        self.rfile.read(int(headers.get("content-length", 0)))
        body = b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None: ...


@dataclass
class Nginx:
    """A running nginx with the shipped configuration, other ports and folders."""

    folder: Path
    port: int
    plain: int
    dashboard: Upstream
    links: Upstream
    trusted: ssl.SSLContext = field(default_factory=lambda: ssl._create_unverified_context())

    def ask(self, host: str, path: str, method: str = "GET", **given: Any) -> tuple[http.client.HTTPResponse, bytes]:
        line = http.client.HTTPSConnection(host, timeout=20)
        line.sock = self.trusted.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), timeout=20), server_hostname=host
        )
        try:
            line.request(method, path, **given)
            answer = line.getresponse()
            return answer, answer.read()
        finally:
            line.close()

    def logged(self) -> str:
        return "".join(path.read_text("utf-8") for path in sorted(self.folder.glob("log/**/*.log")))


def put_out(home: Path, number: int) -> None:
    release = home / "releases" / str(number)
    release.mkdir(parents=True)
    (release / "index.html").write_text(f"<!DOCTYPE html><title>{number} 号</title>", "utf-8")
    (release / "call.ics").write_text("BEGIN:VCALENDAR", "utf-8")
    (release / ".hidden").write_text("not public", "utf-8")
    (home / "next").symlink_to(Path("releases", str(number)))
    (home / "next").rename(home / "site")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder, dashboard, links = tmp_path_factory.mktemp("nginx"), Upstream(), Upstream()
    put_out(folder / "home", 1)
    try:
        with serving_nginx(
            folder, links=links.server_port, dashboard=dashboard.server_port, person=PERSON, sign_in=SIGN_IN
        ) as ports:
            yield Nginx(folder, *ports, dashboard, links)
    finally:
        for upstream in (dashboard, links):
            upstream.shutdown()
            upstream.server_close()


def basic(person: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(person.encode()).decode()}"}


def test_the_release_that_is_out_is_served_with_the_strict_policy(nginx: Nginx) -> None:
    answer, first = nginx.ask(AWARD, "/")
    put_out(nginx.folder / "home", 2)
    _, second = nginx.ask(AWARD, "/")

    assert ("1 号".encode() in first, "2 号".encode() in second) == (True, True)
    assert answer.getheader("content-security-policy") == POLICY
    assert answer.getheader("content-type") == "text/html; charset=utf-8"
    assert (answer.getheader("server"), answer.getheader("x-content-type-options")) == ("nginx", "nosniff")
    assert nginx.ask(AWARD, "/call.ics")[0].getheader("content-type") == "text/calendar; charset=utf-8"
    assert nginx.ask(AWARD, "/call.ics")[0].getheader("content-security-policy") == POLICY
    assert nginx.ask(AWARD, "/index.html", "POST", body=b"x")[0].status == 405


@pytest.mark.parametrize("path", ["/.hidden", "/.git/config", "/nothing", "/../prefect/sign-in", "/%2e%2e/home"])
def test_what_is_not_public_is_not_there(nginx: Nginx, path: str) -> None:
    answer, body = nginx.ask(AWARD, path)

    assert answer.status in {400, 404}
    assert b"not public" not in body


def test_a_name_that_is_not_ours_gets_no_answer(nginx: Nginx) -> None:
    with pytest.raises(ssl.SSLError):
        nginx.ask("other.example.org", "/")


def test_without_tls_there_is_nothing_but_the_way_to_it(nginx: Nginx) -> None:
    line = http.client.HTTPConnection("127.0.0.1", nginx.plain, timeout=20)
    line.request("GET", f"/me/l/{TOKEN}", headers={"Host": AWARD})
    answer = line.getresponse()
    line.close()

    assert (answer.status, answer.getheader("location")) == (301, f"https://{AWARD}/me/l/{TOKEN}")


def test_link_pages_keep_their_own_policy_and_learn_who_asks(nginx: Nginx) -> None:
    answer, _ = nginx.ask(AWARD, "/me/", headers={"X-Forwarded-For": "192.0.2.9"})

    path, headers = nginx.links.asked[-1]
    assert (answer.status, answer.getheader("content-security-policy")) == (200, None)
    assert (path, headers["host"]) == ("/me/", AWARD)
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "https")


def test_an_upload_may_be_as_large_as_the_season_allows_and_no_larger(nginx: Nginx) -> None:
    largest = FileLimits().max_file_mib * MIB

    assert nginx.ask(AWARD, "/me/upload", "POST", body=bytes(largest + 4096))[0].status == 200
    answer, said = nginx.ask(AWARD, "/me/upload", "POST", headers={"Content-Length": str(largest + 2 * MIB)})
    assert (answer.status, answer.getheader("content-type")) == (413, "text/html; charset=utf-8")
    assert f"文件超过上限{FileLimits().max_file_mib}MB，没有收下" in said.decode()
    assert nginx.ask(AWARD, "/", "POST", headers={"Content-Length": str(2 * MIB)})[0].status == 413


def test_while_the_link_pages_are_away_it_is_said_in_chinese(nginx: Nginx) -> None:
    answer, said = nginx.ask(AWARD, "/me/dying")

    assert (answer.status, answer.getheader("content-security-policy")) == (503, POLICY)
    assert "请过几分钟再试，或直接回复邮件报送" in said.decode()


def test_a_personal_link_stands_in_no_log_whatever_happens(nginx: Nginx) -> None:
    nginx.ask(AWARD, f"/me/l/{TOKEN}")
    nginx.ask(AWARD, "/me/after", headers={"Referer": f"https://{AWARD}/me/l/{TOKEN}"})
    nginx.ask(AWARD, f"/me/l/{TOKEN}", "POST", headers={"Content-Length": str(20 * MIB)})

    assert [path for path, _ in nginx.links.asked[-2:]] == [f"/me/l/{TOKEN}", "/me/after"]
    wait_for("the log", lambda: "/me/after" in nginx.logged())
    assert TOKEN not in nginx.logged()


@pytest.mark.parametrize("path", ["/", "/v2/", "/api/flow_runs/filter", "/office/", "/office/health", "/ui-settings"])
def test_nobody_reaches_the_dashboard_without_an_account(nginx: Nginx, path: str) -> None:
    before = len(nginx.dashboard.asked)

    assert nginx.ask(OFFICE, path)[0].status == 401
    assert nginx.ask(OFFICE, path, headers=basic("wang:wrong"))[0].status == 401
    assert nginx.ask(OFFICE, path, headers=basic(SIGN_IN))[0].status == 401
    assert len(nginx.dashboard.asked) == before


@pytest.mark.parametrize("path", ["/v2/dashboard", "/api/flow_runs/filter", "/office/"])
def test_a_person_is_let_in_by_their_account_and_named_in_the_log(nginx: Nginx, path: str) -> None:
    answer, _ = nginx.ask(OFFICE, path, headers={**basic(PERSON), "X-Gangchuang-Person": "li"})

    asked, headers = nginx.dashboard.asked[-1]
    assert (answer.status, asked, headers["host"]) == (200, path, OFFICE)
    assert headers["authorization"] == basic(SIGN_IN)["Authorization"]
    assert headers["x-gangchuang-person"] == "wang"
    wait_for("the log", lambda: f'"GET {path} ' in nginx.logged())
    assert re.search(rf'^127\.0\.0\.1 wang \[.+\] "GET {path} ', nginx.logged(), re.MULTILINE)


def test_websockets_pass_through_to_the_dashboard(nginx: Nginx) -> None:
    wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}

    answer, _ = nginx.ask(OFFICE, "/api/events/out", headers={**basic(PERSON), **wanted})

    assert answer.status == 101
    assert nginx.dashboard.asked[-1][1]["connection"] == "upgrade"


# -- containers


def dockerfile() -> list[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_has_what_the_project_pins_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = dockerfile()
    copied = [word.rstrip("/") for word, rest in lines if word == "COPY" for word in rest.split()[:-1]]
    installs = [rest for word, rest in lines if word == "RUN" and "pip install" in rest]
    python = re.fullmatch(r"python:(3\.\d+)-slim", dict(lines)["FROM"])

    assert python is not None
    assert python[1] in SpecifierSet(project["requires-python"])
    assert installs[0].endswith("--require-hashes -r requirements.txt")
    assert installs[1].endswith("--no-deps .")
    assert len(installs) == 2
    assert all((ROOT / name).exists() for name in copied)
    assert {"requirements.txt", "pyproject.toml", project["readme"], *project["license-files"]} < set(copied)
    assert (dict(lines)["USER"], dict(lines)["ENV"]) == ("gangchuang", f"GANGCHUANG_HOME={HOME}")
    # What is copied is let through to the builder, and nothing besides.
    let_through = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert sorted(line[1:] for line in let_through if line.startswith("!")) == sorted(copied)
    assert "config/deploy" in let_through


def test_the_containers_fit_the_settings_and_one_another() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    services = yaml.safe_load(text)["services"]
    ours, database, nginx = services["gangchuang"], services["database"], services["nginx"]
    settings = {f"GANGCHUANG_{name.upper()}" for name in Settings.model_fields}
    folder = (DEPLOY / ours["build"]["context"]).resolve()

    assert set(ours["environment"]) <= settings
    address = ours["environment"]["GANGCHUANG_DATABASE_URL"]
    assert address.startswith("postgresql://gangchuang:${POSTGRES_PASSWORD")
    assert address.endswith("@127.0.0.1/" + database["environment"]["POSTGRES_DB"])
    assert (folder, (folder / ours["build"]["dockerfile"]).exists()) == (ROOT, True)
    assert ours["environment"]["GANGCHUANG_HOME"] == HOME
    assert f"{HOME}:{HOME}" in ours["volumes"]
    assert f"{HOME}:{HOME}:ro" in nginx["volumes"]
    # `serve` listens on loopback, so proxy and database must be on the same one, and nobody else near the database.
    assert [one["network_mode"] for one in (ours, nginx)] == ["host", "host"]
    assert database["ports"] == ["127.0.0.1:5432:5432"]
    # Whatever the proxy's configuration names lies in its container.
    inside = [volume.split(":")[1] for volume in nginx["volumes"]]
    named = re.findall(r"(?:/etc/(?:nginx|ssl)|/var/(?:lib|log|www))/[\w./-]*\w", re.sub(r"#.*", "", conf()))
    assert [path for path in named if not path.startswith((*inside, "/var/log/nginx/"))] == []
    # Images by their name and version, from wherever the machine has its images.
    images = [service["image"] for service in services.values() if "build" not in service]
    assert [image for image in images if not re.fullmatch(r"[a-z]+:\d+(\.\d+)?", image)] == []


def conf() -> str:
    return (DEPLOY / "nginx.conf").read_text("utf-8")


def test_the_ports_of_the_proxy_are_those_of_the_settings() -> None:
    ports = {int(port) for port in re.findall(r"proxy_pass http://127\.0\.0\.1:(\d+);", conf())}

    assert ports == {Settings().dashboard_port, Settings().links_port}
