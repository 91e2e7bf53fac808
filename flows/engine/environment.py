"""The environment of every process that touches Prefect: offline, private, loopback, below the home folder.

Nothing here imports Prefect, which reads its settings from the environment on import.
"""

import os
import platform
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from config.settings import Settings

TAG = "gangchuang"
# Resolved on the worker's PATH, so that one deployment serves workers on several hosts.
LAUNCH_COMMAND = "python -m flows.engine.launch"
# Whose `FORMS` the dashboard has, in this order; where stages are helped, their helpers' form too.
FORM_MODULES = "flows.year flows.consult"
HELPING_MODULE = "flows.help_along"
OUR_LOGGERS = "gangchuang"
HEARTBEAT_SECONDS = 30
LOOPBACK = "127.0.0.1"

# The name of a further worker, which `gangchuang worker` chose.
WORKER_VARIABLE = "GANGCHUANG_WORKER"
# How long runs in progress may go on when a worker is told to stop.
DRAIN_VARIABLE = "GANGCHUANG_DRAIN_SECONDS"

# Tells our own address from one that the user gave, in a process whose environment we made.
_OWN_ADDRESS = "GANGCHUANG_OWN_API_URL"
# On a server elsewhere, which other homes may use too, this home's mark; empty on our own.
_MARK = "GANGCHUANG_HOME_MARK"

_PRIVATE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # A process that finds no server would boot one of its own, with a database of its own.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
}
_CHOSEN = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    # In memory, as is usual, a server that dies forgets who has a slot, and it stays taken for ever.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # What has ended is the domain database's to remember; Prefect keeps its view of it for ninety days.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "true",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 86400),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P90D",
    # The year's dates are taken ahead of their time and of others the worker is told, so that asking seldom makes none late.
    "PREFECT_WORKER_QUERY_SECONDS": "10",
    # A run that is taken before its time waits in one of the few slots.
    "PREFECT_WORKER_PREFETCH_SECONDS": "12",
    # Nothing here has a schedule of Prefect's or pauses; the rest need not look every few seconds all year.
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "20",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT30S",
    "PREFECT_LOGGING_EXTRA_LOGGERS": OUR_LOGGERS,
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "NO_COLOR": "1",
    # Threads of the server share one heap (glibc): a few megabytes less, and none waits for another for long.
    "MALLOC_ARENA_MAX": "1",
}


def form_modules(own: Settings) -> str:
    return f"{FORM_MODULES} {HELPING_MODULE}" if own.helpers else FORM_MODULES


def external_api_url(given: Mapping[str, str] | None = None) -> str:
    """The address of a server that the user runs elsewhere (`PREFECT_API_URL`); "" means our own."""
    variables = os.environ if given is None else given
    named = variables.get("PREFECT_API_URL", "").rstrip("/")
    return "" if named == variables.get(_OWN_ADDRESS) else named


def api_url(own: Settings) -> str:
    """Where the processes of this installation reach Prefect."""
    return external_api_url() or f"http://{LOOPBACK}:{own.dashboard_port}/api"


def dashboard_url(own: Settings) -> str:
    """The address that a person opens."""
    return os.environ.get("PREFECT_UI_URL") or api_url(own).removesuffix("/api") + "/v2"


def office_url(own: Settings) -> str:
    """The address of the office's page, which our server has beside Prefect: under the dashboard's own name."""
    if external_api_url():
        return f"http://{LOOPBACK}:{own.dashboard_port}/office/"
    address = urlsplit(dashboard_url(own))
    return f"{address.scheme}://{address.netloc}/office/"


