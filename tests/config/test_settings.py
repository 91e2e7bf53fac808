"""The installation's settings, from the environment."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.settings import SETTINGS_FILE, HomeNotWritable, Settings, SettingUnknown, settings


def test_without_any_word_the_home_is_var_and_the_database_lies_in_it(
    fresh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GANGCHUANG_HOME")
    own = Settings()

    assert (own.home, own.database) == (Path("var"), f"sqlite:///{Path('var').absolute() / 'gangchuang.db'}")
    assert fresh_home.is_dir()


def test_the_environment_decides(fresh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANGCHUANG_DATABASE_URL", "postgresql://somewhere/db")
    monkeypatch.setenv("GANGCHUANG_SMTP_URL", "smtp://user:secret@mail.example.invalid")

    own = settings()

    assert (own.home, own.database) == (fresh_home, "postgresql://somewhere/db")
    assert "secret" not in repr(own)


def test_the_home_may_hold_settings_and_the_environment_wins(fresh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["# 示例", "", "GANGCHUANG_MAIL_FROM=office@example.invalid", "GANGCHUANG_WORKER_SLOTS=1"]
    (fresh_home / SETTINGS_FILE).write_text("\n".join(lines), "utf-8")
    monkeypatch.setenv("GANGCHUANG_WORKER_SLOTS", "2")

    own = settings()

    assert (own.home, own.mail_from, own.worker_slots) == (fresh_home, "office@example.invalid", 2)


@pytest.mark.parametrize("name", ["GANGCHUANG_MAILFROM", "GANGCHUANG_HOME", "PREFECT_API_URL"])
def test_a_name_in_the_homes_file_that_is_no_setting_of_a_home_is_an_error(fresh_home: Path, name: str) -> None:
    (fresh_home / SETTINGS_FILE).write_text(f"{name}=x\n", "utf-8")

    with pytest.raises(SettingUnknown, match=name):
        settings()


@pytest.mark.parametrize(
    ("name", "value"), [("DASHBOARD_PORT", "0"), ("SWEEP_SECONDS", "0"), ("LEASE_SECONDS", "soon")]
)
def test_a_value_that_cannot_be_is_an_error(
    fresh_home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"GANGCHUANG_{name}", value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings()
    assert fresh_home.is_dir()


def test_folders_are_made_on_first_use(fresh_home: Path) -> None:
    assert settings().folder("a", "b") == fresh_home / "a" / "b"
    assert (fresh_home / "a" / "b").is_dir()


def test_a_home_that_cannot_be_written_is_an_error_with_a_way_out(fresh_home: Path) -> None:
    (fresh_home / "inbox").write_text("a file where a folder should be")

    with pytest.raises(HomeNotWritable, match="cannot be written .* GANGCHUANG_HOME") as caught:
        settings().folder("inbox")
    assert caught.value.path == fresh_home / "inbox"


def test_the_signing_key_is_made_once_and_is_its_owners_only(fresh_home: Path) -> None:
    own = settings()

    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: own.signing_key(), range(64)))

    (path,) = (fresh_home / "keys").iterdir()
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
