"""Envelopes for tests."""

from datetime import UTC, datetime
from pathlib import Path

from flows.mail.transport import Envelope

SENDER = "gangchuang@example.invalid"
WRITTEN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def an_envelope(
    key: str = "2026/call_opened/500101",
    *,
    to: str = "kexie-500101@example.invalid",
    subject: str = "请报送申报材料（万州区）",
    body: str = "万州区科协：\n\n请于截止前报送。\n.\n..两点\n",
    attachments: tuple[Path, ...] = (),
) -> Envelope:
    return Envelope(key, to, subject, body, attachments, WRITTEN)
