"""A real IMAP server on loopback: Dovecot in a folder of its own, with one mailbox, started and ended by who uses it."""

import grp
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

from imap_tools import MailBoxUnencrypted

from tests.support.mail import HOST, PASSWORD, SENDER, _free_port

# A system keeps its servers where a plain user's path does not lead.
PROGRAM = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or "dovecot"

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = {host}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_max_userip_connections = 100
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass
class Dovecot:
    """One server with the mailbox of SENDER."""

    folder: Path
    port: int
    uid: int
    gid: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"imap://{quote(SENDER, safe='')}:{quote(PASSWORD, safe='')}@{HOST}:{self.port}/INBOX"

    @property
    def maildir(self) -> Path:
        return self.folder / "mail" / SENDER

    def start(self) -> None:
        command = [PROGRAM, "-F", "-c", str(self.folder / "dovecot.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while True:
            try:
                with self.opened():
                    return
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    @contextmanager
    def opened(self) -> Iterator[MailBoxUnencrypted]:
        with MailBoxUnencrypted(HOST, self.port, timeout=20).login(SENDER, PASSWORD) as box:
            yield box

    def put(self, raw: bytes, *, at: datetime | None = None) -> None:
        """Lay a mail into the mailbox, as the server that takes mail for it does; `at` is its INTERNALDATE."""
        with self.opened() as box:
            box.append(raw, "INBOX", dt=at)

    def put_many(self, mails: list[bytes], at: datetime) -> None:
        """Lay many mails into the mailbox at once, by its files."""
        new = self.maildir / "new"
        new.mkdir(parents=True, exist_ok=True)
        for number, raw in enumerate(mails):
            path = new / f"{int(at.timestamp())}.M{number}P1.loopback"
            path.write_bytes(raw)
            os.utime(path, (at.timestamp(), at.timestamp()))
        self._own()

    def number_anew(self) -> None:
        """What a restored or moved mailbox does: another UIDVALIDITY, and every mail another number."""
        for path in self.maildir.glob("dovecot*"):
            path.unlink()
        (self.maildir / "dovecot-uidvalidity").write_text(f"{int(time.monotonic()) + 1_900_000_000:08x}", "ascii")
        numbers = f"3 V{1_900_000_000 + int(time.monotonic())} N900\n"
        (self.maildir / "dovecot-uidlist").write_text(numbers, "ascii")
        self._own()

    def empty(self) -> None:
        with self.opened() as box:
            box.delete(box.uids())

    def _own(self) -> None:
        if os.geteuid() == 0:
            for path in (self.folder / "mail", *(self.folder / "mail").rglob("*")):
                os.chown(path, self.uid, self.gid)


@contextmanager
def serving_mailbox() -> Iterator[Dovecot]:
    """Run a server; it and its mail are gone at the end."""
    folder = Path(mkdtemp(prefix="gangchuang-dovecot-"))
    # Dovecot gives no mail to root.
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())

    server = Dovecot(folder, _free_port(), user.pw_uid, user.pw_gid)
    try:
        folder.chmod(0o755)
        (folder / "mail").mkdir(mode=0o755)
        server._own()
        values = {"host": HOST, "folder": folder, "user": user.pw_name, "uid": user.pw_uid, "gid": user.pw_gid}
        values |= {"password": PASSWORD, "port": server.port, "group": grp.getgrgid(user.pw_gid).gr_name}
        (folder / "dovecot.conf").write_text(_CONFIGURATION.format(**values), "utf-8")
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