def server_answers(own: Settings) -> bool:
    """Whether Prefect's server says that it is ready, within two seconds."""
    with suppress(OSError), urllib.request.urlopen(f"{api_url(own)}/ready", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def worker_name(own: Settings, ordinal: int = 1) -> str:
    """The name of this home's worker on this host, the same after every start: its lost runs are told by it.

    The first is the one of `serve`.
    """
    digest = sha256(str(own.home.absolute()).encode()).hexdigest()[:8]
    return f"gangchuang-{host()}-{digest}" + (f"-{ordinal}" if ordinal > 1 else "")


def host() -> str:
    return platform.node() or "host"


def shared_with() -> str:
    """What tells this home's deployments from other homes' on a server that they share; empty on our own server."""
    return os.environ.get(_MARK, "")


def home_tags() -> list[str]:
    """What every deployment of this home, and so every run of one, is tagged with."""
    return [TAG, *(f"home:{mark}" for mark in [shared_with()] if mark)]


def work_pool() -> str:
    """The pool from which this home's workers take their runs, and no other's."""
    return "-".join(filter(None, (TAG, shared_with())))


def entrypoints_file(own: Settings) -> Path:
    """Lists what this home's workers run, an entrypoint a line; written by `prepare`, never by the server."""
    return own.folder("prefect") / "entrypoints"


def child_environment(own: Settings, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for a child process: the caller's own, then what this installation chooses.

    A user's choice wins over our tuning, never over privacy, the home folder and the address.
    """
    inherited = dict(os.environ if given is None else given)
    home = own.folder("prefect")
    return {
        **_CHOSEN,
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "pages"),
        **inherited,
        **_PRIVATE,
        **_addresses(own, inherited),
        **_sign_in(own, inherited),
        "PREFECT_HOME": str(home),
        "GANGCHUANG_HOME": str(own.home.absolute()),
        "PATH": _with_our_python(inherited.get("PATH", os.defpath)),
        "PYTHONUNBUFFERED": "1",
    }


def _addresses(own: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    external = external_api_url(inherited)
    if external:
        mark = own.mark(sha256(worker_name(own).encode()).hexdigest()[:6])
        return {"PREFECT_API_URL": external, _OWN_ADDRESS: "", _MARK: mark}
    origin = f"http://{LOOPBACK}:{own.dashboard_port}"
    return {
        "PREFECT_API_URL": f"{origin}/api",
        _OWN_ADDRESS: f"{origin}/api",
        _MARK: "",
        "PREFECT_UI_URL": inherited.get("PREFECT_UI_URL") or f"{origin}/v2",
        # Relative, so that the policy's 'self' holds under whatever name the browser uses.
        "PREFECT_UI_API_URL": "/api",
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(own.dashboard_port),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origin,
        # Our server refuses foreign origins itself; asking for tokens it does not give costs a request a client.
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": inherited.get("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "false"),
        "PREFECT_API_SSL_CERT_FILE": inherited.get("PREFECT_API_SSL_CERT_FILE") or str(_one_authority(own)),
    }


def _one_authority(own: Settings) -> Path:
    """A certificate for clients that want some: a run has eight, loading all that there are takes each longer than what
    it asks, and on plain HTTP none is looked at.
    """
    kept = own.folder("prefect") / "authority.pem"
    if not kept.exists():
        first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----\n")
        unready = kept.with_suffix(f".{os.getpid()}")
        unready.write_text(first + end, "utf-8")
        unready.replace(kept)
    return kept


def _sign_in(own: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Server and clients need both names of one secret; a server elsewhere has its own, which the user gives."""
    if external_api_url(inherited):
        return {}
    secret = inherited.get("PREFECT_SERVER_API_AUTH_STRING") or own.sign_in()
    return {"PREFECT_SERVER_API_AUTH_STRING": secret, "PREFECT_API_AUTH_STRING": secret}


def _with_our_python(path: str) -> str:
    ours = str(Path(sys.executable).parent)
    return os.pathsep.join([ours, *(folder for folder in path.split(os.pathsep) if folder != ours)])


def enter_environment(own: Settings) -> None:
    """Give this very process the environment; call it before anything imports Prefect."""
    os.environ.update(child_environment(own))
