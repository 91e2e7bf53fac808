"""A zip file opened with distrust: bounded, every size proven, no tricks in the directory.

The sizes that a zip states about itself are the sender's claim. Whatever is read here is unpacked
by ourselves against that claim, so a part that unpacks to more is found before a library that
trusts it ever sees it.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from config.season_parts import FileLimits
from flows.workbooks.reader.findings import FileRefused

MIB = 1 << 20
_CHUNK = 1 << 20
_END = b"PK\x05\x06"
_END_BYTES = 22
_LOCAL_BYTES = 30
_LONGEST_COMMENT = 0xFFFF
_DIRECTORY_BYTES_EACH = 2048  # more than a central entry with a long name and extra fields takes
_STORED, _DEFLATED = 0, 8
DAMAGED = "压缩内容已损坏，无法打开，请重新保存（或重新压缩）后再报送。"


class Member(NamedTuple):
    """One stored file: `size` bytes unpacked, as claimed."""

    name: str
    offset: int
    packed: int
    size: int
    method: int
    crc: int
    link: bool


class Archive:
    """The members of a zip file and their proven content. `tidy`: every reader sees the same directory."""

    def __init__(self, file: BinaryIO, limits: FileLimits) -> None:
        self.file = file
        self.tidy = _check_directory(file, limits)
        infos = _directory(file)
        if len(infos) > limits.max_archive_files:
            raise FileRefused(f"压缩包里有{len(infos)}个文件，最多{limits.max_archive_files}个，请减少后再报送。")
        if sum(info.file_size for info in infos) > limits.max_unpacked_mib * MIB:
            raise FileRefused(f"文件解压后超过{limits.max_unpacked_mib}MB，请减小后再报送。")
        if any(info.flag_bits & 0x1 for info in infos):
            raise FileRefused("压缩包加了密码，请去掉密码后再报送。")
        self.members = [_member(info) for info in infos if not info.is_dir()]
        if any(member.offset < 0 for member in self.members):
            raise FileRefused(DAMAGED)
        _check_apart(self.members)
        self.by_name = {member.name: member for member in self.members}
        if len({name.lower() for name in self.by_name}) != len(self.members):
            raise FileRefused("压缩包里有同名文件，请改名后重新压缩。")

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The unpacked content in pieces. Raises FileRefused when it is not what the directory claims."""
        self.file.seek(member.offset)
        head = self.file.read(_LOCAL_BYTES)
        if len(head) < _LOCAL_BYTES or head[:4] != b"PK\x03\x04":
            raise FileRefused(DAMAGED)
        name_bytes, extra_bytes = struct.unpack("<HH", head[26:30])
        self.file.seek(name_bytes + extra_bytes, 1)
        got, crc = 0, 0
        for piece in _unpacked(self.file, member):
            got += len(piece)
            crc = zlib.crc32(piece, crc)
            if got > member.size:
                raise FileRefused(DAMAGED)
            yield piece
        if got != member.size or crc != member.crc:
            raise FileRefused(DAMAGED)

    def read(self, member: Member, at_most: int) -> bytes:
        """The whole content. Raises FileRefused when it is longer than `at_most` bytes."""
        if member.size > at_most:
            raise FileRefused(DAMAGED)
        return b"".join(self.chunks(member))


def _check_directory(file: BinaryIO, limits: FileLimits) -> bool:
    """Whether the end record stands where every reader looks for it; refuses a directory too long to load."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise FileRefused(DAMAGED)
    entries, length, start, comment = struct.unpack("<HIIH", tail[at + 10 : at + _END_BYTES])
    if entries == 0xFFFF or length == 0xFFFFFFFF or start == 0xFFFFFFFF:
        raise FileRefused("压缩包采用了超大文件格式（ZIP64），请用常规方式压缩后再报送。")
    if length > _DIRECTORY_BYTES_EACH * (limits.max_archive_files + 1):
        raise FileRefused(f"压缩包里的文件太多，最多{limits.max_archive_files}个，请减少后再报送。")
    return bool(comment == 0 and at + _END_BYTES == len(tail) and start + length + _END_BYTES == size)


def _directory(file: BinaryIO) -> list[zipfile.ZipInfo]:
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as opened:
            return opened.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error, EOFError) as problem:
        raise FileRefused(DAMAGED) from problem


def _member(info: zipfile.ZipInfo) -> Member:
    link = stat.S_ISLNK(info.external_attr >> 16)
    return Member(
        _name(info),
        info.header_offset,
        info.compress_size,
        info.file_size,
        info.compress_type,
        info.CRC,
        link,
    )


def _name(info: zipfile.ZipInfo) -> str:
    """The stored name; programs on Chinese Windows write it in GB18030 without saying so."""
    if info.flag_bits & 0x800:
        return info.orig_filename
    try:
        raw = info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return info.orig_filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _check_apart(members: list[Member]) -> None:
    """Overlapping members let a small file unpack to a huge one."""
    ordered = sorted(members, key=lambda member: member.offset)
    for before, after in pairwise(ordered):
        if before.offset + _LOCAL_BYTES + before.packed > after.offset:
            raise FileRefused(DAMAGED)


def _unpacked(file: BinaryIO, member: Member) -> Iterator[bytes]:
    if member.method not in (_STORED, _DEFLATED):
        raise FileRefused("压缩方式不常见，无法打开，请用常规的 zip 方式重新压缩。")
    left = member.packed
    inflate = zlib.decompressobj(-15) if member.method == _DEFLATED else None
    while left > 0:
        packed = file.read(min(_CHUNK, left))
        if not packed:
            raise FileRefused(DAMAGED)
        left -= len(packed)
        if inflate is None:
            yield packed
            continue
        try:
            while packed and not inflate.eof:
                yield inflate.decompress(packed, _CHUNK)
                packed = inflate.unconsumed_tail
        except zlib.error as problem:
            raise FileRefused(DAMAGED) from problem
    if inflate is not None:
        yield inflate.flush()
