"""What can be wrong with the engine, as decisions an administrator can take."""

from pathlib import Path

from config.errors import GangchuangError


class PortInUse(GangchuangError):
    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(
            f"Port {port} on 127.0.0.1 is in use by another program. Stop that program, "
            f"or choose another port in GANGCHUANG_DASHBOARD_PORT."
        )


class EngineRunning(GangchuangError):
    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(
            f"Another `gangchuang serve` or `gangchuang demo` is running in the home folder {home}. "
            f"Stop it first, or name another folder in GANGCHUANG_HOME."
        )


class EngineNotReady(GangchuangError):
    def __init__(self, what: str, log: Path) -> None:
        self.what, self.log = what, log
        super().__init__(f"The process `{what}` did not come up; the last lines of {log} say why.")


class NotForSeveral(GangchuangError):
    """A further worker cannot help this home."""

    def __init__(self, home: Path, reason: str) -> None:
        self.home = home
        super().__init__(f"No further worker can help the home {home}: {reason}.")


class RunRefused(GangchuangError):
    def __init__(self, run: str, what: str) -> None:
        self.run, self.what = run, what
        super().__init__(
            f"The run {run} was not started: {what}. A run takes its command, folder, environment and code from this "
            "installation alone. Start it without changing these; if a deployment was edited, restart `gangchuang serve`."
        )


class EngineAway(GangchuangError):
    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(f"No answer from the Prefect server at {url} ({reason}). Start `gangchuang serve`.")


class DeploymentMissing(GangchuangError):
    def __init__(self, stage: str) -> None:
        self.stage = stage
        super().__init__(f"Prefect has no deployment for the stage {stage}. Restart `gangchuang serve` to register it.")
