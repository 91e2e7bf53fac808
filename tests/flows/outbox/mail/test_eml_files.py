"""Messages as files: whole, once, never another text under the same name."""

import threading
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from flows.outbox.mail.transport import FileTransport, PermanentFailure, TemporaryFailure
from tests.support.mail import SENDER, an_envelope


def test_a_message_becomes_a_file_that_a_mail_program_reads(tmp_path: Path) -> None:
    out = FileTransport(tmp_path / "mail", sender=SENDER)

    out.send(an_envelope("2026/call_opened/500101"))

    path = out.path_of("2026/call_opened/500101")
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert path.name.startswith("2026_call_opened_500101-")
    assert mail["Subject"] == "请报送申报材料（万州区）"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_the_same_message_again_changes_nothing(tmp_path: Path) -> None:
    out = FileTransport(tmp_path, sender=SENDER)
    out.send(an_envelope())
    (path,) = tmp_path.iterdir()
    before = path.stat()

    out.send(an_envelope())

    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_text_under_the_same_key_is_refused(tmp_path: Path) -> None:
    out = FileTransport(tmp_path, sender=SENDER)
    out.send(an_envelope())
    content = out.path_of(an_envelope().key).read_bytes()

    with pytest.raises(PermanentFailure, match="another text"):
        out.send(an_envelope(body="另一封信\n"))

    assert out.path_of(an_envelope().key).read_bytes() == content


@pytest.mark.parametrize("key", ["../../etc/x", "a/b", "a_b", "A_B", "申报/催办/500101", "x" * 160, "", "."])
def test_every_key_has_a_file_of_its_own_inside_the_folder(key: str, tmp_path: Path) -> None:
    out = FileTransport(tmp_path, sender=SENDER)
    others = {"../../etc/x", "a/b", "a_b", "A_B"} - {key}

    assert out.path_of(key).parent == tmp_path
    assert len(out.path_of(key).name.encode()) < 250
    assert out.path_of(key).name.lower() not in {out.path_of(other).name.lower() for other in others}


def test_two_writers_of_one_message_leave_one_file(tmp_path: Path) -> None:
    out = FileTransport(tmp_path, sender=SENDER)
    start = threading.Barrier(8)
    failures: list[Exception] = []

    def write() -> None:
        start.wait()
        try:
            out.send(an_envelope())
        except Exception as failure:
            failures.append(failure)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert failures == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")

    with pytest.raises(TemporaryFailure) as failed:
        FileTransport(tmp_path / "mail", sender=SENDER).send(an_envelope())

    assert failed.value.server_gone
