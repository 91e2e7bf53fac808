"""Releases as folders: readers of two servers see whole ones only, never none and never an older one, whatever dies."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.home.releases import KEPT, FileGroup, Made, Manifest, ReleaseGone, Releases
from tests.flows.engine.engine_process import free_port

PAGES = 4
SWITCHES = int(os.environ.get("GANGCHUANG_SWITCHES", "30"))  # 300 once in full: every third of them is a kill
# Builds releases for ever; the parent ends it wherever it is at the moment.
PUBLISHER = """
import sys
from pathlib import Path
from tests.flows.home.test_releases import release
while True:
    release(Path(sys.argv[1]))
    print("made", flush=True)
"""

# Forks publishers that die at their first, second, third … step on the disk; the parent says each time how it lies then.
STEPPER = """
import os, sys
from pathlib import Path
from flows.home.releases import Releases
from tests.flows.home.test_releases import release
home, step, left = Path(sys.argv[1]), 0, 0
release(home)
while True:
    step += 1
    child = os.fork()
    if child == 0:
        left = step
        def count(event, _):
            global left
            if event == "open" or event.startswith(("os.", "shutil.", "fcntl.")):
                left -= 1
                if left == 0:
                    os._exit(9)
        sys.addaudithook(count)
        release(home)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out, whole = Releases(home).out(), Releases(home).numbers()
    print(step, ended, out, whole[-1], flush=True)
    if ended == 0:
        break
    made = release(home)
    assert not list(home.glob("releases/.*.part")) and Releases(home).out() == made.number
