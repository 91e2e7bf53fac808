"""A mail server in a process of its own that keeps whatever it takes, by sender. `python -m tests.faults.sink FOLDER`"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.faults.compare import mail_of
from tests.support.mail import HOST, _free_port

ROOT = Path(__file__).parents[2]


class Keeper:
    """Keeps each mail whole before it says that it took it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, count()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        del server, session
        folder = self.folder / str(envelope.mail_from)
        folder.mkdir(exist_ok=True)
        assert isinstance(envelope.content, bytes)
        (folder / f"{next(self.numbers):08d}.eml").write_bytes(envelope.content)
        return "250 taken"


@contextmanager
def a_sink(folder: Path) -> Iterator[str]:
    """Run the server over a folder; its address."""
    folder.mkdir(exist_ok=True)
    port = _free_port()
    command = [sys.executable, "-m", "tests.faults.sink", str(folder), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield f"smtp://{HOST}:{port}"
        finally:
            server.terminate()


def mails_below(folder: Path, roughly: bool) -> list[tuple[str, str]]:
    """(Message-ID, digest) of every mail kept, in order."""
    return [mail_of(path.read_bytes(), roughly) for path in sorted(folder.glob("*.eml"))]


def main(arguments: list[str]) -> None:
    controller = Controller(Keeper(Path(arguments[0])), hostname=HOST, port=int(arguments[1]))
    controller.start()
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    controller.stop()


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    main(sys.argv[1:])
