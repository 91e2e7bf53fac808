"""Who is not signed in, and who is but wants more than a stage, gets nothing executed and reads nothing."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.settings import Settings
from flows.engine.deployments import prefect_client, register, run_state
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.flows.engine.tiny_stages import FORMS

pytestmark = pytest.mark.prefect

# Tried by a process that has become another user, with an interpreter that was loaded before. A line a try that
# succeeded; the last line counts the tries.
STRANGER = """
import asyncio, base64, glob, http.client, json, os, pathlib, pwd, signal, socket, sqlite3, sys, tempfile
home, port, own, pids = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
nobody = pwd.getpwnam("nobody")
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(nobody.pw_gid); os.setuid(nobody.pw_uid)

def ask(method, path, body=None, **headers):
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    line.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json", **headers})
    answer = line.getresponse()
    return answer.status < 400 and answer.read()

def basic(text):
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}

def socket_opens(path):
    line = socket.create_connection(("127.0.0.1", port), 20)
    line.sendall((f"GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
        "Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n").encode())
    return b" 101 " in line.recv(400)

made = {"state": {"type": "SCHEDULED"}, "job_variables": {"command": f"touch {own}/ran"}}
run = f"/api/deployments/{sys.argv[5]}/create_flow_run"
tries = {
    "start a run": lambda: ask("POST", run, made),
    "start it with an empty password": lambda: ask("POST", run, made, **basic("office:")),
    "with a guessed one": lambda: ask("POST", run, made, **basic("admin:pass")),
    "with none but a colon": lambda: ask("POST", run, made, **basic(":")),
    "with a bearer token": lambda: ask("POST", run, made, authorization="Bearer office"),
    "from a page on the same host": lambda: ask("POST", run, made, origin="http://127.0.0.1:8000"),
    "under another path's name": lambda: ask("POST", "/api/health/../" + run.removeprefix("/api/"), made),
    "list runs": lambda: ask("POST", "/api/flow_runs/filter", {}),
    "list deployments": lambda: ask("POST", "/api/deployments/filter", {}),
    "read the logs": lambda: ask("POST", "/api/logs/filter", {}),
    "read artifacts": lambda: ask("POST", "/api/artifacts/filter", {}),
    "read the server's settings": lambda: ask("GET", "/api/admin/settings"),
    "clear its database": lambda: ask("POST", "/api/admin/database/clear", {"confirm": True}),
    "make a deployment": lambda: ask("POST", "/api/flows/", {"name": "mine"}),
    "make an automation": lambda: ask("POST", "/api/automations/", {"name": "mine"}),
    "change the pool": lambda: ask("PATCH", "/api/work_pools/gangchuang", {"base_job_template": {}}),
    "hear the events": lambda: socket_opens("/api/events/out"),
    "hear the logs": lambda: socket_opens("/api/logs/out"),
    "send events": lambda: socket_opens("/api/events/in"),
    "be a worker": lambda: socket_opens("/api/work_pools/gangchuang/workers/connect"),
    "list the home": lambda: os.listdir(home),
    "read the password": lambda: (home / "prefect" / "sign-in").read_bytes(),
    "read the key": lambda: (home / "keys" / "workbooks.key").read_bytes(),
    "list the keys": lambda: os.listdir(home / "keys"),
    "read the database": lambda: (home / "gangchuang.db").read_bytes(),
    "open the database": lambda: sqlite3.connect(home / "gangchuang.db").execute("SELECT 1 FROM call").fetchall(),
    "read Prefect's database": lambda: (home / "prefect" / "prefect.db").read_bytes(),
    "read the logs of the home": lambda: (home / "logs" / "worker.log").read_bytes(),
    "list the inbox": lambda: os.listdir(home / "inbox"),
    "deliver for a unit": lambda: (home / "inbox" / "500103" / "x.xlsx").write_bytes(b"x"),
    "read a letter": lambda: (home / "mail" / "letter.eml").read_bytes(),
    "step the clock": lambda: (home / "rehearsal.json").write_text("{}"),
    "leave something in the home": lambda: (home / "mine").mkdir(),
    "change a public page": lambda: (home / "site" / "2026" / "index.html").write_text("mine"),
    "add a public page": lambda: (home / "site" / "mine.html").write_text("mine"),
    "name what it runs": lambda: (home / "prefect" / "entrypoints").write_text("mine"),
    "read a process's environment": lambda: [pathlib.Path(f"/proc/{pid}/environ").read_bytes() for pid in pids],
    "stop a process": lambda: [os.kill(pid, signal.SIGSTOP) for pid in pids],
    "call the warm parent": lambda: [socket.socket(socket.AF_UNIX).connect(p) for p in glob.glob(tempfile.gettempdir() + "/gangchuang-*/warm")] or 0/0,
    "list where the warm parent listens": lambda: [os.listdir(p) for p in glob.glob(tempfile.gettempdir() + "/gangchuang-*")] or 0/0,
}
if os.geteuid() == pwd.getpwuid(home.stat().st_uid).pw_uid:
    tries = dict(list(tries.items())[:20])  # no other user to be: only the dashboard's door is tried