"""


def files(number: int) -> Iterator[Made]:
    """Pages that all name their release, one that never changes, and one that follows from a key."""
    for page in range(PAGES):
        yield f"folder/{page}.html", f"release {number} page {page} {'.' * 20_000} end {number}".encode()
    yield "same.html", b"release 0 always the same end 0"
    yield FileGroup("tenth", str(number // 10), lambda: [("tenth.html", f"release {number // 10} end".encode())])
    yield FileGroup("fifth", str(number // 5), lambda: inner(number // 5))


def inner(fifth: int) -> Iterator[Made]:
    """A page of its own and two groups, of which one never changes."""
    yield "fifth.html", f"release {fifth} end".encode()
    yield FileGroup("always", "", lambda: [("fifth/always.html", b"release 0 end")])
    yield FileGroup("half", str(fifth), lambda: [("fifth/half.html", f"release {fifth} end".encode())])


def release(home: Path, *, hidden: int = 0, afresh: bool = False) -> Manifest:
    releases = Releases(home)
    with releases.locked():
        newest = releases.newest()
        number = newest.number + 1 if newest else 1
        made = releases.build(files(number), Manifest(number, "2026-01-01", hidden=hidden), afresh=afresh)
        releases.prune(hidden)
    return made


def test_a_release_is_whole_out_and_readable_by_everybody(tmp_path: Path) -> None:
    made = release(tmp_path)

    site = tmp_path / "site"
    assert site.readlink() == Path("releases/1")
    assert sorted(made.files) == [
        *("fifth.html", "fifth/always.html", "fifth/half.html"),
        *(f"folder/{page}.html" for page in range(PAGES)),
        *("same.html", "tenth.html"),
    ]
    assert Releases(tmp_path).manifest(1) == made
    assert {path.stat().st_mode & 0o777 for path in site.resolve().rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in (site, site / "folder", tmp_path / "releases")} == {0o755}


def test_unchanged_files_are_links_and_unchanged_groups_are_not_made(tmp_path: Path) -> None:
    for _ in range(10):
        release(tmp_path)
    inodes = [
        {path.stat().st_ino for path in tmp_path.glob(f"releases/[0-9]*/{name}")}
        for name in ("same.html", "folder/1.html")
    ]
    tenths = [(tmp_path / f"releases/{number}/tenth.html").stat().st_ino for number in (8, 9, 10)]

    assert [len(found) for found in inodes] == [1, KEPT]
    assert tenths[0] == tenths[1] != tenths[2]
    always, half = (
        [(tmp_path / f"releases/{number}/fifth/{name}.html").stat().st_ino for number in (8, 9, 10)]
        for name in ("always", "half")
    )
    assert len(set(always)) == 1, "a group within another stays although that one is made again"
    assert half[0] == half[1] != half[2]
    assert Releases(tmp_path).manifest(10).groups["fifth"]["groups"] == ["always", "half"]
    release(tmp_path, afresh=True)
    assert (tmp_path / "site/same.html").stat().st_ino not in inodes[0]


def test_a_group_of_which_a_file_is_gone_is_made_again(tmp_path: Path) -> None:
    for _ in range(6):
        release(tmp_path)
    (tmp_path / "site/fifth/half.html").unlink()

    made = release(tmp_path)

    assert (tmp_path / "site/fifth/half.html").read_text() == "release 1 end"
    assert (tmp_path / "site/fifth.html").read_text() == "release 1 end"
    assert all((tmp_path / "site" / path).is_file() for path in made.files)


def test_the_last_five_stay_and_any_of_them_comes_again(tmp_path: Path) -> None:
    for _ in range(8):
        release(tmp_path)
    releases = Releases(tmp_path)
    assert releases.numbers() == [4, 5, 6, 7, 8]

    with releases.locked():
        releases.again(5, Manifest(9, "2026-01-02", put_back=5))

    assert (tmp_path / "site/folder/2.html").read_bytes() == (tmp_path / "releases/5/folder/2.html").read_bytes()
    assert (releases.out(), releases.manifest(9).put_back) == (9, 5)
    with pytest.raises(ReleaseGone, match="no release 3 .*kept: 4, 5"), releases.locked():
        releases.again(3, Manifest(10, "2026-01-02"))


def test_the_folder_of_a_sixth_becomes_the_next_one_and_nothing_of_it_stays(tmp_path: Path) -> None:
    releases = Releases(tmp_path)
    for _ in range(6):
        release(tmp_path)
    (spare,) = releases.folder.glob(".*.spare")
    folder = (spare / "folder").stat().st_ino
    (spare / "same.html").unlink()
    (spare / "same.html").mkdir()
    (spare / "same.html/deep").write_text("alien")
    (spare / "folder/0.html").unlink()
    (spare / "folder/0.html").symlink_to("/etc/passwd")
    (spare / "folder/alien.html").write_text("alien")
    (spare / "alien/deep").mkdir(parents=True)
    (spare / "alien/deep/alien.html").write_text("alien")
    shutil.rmtree(spare / "fifth")
    (spare / "fifth").write_text("where a folder was")

    made = release(tmp_path)

    site = tmp_path / "releases/7"
    assert (site / "folder").stat().st_ino == folder
    assert {path.relative_to(site).as_posix() for path in site.rglob("*") if not path.is_dir()} == {
        *made.files,
        "release.json",
    }
    assert {path.name for path in site.rglob("*") if path.is_dir()} == {"folder", "fifth"}
    assert (site / "folder/0.html").read_text().startswith("release 7 page 0")
    for path in ("same.html", "fifth/always.html"):
        assert (site / path).stat().st_ino == (tmp_path / "releases/6" / path).stat().st_ino
    assert all(not (site / path).is_symlink() for path in made.files)


def test_what_was_taken_away_for_good_stays_in_no_release(tmp_path: Path) -> None:
    for _ in range(KEPT + 2):
        release(tmp_path)
    made = release(tmp_path, hidden=1)

    assert Releases(tmp_path).numbers() == [made.number]
    assert [path.name for path in (tmp_path / "releases").iterdir() if path.is_dir()] == [str(made.number)]


def test_a_folder_of_an_earlier_version_makes_place(tmp_path: Path) -> None:
    (tmp_path / "site/2026").mkdir(parents=True)
    (tmp_path / "site/2026/notice.html").write_text("old")

    release(tmp_path)

    assert (tmp_path / "site").is_symlink()
    assert (tmp_path / "releases/0/2026/notice.html").read_text() == "old"


@pytest.mark.parametrize("path", ["../out.html", "/etc/out.html", "a/../../out.html", "a//b.html"])
def test_no_part_writes_outside_its_release(path: str, tmp_path: Path) -> None:
    releases = Releases(tmp_path)
    with releases.locked(), pytest.raises(ValueError, match="no path within"):
        releases.build([(path, b"x")], Manifest(1, "2026-01-01"))


def test_two_parts_do_not_make_one_file(tmp_path: Path) -> None:
    releases = Releases(tmp_path)
    with releases.locked(), pytest.raises(ValueError, match="two parts"):
        releases.build([("a.html", b"x"), ("a.html", b"y")], Manifest(1, "2026-01-01"))


@pytest.mark.faults
def test_readers_see_whole_releases_and_never_an_older_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    release(home)
    told: list[str] = []
    reads = [0]
    stopped = threading.Event()
    with _http_server(home) as plain, _nginx(home, tmp_path / "nginx") as nginx:
        readers = [threading.Thread(target=_read, args=(port, stopped, told, reads)) for port in (plain, nginx)]
        for reader in readers:
            reader.start()
        kills = _switch_and_kill(home)
        stopped.set()
        for reader in readers:
            reader.join()
    print(f"{reads[0]} reads over {Releases(home).newest().number} releases, {kills} kills; wrong: {told[:5]}")  # type: ignore[union-attr]
    assert told == []
    assert reads[0] > SWITCHES
    assert len(Releases(home).numbers()) <= KEPT


@pytest.mark.faults
def test_whoever_dies_at_any_step_leaves_a_whole_release_out(tmp_path: Path) -> None:
    stopped, told, reads = threading.Event(), [], [0]  # type: ignore[var-annotated]
    release(tmp_path)
    with _http_server(tmp_path) as port:
        reader = threading.Thread(target=_read, args=(port, stopped, told, reads))
        reader.start()
        run = subprocess.run([sys.executable, "-c", STEPPER, str(tmp_path)], capture_output=True, text=True)
        stopped.set()
        reader.join()
    steps = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]

    assert (run.returncode, run.stderr, told) == (0, "", [])
    assert len(steps) > 40, "each folder, file, link, rename and sync is one"
    assert [ended for _, ended, *_ in steps] == [9] * (len(steps) - 1) + [0]
    assert all(out in (whole, whole - 1) for _, _, out, whole in steps), "the last that was out, or the new one"
    assert len(Releases(tmp_path).numbers()) == KEPT


def _switch_and_kill(home: Path) -> int:
    """Publishers that are killed after ever longer times, until there were enough switches. Returns how many were."""
    kills = 0
    while (newest := Releases(home).newest()) is None or newest.number < SWITCHES:
        publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(home)], stdout=subprocess.PIPE, text=True)
        assert publisher.stdout is not None
        publisher.stdout.readline()
        for _ in range(kills % 5):
            publisher.stdout.readline()
        threading.Event().wait(0.0007 * (kills % 23))
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
        publisher.stdout.close()
        kills += 1
        release(home)  # whoever comes next repairs what the dead one left
        assert not list(home.glob("releases/.*.part"))
        assert Releases(home).out() == Releases(home).numbers()[-1]
    return kills


def _read(port: int, stopped: threading.Event, told: list[str], reads: list[int]) -> None:
    seen, page = 0, 0
    while not stopped.is_set():
        page = (page + 1) % PAGES
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/folder/{page}.html", timeout=10) as answer:
                text = answer.read().decode()
        except OSError as problem:
            told.append(f"{port}: {problem}")
            continue
        found = re.fullmatch(rf"release (\d+) page {page} \.+ end \1", text)
        number = int(found[1]) if found else 0
        if number < seen:
            told.append(f"{port}: {text[:40]} after release {seen}")
        seen = max(seen, number)
        reads[0] += 1


@contextmanager
def _http_server(home: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(home / "site"), str(port)]
    with _running(command, port):
        yield port


@contextmanager
def _nginx(home: Path, folder: Path) -> Iterator[int]:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        pytest.skip("nginx is not installed (Debian: apt install nginx)")
    port = free_port()
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}"
        f" http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};"
        f" uwsgi_temp_path {folder}; scgi_temp_path {folder};"
        f" server {{ listen 127.0.0.1:{port}; root {home}/site; }} }}"
    )
    with _running([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], port):
        yield port


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/same.html", timeout=5).close()
                break
            except OSError:
                threading.Event().wait(0.05)
        yield
    finally:
        server.terminate()
        server.wait()
