"""The four ways in which people of the demo send: a folder, the office's drop, a reply by mail, their link page.

Each has one of them, always the same; where a home has no mailbox or no link pages they use their folder.
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from imap_tools import MailBoxUnencrypted

from config.errors import GangchuangError
from flows.demo.world import World
from flows.home import paths
from flows.intake.mail.server import MailAccount
from flows.outbox.links import address_of
from models.database import writing
from models.enums import LinkKind

_SECONDS = 120.0


class Way(Enum):
    """How somebody sends what they filled."""

    FOLDER = "folder"
    DROP = "the office's drop"
    MAIL = "mail"
    PAGE = "link page"


class NotSent(GangchuangError):
    def __init__(self, who: str, status: int, text: str) -> None:
        super().__init__(f"The link page refused what {who} sent ({status}): {' '.join(text.split())[:300]}")


class Ways:
    """How the people of one home send."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._clients: dict[str, httpx.Client] = {}

    def of(self, who: str) -> Way:
        """The way of a unit or an expert; the office puts its own files into its drop."""
        own = self.world.settings
        if who == paths.OFFICE:
            return Way.DROP
        way = list(Way)[hashlib.sha256(who.encode()).digest()[0] % len(Way)]
        there = {Way.MAIL: bool(own.imap_url.get_secret_value()), Way.PAGE: bool(own.links_url)}
        return way if there.get(way, True) else Way.FOLDER

    def send(self, who: str, copy: Path) -> None:
        """Send a filled file by its sender's way."""
        way = self.of(who)
        if way is Way.MAIL:
            self._reply(who, copy)
        elif way is Way.PAGE:
            self._ask(who, "upload", files={"file": (copy.name, copy.read_bytes())})
        else:
            self._lay(who if way is Way.FOLDER else paths.OFFICE, who, copy)

    def type_scores(self, expert: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Type scores into the form of an expert's page; `rows` have what the page calls a submission as number."""
        typed = {
            f"{row['number']}/{name}": str(value) for row in rows for name, value in row.items() if name != "number"
        }
        for step, what in (("sign", {}), ("draft", typed), ("send", typed)):
            self._ask(expert, step, data=what)

    def _lay(self, folder: str, who: str, copy: Path) -> None:
        inbox = paths.inbox(self.world.settings) / folder
        inbox.mkdir(parents=True, exist_ok=True)
        name = copy.name if folder == who else f"{who}-{copy.name}"
        half = inbox / f".{name}.part"
        shutil.copyfile(copy, half)
        half.replace(inbox / name)

    def _reply(self, who: str, copy: Path) -> None:
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = self.world.mail_of(who), self.world.settings.mail_from
        mail["Subject"], mail["Message-ID"] = "回复：示例", make_msgid(domain="people.invalid")
        mail.set_content("表已填好，见附件。")
        mail.add_attachment(copy.read_bytes(), maintype="application", subtype="octet-stream", filename=copy.name)
        account = MailAccount.of(self.world.settings.imap_url.get_secret_value())
        with MailBoxUnencrypted(account.host, account.port, timeout=_SECONDS).login(
            account.user, account.password
        ) as box:
            box.append(bytes(mail), account.folder)

    def _ask(self, who: str, path: str, **what: Any) -> None:
        """Do something on somebody's page, the link opened first. Raises NotSent."""
        own = self.world.settings
        root = urlsplit(own.links_url).path.rstrip("/")
        client = self._clients.get(who)
        if client is None:
            base = f"http://127.0.0.1:{own.links_port}"
            client = self._clients[who] = httpx.Client(
                base_url=base, follow_redirects=True, timeout=_SECONDS, trust_env=False
            )
            kind = LinkKind.UNIT if who in {unit.code for unit in self.world.cast.units} else LinkKind.EXPERT
            with writing(self.world.engine) as session:
                address = address_of(session, own, self.world.season, kind, who)
            client.get(urlsplit(address).path)
        answer = client.post(f"{root}/{path}", **what)
        if answer.status_code != httpx.codes.OK:
            raise NotSent(who, answer.status_code, answer.text)
