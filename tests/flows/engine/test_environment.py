"""Every child is offline and private, in its own home, and speaks to loopback or to the server a person named."""

from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from flows.engine.environment import api_url, child_environment, dashboard_url, external_api_url


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("PREFECT_API_URL", "PREFECT_UI_URL", "GANGCHUANG_OWN_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return Settings(home=tmp_path / "home", dashboard_port=4321)


def test_nothing_calls_out_whatever_the_user_has_set(own: Settings) -> None:
    careless = {
        "DO_NOT_TRACK": "0",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    }

    made = child_environment(own, careless)

    assert made["DO_NOT_TRACK"] == "1"
    assert made["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert made["PREFECT_SERVER_EPHEMERAL_ENABLED"] == "false"
    assert made["PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT"] == "false"


def test_prefect_lives_below_the_home_folder_on_loopback(own: Settings) -> None:
    made = child_environment(own, {"PREFECT_HOME": "/elsewhere"})

    assert made["PREFECT_HOME"] == str(own.home / "prefect")
    assert made["GANGCHUANG_HOME"] == str(own.home)
    assert made["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
    assert made["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert made["PREFECT_UI_URL"] == "http://127.0.0.1:4321/v2"


def test_server_and_clients_share_a_secret_that_is_the_homes_own(own: Settings, tmp_path: Path) -> None:
    made, elsewhere = child_environment(own, {}), child_environment(Settings(home=tmp_path / "other"), {})

    assert made["PREFECT_SERVER_API_AUTH_STRING"] == made["PREFECT_API_AUTH_STRING"] == own.sign_in()
    assert len(own.sign_in().removeprefix("office:")) == 32
    assert own.sign_in_file.stat().st_mode & 0o777 == 0o600
    assert elsewhere["PREFECT_API_AUTH_STRING"] != made["PREFECT_API_AUTH_STRING"]


def test_a_server_elsewhere_has_the_secret_that_the_user_gives(own: Settings) -> None:
    given = {"PREFECT_API_URL": "https://prefect.example/api", "PREFECT_API_AUTH_STRING": "theirs:secret"}

    made = child_environment(own, given)

    assert made["PREFECT_API_AUTH_STRING"] == "theirs:secret"
    assert "PREFECT_SERVER_API_AUTH_STRING" not in made
    assert not (own.home / "prefect" / "sign-in").exists()


def test_a_users_tuning_wins_over_ours(own: Settings) -> None:
    chosen = {"PREFECT_WORKER_QUERY_SECONDS": "7", "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://x/y"}

    made = child_environment(own, chosen)

    assert made["PREFECT_WORKER_QUERY_SECONDS"] == "7"
    assert made["PREFECT_API_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://x/y"


def test_a_server_that_the_user_named_is_used(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api/")

    assert external_api_url() == "https://prefect.example/api"
    assert api_url(own) == "https://prefect.example/api"
    assert dashboard_url(own) == "https://prefect.example/v2"
    assert child_environment(own)["PREFECT_API_URL"] == "https://prefect.example/api"
    assert "PREFECT_SERVER_API_HOST" not in child_environment(own, {"PREFECT_API_URL": "https://prefect.example/api"})


def test_a_child_knows_its_own_server_from_one_that_the_user_named(own: Settings) -> None:
    made = child_environment(own, {})

    assert external_api_url(made) == ""
    assert child_environment(own, made) == made


def test_prefect_forgets_runs_and_events_after_ninety_days(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings.models.server import ServerSettings

    for name, value in child_environment(own).items():
        monkeypatch.setenv(name, value)
    read = ServerSettings()

    assert read.services.db_vacuum.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert read.services.db_vacuum.retention_period == read.events.retention_period == timedelta(days=90)


def test_a_server_of_the_user_on_our_port_is_still_the_users(own: Settings) -> None:
    assert external_api_url({"PREFECT_API_URL": "http://127.0.0.1:4321/api"}) == "http://127.0.0.1:4321/api"


def test_a_forked_run_has_the_settings_that_its_parent_knows_already(own: Settings, tmp_path: Path) -> None:
    """If the worker spelt the settings in another way, every fork would read them again."""
    import json
    import subprocess
    import sys

    ask = (
        "import asyncio, json, os, sys\n"
        "from flows.engine.warm import _prefect_settings, usual_settings\n"
        "usual = usual_settings()\n"
        "from prefect.runner import _starter_engine\n"
        "given = {}\n"
        "async def noted(**options): given.update(options['env'])\n"
        "_starter_engine.run_process = noted\n"
        "class Run: id = 'x'\n"
        "starter = _starter_engine.EngineCommandStarter(command='true', env=dict(os.environ))\n"
        "asyncio.run(starter.start(Run()))\n"
        "print(json.dumps([usual, _prefect_settings({k: v for k, v in given.items() if v is not None})]))\n"
    )
    environment = child_environment(own)
    answer = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)

    usual, handed_on = json.loads(answer.stdout.splitlines()[-1])

    assert handed_on == usual
