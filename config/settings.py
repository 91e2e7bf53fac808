"""What the installation decides, from the environment (`GANGCHUANG_*`) and the home's `gangchuang.env`."""

import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.clock import Clock
from config.errors import GangchuangError, MayPass

PUBLIC = "site"  # a link to the release of the public pages that is out
RELEASES = "releases"
SETTINGS_FILE = "gangchuang.env"


class HomeNotWritable(MayPass):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"The home folder {path} cannot be written ({reason}). Give this user the right to write there, "
            f"or name another folder in GANGCHUANG_HOME."
        )


class HomeMissing(GangchuangError):
    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"There is no home folder {path}. Go to the folder that holds it, or name it in GANGCHUANG_HOME; "
            "`gangchuang season plan`, `gangchuang serve` and `gangchuang restore` make a new one."
        )


class SettingUnknown(GangchuangError):
    def __init__(self, file: Path, names: Sequence[str]) -> None:
        super().__init__(
            f"{file} names what is no setting of a home: {', '.join(name.upper() for name in names)}. README, "
            f'"Settings", lists them; the home itself and Prefect\'s own variables belong into the environment.'
        )


class Settings(BaseSettings):
    """One installation. Folders are made on first use."""

    model_config = SettingsConfigDict(env_prefix="GANGCHUANG_", extra="ignore")

    home: Path = Field(Path("var"), description="folder of the database, inbox, mail, pages and exports")
    database_url: str = Field("", description="SQLAlchemy address; empty means SQLite in the home folder")
    smtp_url: SecretStr = Field(
        SecretStr(""), description="smtp[s]://user:password@host:port; empty means .eml files in the home folder"
    )
    mail_from: str = Field("gangchuang@example.invalid", description="sender of every mail")
    imap_url: SecretStr = Field(
        SecretStr(""),
        description="imap[s]://user:password@host:port/folder of the mailbox that answers to `GANGCHUANG_MAIL_FROM`; "
        "empty means that no mail is read, and letters ask for answers to the office's address",
    )
    site_url: str = Field("", description="public address of the pages, for links in mails; empty means no links")
    links_url: str = Field(
        "",
        description="public address of the link pages, such as https://award.example.org/me; empty means that there are none",
    )
    links_port: int = Field(4280, ge=1, le=65535, description="loopback port of the link pages")
    dashboard_port: int = Field(4200, ge=1, le=65535, description="loopback port of the Prefect server")
    accounts: dict[str, str] = Field(
        {},
        description='the reverse proxy\'s accounts and the officers that they are, such as {"wang": "示例·王主任"}; an account '
        "that is not named is the officer of its own name",
    )
    sweep_seconds: float = Field(30.0, gt=0, description="how often the clock looks for what moved or was missed")
    mail_seconds: float = Field(30.0, gt=0, description="how often waiting messages are sent at most")
    lease_seconds: float = Field(60.0, gt=0, description="how long a silent stage or clock keeps its lease")
    believed_until: datetime | None = Field(
        None, description="an instant with its zone, up to which the clock is believed after a long standstill"
    )
    least_free_mib: int = Field(1024, ge=1, description="free space on the home's disk below which somebody must act")
    helpers: int = Field(
        0, ge=0, description="flow runs that help a stage which writes to every unit; wants PostgreSQL and more workers"
    )
    worker_slots: int = Field(2, ge=1, description="flow runs at once; more than 2 wants PostgreSQL")

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home.absolute() / 'gangchuang.db'}"

    @property
    def clock(self) -> Clock:
        return Clock(self.home.absolute())

    def folder(self, *parts: str) -> Path:
        """A folder below the home, made when missing. Raises HomeNotWritable."""
        path = self.home.absolute().joinpath(*parts)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise HomeNotWritable(path, problem.strerror or str(problem)) from problem
        return path

    def close_home(self) -> None:
        """Shut the home to other users; what another umask let in before, too.

        Who may pass through the home to the public pages, and which group may use the inbox, stays the administrator's
        choice.
        """
        os.umask(0o077)
        home = self.folder()
        for path in (home, *home.iterdir(), *self.folder(RELEASES).rglob("*"), *(home / PUBLIC).rglob("*")):
            with suppress(OSError):  # somebody else's, which `doctor` tells
                if not path.is_symlink():
                    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~strangers_in(path, home))
        self.folder(RELEASES).chmod(0o755)

    def signing_key(self) -> bytes:
        """The server's 32-byte key for signed workbooks, made once."""
        return _kept_secret(self.folder("keys") / "workbooks.key", secrets.token_bytes(32))

    def links_key(self) -> bytes:
        """The server's 32-byte key of personal links and of their sessions, made once."""
        return _kept_secret(self.folder("keys") / "links.key", secrets.token_bytes(32))

    def draw_secret(self, year: int, fresh: bytes = b"") -> bytes:
        """64 bytes kept apart from the database: the seed of a season's draw and the key of its experts' marks.

        Made of `fresh` when it is given and there are none; empty when there are none.
        """
        path = self.folder("keys") / f"draw-{year}.key"
        return _kept_secret(path, fresh) if fresh or path.exists() else b""

    def objectors_key_file(self, year: int) -> Path:
        return self.folder("keys") / f"objectors-{year}.key"

    def objectors_key(self, year: int) -> bytes:
        """32 bytes kept apart from the database: who objected in a season is encrypted by them; made once."""
        return _kept_secret(self.objectors_key_file(year), secrets.token_bytes(32))

    @property
    def sign_in_file(self) -> Path:
        """Holds `user:password` of the dashboard; outside `keys/`, since a backup need not open a dashboard."""
        return self.folder("prefect") / "sign-in"

    def sign_in(self) -> str:
        """`user:password` of the dashboard and its API, made once."""
        return _kept_secret(self.sign_in_file, f"office:{secrets.token_urlsafe(24)}".encode()).decode().strip()

    def mark(self, fresh: str) -> str:
        """What tells this home from others on a Prefect server that they share, on whichever host; made once."""
        return _kept_secret(self.folder("prefect") / "mark", fresh.encode()).decode()

    def proxy_sign_in(self) -> str:
        """`user:password` of a reverse proxy, whose word counts for who is signed in there; made once."""
        path = self.folder("prefect") / "sign-in-proxy"
        return _kept_secret(path, f"proxy:{secrets.token_urlsafe(24)}".encode()).decode().strip()


def strangers_in(path: Path, home: Path) -> int:
    """The mode bits that the home itself, what lies at its top, or a public page must not have."""
    public = path.is_relative_to(home / PUBLIC) or path.is_relative_to(home / RELEASES)
    return 0o022 if public else {home: 0o066, home / "inbox": 0o007}.get(path, 0o077)


def _kept_secret(path: Path, fresh: bytes) -> bytes:
    """A file's content, readable by its owner only; made with `fresh` when it is missing."""
    if not path.exists():
        draft = path.with_name(f"{secrets.token_hex(8)}.part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(fresh)
        # A hard link appears whole or not at all, and never replaces another process's key.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_bytes()


@lru_cache
def settings() -> Settings:
    """The process's settings, read once: from the environment, then from the home's own file. Raises SettingUnknown."""
    home = Settings().home
    file = home / SETTINGS_FILE
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    named = {line.partition("=")[0].strip().casefold() for line in lines if line.strip() and not line.startswith("#")}
    known = {f"gangchuang_{name}" for name in Settings.model_fields} - {"gangchuang_home"}
    if unknown := sorted(named - known):
        raise SettingUnknown(file.absolute(), unknown)
    return Settings(_env_file=file, home=home)