for name, attempt in tries.items():
    try:
        if attempt() is not False:
            print(name)
    except Exception:
        pass
try:
    (home / "site" / "2026" / "index.html").read_text()
except OSError:
    print("cannot read what is public")
print(len(tries))
"""


@pytest.fixture(scope="module")
def lived_in() -> Iterator[EngineProcess]:
    """An engine whose home another user can reach, with what a season leaves in it, made under a lax umask."""
    outer = Path(tempfile.mkdtemp())
    outer.chmod(0o755)
    home = outer / "home"
    before = os.umask(0)
    for name in ("gangchuang.db", "inbox/500103/a.xlsx", "mail/letter.eml", "site/2026/index.html", "seasons/a.toml"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"example")
    os.umask(before)
    Settings(home=home).signing_key()
    engine = EngineProcess(home, free_port())
    engine.start()
    try:
        engine.wait_until_up()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(outer)


def _ask(engine: EngineProcess, method: str, path: str, body: Any = None) -> httpx.Response:
    user, _, password = engine.sign_in.partition(":")
    address = f"http://127.0.0.1:{engine.port}/api{path}"
    return httpx.request(method, address, json=body, auth=(user, password), timeout=30)


def _deployment(engine: EngineProcess, stage: str = "tiny") -> str:
    wanted = {"deployments": {"tags": {"all_": [f"stage:{stage}"]}}}
    return str(_ask(engine, "POST", "/deployments/filter", wanted).json()[0]["id"])


def test_another_user_gets_nothing_from_dashboard_or_home(lived_in: EngineProcess, tmp_path: Path) -> None:
    own = tempfile.mkdtemp()
    Path(own).chmod(0o777)
    arguments = [str(lived_in.home), str(lived_in.port), own, str(list(lived_in.children())), _deployment(lived_in)]

    tried = subprocess.run([sys.executable, "-c", STRANGER, *arguments], capture_output=True, text=True, check=True)

    *succeeded, count = tried.stdout.split("\n")[:-1]
    assert succeeded == []
    assert int(count) == (40 if os.geteuid() == 0 else 20)
    assert not (Path(own) / "ran").exists()
    shutil.rmtree(own)


def test_the_home_is_closed_whatever_umask_made_it(lived_in: EngineProcess) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in lived_in.home.iterdir()}

    assert lived_in.home.stat().st_mode & 0o777 == 0o711
    assert {modes.pop(name) for name in ("site", "releases")} == {0o755}
    assert {name: mode for name, mode in modes.items() if mode & 0o007} == {}
    assert {name: mode for name, mode in modes.items() if name != "inbox" and mode & 0o077} == {}


def test_nothing_prints_the_password(lived_in: EngineProcess) -> None:
    logs = [lived_in.said(), *(path.read_text("utf-8") for path in (lived_in.home / "logs").iterdir())]

    assert not [text for text in logs if lived_in.sign_in.partition(":")[2] in text]
    assert str(lived_in.home / "prefect" / "sign-in") in lived_in.said()
    assert not [command for command in lived_in.children().values() if lived_in.sign_in in command]


@pytest.mark.parametrize(
    "variables",
    [
        {"command": "touch {ran}"},
        {"env": {"PYTHONSTARTUP": "{ran}", "GANGCHUANG_HOME": "{ran}"}},
        {"env.LD_PRELOAD": "{ran}"},
        {"working_dir": "/"},
        {"image": "example/evil"},
        {"name": "harmless"},
    ],
)
def test_a_run_with_job_variables_of_its_own_is_not_executed(
    running_engine: EngineProcess, tmp_path: Path, variables: dict[str, Any]
) -> None:
    told = json.loads(json.dumps(variables).replace("{ran}", str(tmp_path / "ran")))
    body = {"parameters": {"season": 2026}, "job_variables": told}

    answer = _ask(running_engine, "POST", f"/deployments/{_deployment(running_engine)}/create_flow_run", body)

    run = answer.json()["id"]
    wait_for("the refusal", lambda: run_state(run).final)
    state = run_state(run)
    assert state.type == "FAILED"
    assert "was not started: its job variables set" in state.message
    assert not (tmp_path / "ran").exists()


def test_a_run_that_repeats_the_deployments_own_is_executed(running_engine: EngineProcess) -> None:
    """As the dashboard's page of a form sends it."""
    deployment = _deployment(running_engine)
    own = _ask(running_engine, "GET", f"/deployments/{deployment}").json()["job_variables"]

    body = {"parameters": {"season": 2026}, "job_variables": own}
    run = _ask(running_engine, "POST", f"/deployments/{deployment}/create_flow_run", body).json()["id"]

    wait_for("its end", lambda: run_state(run).final)
    assert run_state(run).type == "COMPLETED"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"job_variables": {"command": "touch {ran}"}}, "job variables of its deployment"),
        ({"pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": "touch {ran}"}}]}, "fetch code"),
        ({"entrypoint": "flows.home.files.write_atomically"}, "which is no stage"),
        ({"entrypoint": "{ran}.py:flow"}, "which is no stage"),
    ],
)
def test_a_deployment_that_was_edited_is_not_executed(
    running_engine: EngineProcess, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    deployment = _deployment(running_engine)
    edited = json.loads(json.dumps(change).replace("{ran}", str(tmp_path / "ran")))
    if "pull_steps" in edited or "entrypoint" in edited:
        before = _ask(running_engine, "GET", f"/deployments/{deployment}").json()
        kept = ("name", "flow_id", "work_pool_name", "tags", "path", "entrypoint", "job_variables")
        made = {key: before[key] for key in kept if key in before} | edited
        assert _ask(running_engine, "POST", "/deployments/", made).status_code < 300
    else:
        assert _ask(running_engine, "PATCH", f"/deployments/{deployment}", edited).status_code == 204
    try:
        body = {"parameters": {"season": 2026}, "idempotency_key": str(uuid.uuid4())}
        run = _ask(running_engine, "POST", f"/deployments/{deployment}/create_flow_run", body).json()["id"]
        wait_for("the refusal", lambda: run_state(run).final)

        assert run_state(run).type == "FAILED"
        assert told in run_state(run).message
        assert not (tmp_path / "ran").exists()
    finally:
        with prefect_client() as client:
            client.delete_deployment(uuid.UUID(deployment))
        register(FORMS)


def test_a_work_pool_that_was_edited_changes_nothing(running_engine: EngineProcess, tmp_path: Path) -> None:
    before = _ask(running_engine, "GET", "/work_pools/gangchuang").json()["base_job_template"]
    edited = {**before, "job_configuration": {**before["job_configuration"], "command": f"touch {tmp_path / 'ran'}"}}
    assert _ask(running_engine, "PATCH", "/work_pools/gangchuang", {"base_job_template": edited}).status_code == 204
    try:
        body = {"parameters": {"season": 2026}}
        path = f"/deployments/{_deployment(running_engine)}/create_flow_run"
        run = _ask(running_engine, "POST", path, body).json()["id"]
        wait_for("its end", lambda: run_state(run).final)

        assert run_state(run).type == "COMPLETED"
        assert not (tmp_path / "ran").exists()
    finally:
        _ask(running_engine, "PATCH", "/work_pools/gangchuang", {"base_job_template": before})
