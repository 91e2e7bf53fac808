"""Certificates for a whole season, one file each and one for the printer: `python -m tests.benchmarks.bench_papers`.

The floor is the same number of QR codes and of writes, without setting a page. Names and titles are the demo's, with some
that few fonts have.
"""

import argparse
import csv
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import flows.demo
from flows.papers.certificates import Press, Printed
from flows.papers.typesetting import qr_code
from states.submissions.certificates import CertificateNumber

TITLES = Path(flows.demo.__file__).parent / "titles.csv"
NAMES = ("示例·䶮", "示例·𬱖", "买买提·阿不都热合曼", "示例·张三", "重庆示例精密机械制造（集团）有限责任公司")
MOST_SECONDS, MOST_BYTES = 30.0, 40 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=2_000)
    everything = list(certificates(parser.parse_args().certificates))
    press = Press()
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        for one in everything:
            (Path(folder) / "qr.svg").write_text(qr_code(one.check))
            (Path(folder) / one.file_name).write_bytes(bytes(MOST_BYTES))
        floor = time.process_time() - began
        began = time.process_time()
        made = [press.set(one) for one in everything]
        for one, pdf in zip(everything, made, strict=True):
            (Path(folder) / one.file_name).write_bytes(pdf)
        single = time.process_time() - began
    began = time.process_time()
    book = press.set_all(everything)
    whole = time.process_time() - began
    again = Press()
    same = all(
        again.set(one) == pdf for one, pdf in list(zip(everything, made, strict=True))[:: max(1, len(made) // 50)]
    )
    sizes, peak = [len(pdf) for pdf in made], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(made)} certificates: {single:.1f} CPU s (at most {MOST_SECONDS:.0f} for 2,000; floor {floor:.1f})")
    print(f"one file for the printer: {whole:.1f} CPU s, {len(book) / 2**20:.1f} MiB")
    print(
        f"bytes: median {median(sizes)}, largest {max(sizes)} (at most {MOST_BYTES}), above: {sum(size > MOST_BYTES for size in sizes)}"
    )
    print(f"the same bytes by another press: {same}; peak memory {peak:.0f} MiB")


def certificates(count: int) -> list[Printed]:
    """Of one season, with the demo's titles."""
    with TITLES.open(encoding="utf-8", newline="") as lines:
        titles = [next(iter(row.values())) for row in csv.DictReader(lines)]
    return [
        Printed(
            number=CertificateNumber(2026, ordinal),
            submission=f"2026-500101-{ordinal:04d}",
            unit="500101",
            holder="contributor" if ordinal % 4 else "organisation",
            place=1 + ordinal % 5,
            name=NAMES[ordinal % len(NAMES)],
            title=titles[ordinal % len(titles)],
            tier=("一等奖", "二等奖", "三等奖")[ordinal % 3],
            programme="重庆市科协2026年岗位创新争先行动",
            issuer="岗位创新争先行动协调小组办公室",
            given_at=datetime(2026, 8, 31, 1, tzinfo=UTC),
            check=f"https://gangchuang.example.invalid/check/2026-{ordinal:04d}/",
        )
        for ordinal in range(1, count + 1)
    ]


if __name__ == "__main__":
    main()
