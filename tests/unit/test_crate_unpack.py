"""Packed crates from anybody: what is unpacked is inside, small, and nothing but files and folders."""

import gzip
import hashlib
import io
import tarfile

import pytest

from node.crates.limits import CrateLimits
from node.crates.unpack import PackedCrateError, check_packed, unpack

TOP = "tiny-0.1.0"
MANIFEST = (f"{TOP}/Cargo.toml", b'[package]\nname = "tiny"\nversion = "0.1.0"\n')


def pack(*entries, compress=True):
    """A `.crate` of (name, content) files and of ready-made (TarInfo, content) entries."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in (MANIFEST, *entries):
            info = name
            if isinstance(name, str):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                info.mode = 0o7777
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0) if compress else raw.getvalue()


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return (info, b"")


def names_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_files_and_folders_come_out_without_top_folder_and_modes(tmp_path):
    unpack(pack((f"{TOP}/src/lib.rs", b"fn f() {}")), TOP, tmp_path, CrateLimits())
    assert names_below(tmp_path) == ["Cargo.toml", "src", "src/lib.rs"]
    assert (tmp_path / "src/lib.rs").read_bytes() == b"fn f() {}"
    assert (tmp_path / "src/lib.rs").stat().st_mode & 0o7777 == 0o444


HOSTILE = {
    "parent folder": [(f"{TOP}/../evil", b"")],
    "absolute": [("/etc/evil", b"")],
    "another top folder": [("other-0.1.0/evil", b"")],
    "dot": [(f"{TOP}/./a", b"")],
    "empty part": [(f"{TOP}//a", b"")],
    "backslash": [(f"{TOP}/..\\evil", b"")],
    "line feed": [(f"{TOP}/a\nb", b"")],
    "undecodable name": [(f"{TOP}/\udcff", b"")],
    "long part": [(f"{TOP}/{'a' * 256}", b"")],
    "long path": [(f"{TOP}/{'a/' * 250}b", b"")],
    "case collision": [(f"{TOP}/src/A.rs", b""), (f"{TOP}/src/a.rs", b"")],
    "case collision of folders": [(f"{TOP}/Src/a.rs", b""), (f"{TOP}/src/b.rs", b"")],
    "the same file twice": [(f"{TOP}/a", b"1"), (f"{TOP}/a", b"2")],
    "a file as folder": [(f"{TOP}/a", b"1"), (f"{TOP}/a/b", b"2")],
    "a folder as file": [(f"{TOP}/a/b", b"1"), (f"{TOP}/a", b"2")],
    "the top folder as file": [(TOP, b"1")],
    "symbolic link": [special(f"{TOP}/a", tarfile.SYMTYPE, "/etc/passwd")],
    "hard link": [special(f"{TOP}/a", tarfile.LNKTYPE, f"{TOP}/Cargo.toml")],
    "device": [special(f"{TOP}/a", tarfile.CHRTYPE)],
    "pipe": [special(f"{TOP}/a", tarfile.FIFOTYPE)],
    "unknown kind": [special(f"{TOP}/a", b"Z")],
}


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE)
def test_hostile_entries_are_refused(entries, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(PackedCrateError):
        unpack(pack(*entries), TOP, inside, CrateLimits())
    assert names_below(tmp_path)[0] == "inside"
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert not [name for name in names_below(tmp_path) if "evil" in name]


def test_a_bomb_is_cut_off_at_the_bound(tmp_path):
    bomb = pack((f"{TOP}/zeros", bytes(50 << 20)))
    assert len(bomb) < 100_000
    with pytest.raises(PackedCrateError) as refused:
        unpack(bomb, TOP, tmp_path, CrateLimits(unpacked_bytes_max=1 << 20))
    assert refused.value.rule == "crate-too-large"
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 21 * len(bomb)


def test_too_many_entries_are_refused(tmp_path):
    many = pack(*((f"{TOP}/{number}", b"") for number in range(100)))
    with pytest.raises(PackedCrateError, match="more than 50 entries"):
        unpack(many, TOP, tmp_path, CrateLimits(entries_max=50))


def test_a_long_header_that_the_library_would_read_whole_is_refused(tmp_path):
    header = tarfile.TarInfo(f"{TOP}/x")
    header.type, header.size = tarfile.XHDTYPE, 10 << 20
    with pytest.raises(PackedCrateError, match="header"):
        unpack(pack((header, bytes(10 << 20))), TOP, tmp_path, CrateLimits())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no tar", mtime=0),
        gzip.compress(b"", mtime=0),
        pack()[:-20],
        pack(compress=False),
        gzip.compress(pack(compress=False)[:700], mtime=0),
        gzip.compress(b"\xff" * 512 + bytes(1024), mtime=0),
    ],
)
def test_what_is_no_packed_crate_is_refused(data, tmp_path):
    with pytest.raises(PackedCrateError):
        unpack(data, TOP, tmp_path, CrateLimits())


def test_no_changed_byte_of_a_packed_crate_does_more_than_being_refused(tmp_path):
    whole = pack((f"{TOP}/src/lib.rs", b"fn f() {}\n" * 20), compress=False)
    for position in range(0, 1536, 7):
        changed = bytearray(whole)
        changed[position] ^= 0x55
        into = tmp_path / str(position)
        into.mkdir()
        try:
            unpack(gzip.compress(bytes(changed), 1), TOP, into, CrateLimits())
        except PackedCrateError:
            continue
    assert all(name.split("/")[0].isdigit() for name in names_below(tmp_path))


def test_a_crate_without_manifest_is_none(tmp_path):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo(f"{TOP}/src/lib.rs"))
    with pytest.raises(PackedCrateError, match=r"no tiny-0\.1\.0/Cargo\.toml"):
        unpack(raw.getvalue(), TOP, tmp_path, CrateLimits())


def test_size_and_hash_are_checked_before_anything_is_read():
    data = pack()
    check_packed(data, hashlib.sha256(data).digest(), CrateLimits())
    with pytest.raises(PackedCrateError, match="was expected"):
        check_packed(data, bytes(32), CrateLimits())
    with pytest.raises(PackedCrateError, match="at most 10"):
        check_packed(data, hashlib.sha256(data).digest(), CrateLimits(packed_bytes_max=10))
