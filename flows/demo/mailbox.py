"""A mail server of one mailbox on loopback, for a demo on a machine that has none: what IMAP (RFC 3501) the demo needs.

Its mails are files of a folder, so they outlast the demo's process; nobody but the demo's clerks puts any there.
"""

import re
import socketserver
import time
from pathlib import Path
from threading import Lock, Thread

_HEAD_END = b"\r\n\r\n"
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
_MOST_BYTES = 100 << 20


class DemoMailbox(socketserver.ThreadingTCPServer):
    """The mailbox of a folder, in threads of this process, until it ends."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.folder, self.lock = folder, Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self) -> None:
        Thread(target=self.serve_forever, name="mailbox", daemon=True).start()

    def mails(self) -> dict[int, Path]:
        """Every mail by its number."""
        return {int(path.stem): path for path in sorted(self.folder.glob("*.eml"))}

    def put(self, raw: bytes) -> None:
        with self.lock:
            number = max(self.mails(), default=0) + 1
            draft = self.folder / ".draft"
            draft.write_bytes(raw)
            draft.replace(self.folder / f"{number:06}.eml")


class _Conversation(socketserver.StreamRequestHandler):
    """One client, command by command."""

    server: DemoMailbox
    timeout = 60
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self._say(b"* OK [CAPABILITY IMAP4rev1] demo")
        try:
            while line := self.rfile.readline(64 << 10):
                tag, _, said = line.partition(b" ")
                if not self._answer(tag, said.strip()):
                    return
        except OSError:
            return

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")

    def _answer(self, tag: bytes, said: bytes) -> bool:
        """Answer one command. Returns whether there may be another."""
        words = said.upper().split()
        word = b" ".join(words[:2]) if words[:1] == [b"UID"] else words[0] if words else b""
        mails = self.server.mails()
        if word == b"CAPABILITY":
            self._say(b"* CAPABILITY IMAP4rev1")
        elif word == b"STATUS":
            self._say(b'* STATUS "INBOX" (UIDVALIDITY 1 UIDNEXT %d)' % (max(mails, default=0) + 1))
        elif word in (b"SELECT", b"EXAMINE"):
            self._say(b"* FLAGS ()")
            self._say(b"* %d EXISTS" % len(mails))
            self._say(b"* OK [UIDVALIDITY 1]")
        elif word == b"UID SEARCH":
            self._say(b"* SEARCH" + b"".join(b" %d" % number for number in mails))
        elif word == b"UID FETCH":
            self._fetch(mails, said)
        elif word == b"APPEND":
            self._append(said)
        elif word == b"LOGOUT":
            self._say(b"* BYE")
        elif word not in (b"LOGIN", b"NOOP", b"ID", b"CLOSE"):
            self._say(tag + b" BAD unknown here")
            return True
        self._say(tag + b" OK done")
        return word != b"LOGOUT"

    def _fetch(self, mails: dict[int, Path], said: bytes) -> None:
        wanted = [int(number) for number in said.split()[2].split(b",")]
        part = b"BODY[HEADER]" if b"HEADER" in said.upper() else b"BODY[]"
        for place, (number, path) in enumerate(mails.items(), start=1):
            if number in wanted:
                raw = path.read_bytes()
                came = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(path.stat().st_mtime)).encode()
                content = raw.partition(_HEAD_END)[0] + _HEAD_END if part == b"BODY[HEADER]" else raw
                about = b'* %d FETCH (UID %d INTERNALDATE "%b" RFC822.SIZE %d %b {%d}'
                self._say(about % (place, number, came, len(raw), part, len(content)))
                self.wfile.write(content)
                self._say(b")")

    def _append(self, said: bytes) -> None:
        found = _LITERAL.search(said + b"\r\n")
        size = int(found[1]) if found else 0
        self._say(b"+ go on")
        self.server.put(self.rfile.read(min(size, _MOST_BYTES)))
        self.rfile.readline()
