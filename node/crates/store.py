"""The crates of one node, on disk: what cargo or peers brought, unpacked, analysed, prepared; each thing verified.

    <root>/work/                          temporary folders; cargo runs here
    <root>/crates/<name>-<version>-<pin>/ the pin's hash, so that two pins never share a folder
        pin                               canonical encoding of the pin
        src/                              the unpacked source, read-only
        from-cargo                        there if cargo, not only a peer, vouches for this name and version
        <sha256>.crate                    the packed file, where there is one: peers are served from it
        <digest>.knowledge-<analyser>     canonical bytes of the knowledge base
        prepared/                         Cargo.toml, Cargo.lock, vendor/ and what there is to say about them

Everything is made in `work/` and moved into place whole, so a killed process leaves nothing half-written, and any
number of processes may share a store: the first one to finish wins, the others use what it made. What is opened is
verified against its pin, so that a changed file cannot become a different crate.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consensus.encoding import EncodingError, decode, encode, hash_value
from consensus.types import Hash
from node.crates.acquire import Located, locate
from node.crates.cargo import Cargo
from node.crates.knowledge import (
    ANALYSER,
    KNOWLEDGE_BYTES_MAX,
    KnowledgeError,
    analyse,
    decode_knowledge,
    encode_knowledge,
    knowledge_digest,
    make_pin,
)
from node.crates.limits import CrateLimits
from node.crates.lockfile import LOCK
from node.crates.manifest import ManifestError
from node.crates.pack import pack
from node.crates.prepare import Preparation, prepare_crate
from node.crates.request import RegistryRequest, parse_request
from node.crates.sources import MANIFEST, Sources, read_sources
from node.crates.unpack import PackedCrateError, check_packed, unpack
from node.crates.vendor import copy_tree
from node.crates.workplace import Workplace
from node.errors import OperatorError, PeerFaultError, TransientError
from node.values.crate import CratePin, KnowledgeBase, PreparedCrate

NO_CHECKSUM = bytes(32)
"""Of crates that no registry has packed: path and git sources."""

_FROM_CARGO = "from-cargo"
_LOCK_BYTES_MAX = 4 << 20
"""Cargo's own has 200 bytes a package."""
_PACKED = re.compile(r"([0-9a-f]{64})\.crate")
_KNOWLEDGE = re.compile(rf"([0-9a-f]{{64}})\.knowledge-{ANALYSER}")


@dataclass(frozen=True, slots=True)
class CrateSource:
    """A crate in the store, verified."""

    pin: CratePin
    root: Path
    """Its unpacked source. Read-only."""
    packed: Path | None
    """The packed file, for peers; None where cargo's source keeps none."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of a crate, and its canonical bytes with the hash they are asked for by."""

    base: KnowledgeBase
    data: bytes
    digest: Hash


@dataclass(frozen=True, slots=True)
class Offer:
    """Something a peer may ask for by hash."""

    digest: Hash
    kind: str
    """`packed` (SHA-256 of the file) or `knowledge` (domain-tagged hash)."""
    crate: str
    """The store's name of the crate: `name-version-` and the beginning of its pin's hash."""
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class _PreparedNotes:
    """What is stored beside a prepared crate."""

    dev_dependencies: bool
    notes: tuple[str, ...]


class CrateStore:
    """Crates on this machine.

    All methods block (cargo, disk, parsing): call them from a thread. One store may be used by many threads and
    processes at once.

    Args:
        root: The store's folder; created when missing.
        limits: What this node takes.
        cargo: Name or path of cargo. A node without one still opens, unpacks, analyses and serves.
    """

    def __init__(self, root: Path, *, limits: CrateLimits | None = None, cargo: str = "cargo") -> None:
        self._limits = limits or CrateLimits()
        self._crates = root.absolute() / "crates"
        try:
            self._crates.mkdir(parents=True, exist_ok=True)
            self._work = Workplace(root.absolute() / "work")
        except OSError as error:
            raise OperatorError(
                f"the crate store {root} cannot be written: {error.strerror}",
                hint="check the data folder's permissions",
            ) from error
        self._cargo = Cargo(self._work.root, limits=self._limits, program=cargo)

    def acquire(self, text: str) -> CrateSource:
        """Bring a crate that a person named, in one of the forms of `node.crates.request`.

        Raises:
            OperatorError: No such crate or version, not a crate, no library, beyond the limits.
            TransientError: The registry is not reachable.
        """
        request = parse_request(text)
        if isinstance(request, RegistryRequest) and request.requirement.startswith("="):
            # A published version never changes, so what is here is what cargo would bring.
            for source in self._known(request.name, str(request.version)):
                return source
        with self._work.scratch() as scratch:
            source = self._admit_located(locate(self._cargo, request, scratch), scratch / "entry")
        (source.root.parent / _FROM_CARGO).touch()
        return source

    def open(self, pin: CratePin) -> CrateSource:
        """Return exactly the crate that the pin names, through cargo if it is not here yet.

        Raises:
            TransientError: Not here, and only peers can have it; or the registry is not reachable.
            PeerFaultError: The registry has another crate under this name: the pin is wrong.
            OperatorError: The registry has no such crate.
        """
        found = self._verified(self._folder(pin), pin)
        if found is not None:
            return found
        if pin.checksum == NO_CHECKSUM:
            raise TransientError(f"{pin.label} is no registry's crate", waits_for=f"crate {pin.label} from peers")
        source = self.acquire(f"{pin.name}@{pin.version}")
        if source.pin != pin:
            raise PeerFaultError("crate-pin", f"the pin of {pin.label} is not that of the published crate")
        return source

    def put_packed(self, pin: CratePin, data: bytes) -> CrateSource:
        """Take a packed crate that a peer sent; it is verified before and after it is unpacked.

        Raises:
            PeerFaultError: Another hash than the pin's, a broken or hostile archive, or sources of another digest.
        """
        try:
            check_packed(data, pin.checksum if pin.checksum != NO_CHECKSUM else _sha256(data), self._limits)
            with self._work.scratch() as scratch:
                source = self._admit_packed(f"{pin.name}-{pin.version}", data, pin.checksum, scratch / "entry", pin)
        except (PackedCrateError, ManifestError) as error:
            raise PeerFaultError(getattr(error, "rule", "crate-manifest"), f"{pin.label}: {error}") from error
        return source

    def prepare(self, source: CrateSource) -> PreparedCrate:
        """Make a crate ready to be built offline; remembered, so that cargo is asked once.

        Raises:
            OperatorError: Its dependencies cannot be resolved, or are too many.
            TransientError: The registry is not reachable.
        """
        ready = source.root.parent / "prepared"
        found = _load_prepared(ready, source)
        if found is not None:
            return found
        with self._work.scratch() as scratch, _readable(source.pin):
            preparation = prepare_crate(
                self._cargo, read_sources(source.root), _published_lock(source.root), scratch / "cargo", self._limits
            )
            _write_prepared(scratch / "prepared", preparation)
            _move(scratch / "prepared", ready)
        found = _load_prepared(ready, source)
        assert found is not None  # moved into place just now, by this process or another
        return found

    def knowledge(self, source: CrateSource) -> Knowledge:
        """What is known of a crate; analysed once per version of the analyser, without any toolchain.

        Raises:
            OperatorError: The crate's knowledge base would be too large to hand to peers.
        """
        for path, digest in _named(source.root.parent, _KNOWLEDGE):
            data = path.read_bytes()
            with contextlib.suppress(KnowledgeError):
                if knowledge_digest(data) == digest:
                    return Knowledge(decode_knowledge(data), data, digest)
            path.unlink(missing_ok=True)  # damaged: made again below
        with _readable(source.pin):
            base = analyse(read_sources(source.root), source.pin.checksum)
        data = encode_knowledge(base)
        if len(data) > KNOWLEDGE_BYTES_MAX:
            raise OperatorError(
                f"the knowledge base of {source.pin.label} has {len(data)} bytes, at most {KNOWLEDGE_BYTES_MAX}",
                hint="choose a smaller crate",
            )
        return self._keep_knowledge(source.root.parent, Knowledge(base, data, knowledge_digest(data)))

    def put_knowledge(self, pin: CratePin, digest: Hash, data: bytes) -> Knowledge:
        """Take a knowledge base that a peer sent, for a crate whose source is here.

        The hash says that these are the bytes asked for, not that they are true: ask for hashes that come from nodes
        you trust, or analyse the source yourself (`knowledge`), which gives the same bytes.

        Raises:
            PeerFaultError: Another hash, not canonical, or about another crate.
        """
        if knowledge_digest(data) != digest:
            raise PeerFaultError("knowledge-digest", f"{pin.label}: not the bytes that were asked for")
        try:
            base = decode_knowledge(data)
        except KnowledgeError as error:
            raise PeerFaultError("knowledge-form", f"{pin.label}: {error}") from error
        if base.pin != pin:
            raise PeerFaultError("knowledge-pin", f"asked about {pin.label}, told about {base.pin.label}")
        return self._keep_knowledge(self.open(pin).root.parent, Knowledge(base, data, digest))

    def offers(self) -> tuple[Offer, ...]:
        """Everything that peers may ask for by hash, sorted by crate; read from names, nothing is opened."""
        found = []
        for folder in sorted(path for path in self._crates.iterdir() if path.is_dir()):
            for kind, form in (("packed", _PACKED), ("knowledge", _KNOWLEDGE)):
                for path, digest in _named(folder, form):
                    with contextlib.suppress(FileNotFoundError):
                        found.append(Offer(digest, kind, folder.name, path, path.stat().st_size))
        return tuple(found)

    @property
    def packed_bytes_max(self) -> int:
        """What a packed crate may have."""
        return self._limits.packed_bytes_max

    def find_packed(self, digest: Hash) -> Path | None:
        """The packed crate of this SHA-256, or, of a crate from a path or git, of these sources (`source_digest`)."""
        for offer in self.offers():
            if offer.kind != "packed":
                continue
            pin = _load_pin(offer.path.parent)
            by_sources = pin is not None and pin.checksum == NO_CHECKSUM and pin.source_digest == digest
            if offer.digest == digest or by_sources:
                return offer.path
        return None

    # Into the store

    def _admit_located(self, located: Located, entry: Path) -> CrateSource:
        """Take what cargo brought: the packed file where there is one, else the unpacked folder."""
        label = f"{located.name}@{located.version}"
        try:
            if located.packed is not None:
                data = _read_packed(located.packed, self._limits)
                if located.checksum != NO_CHECKSUM:
                    check_packed(data, located.checksum, self._limits)
                return self._admit_packed(f"{located.name}-{located.version}", data, located.checksum, entry, None)
            assert located.folder is not None  # one of the two is there
            (entry / "src").mkdir(parents=True)
            copy_tree(located.folder, entry / "src", bytes_max=self._limits.unpacked_bytes_max)
            pin = make_pin(read_sources(entry / "src"), located.checksum)
            if pin.checksum == NO_CHECKSUM:  # else peers ask for the registry's own file, which this would not be
                packed = pack(entry / "src", f"{pin.name}-{pin.version}")
                (entry / f"{_sha256(packed).hex()}.crate").write_bytes(packed)
            return self._commit(entry, pin)
        except PackedCrateError as error:
            raise OperatorError(
                f"{label}: {error}", hint=f"if it may be damaged, delete {located.packed} and try again"
            ) from error
        except ManifestError as error:
            raise OperatorError(f"{label}: {error}", hint="choose another version") from error

    def _admit_packed(
        self, top: str, data: bytes, checksum: bytes, entry: Path, expected: CratePin | None
    ) -> CrateSource:
        (entry / "src").mkdir(parents=True)
        unpack(data, top, entry / "src", self._limits)
        pin = make_pin(read_sources(entry / "src"), checksum)
        if f"{pin.name}-{pin.version}" != top:
            raise PackedCrateError("crate-name", f"its Cargo.toml describes {pin.label}")
        if expected not in {None, pin}:
            raise PackedCrateError("crate-pin", "its sources are not those of the pin")
        (entry / f"{_sha256(data).hex()}.crate").write_bytes(data)
        return self._commit(entry, pin)

    def _commit(self, entry: Path, pin: CratePin) -> CrateSource:
        (entry / "pin").write_bytes(encode(pin))
        folder = self._folder(pin)
        self._verified(folder, pin)  # clears a damaged one out of the way
        _move(entry, folder)
        found = self._verified(folder, pin)
        assert found is not None  # moved into place just now, by this process or another
        return found

    def _keep_knowledge(self, folder: Path, knowledge: Knowledge) -> Knowledge:
        with self._work.scratch() as scratch:
            made = scratch / "knowledge"
            made.write_bytes(knowledge.data)
            made.replace(folder / f"{knowledge.digest.hex()}.knowledge-{ANALYSER}")
        return knowledge

    # Out of the store

    def _folder(self, pin: CratePin) -> Path:
        return self._crates / f"{_plain(pin.name)}-{_plain(pin.version)}-{hash_value('crate-pin', pin).hex()[:16]}"

    def _known(self, name: str, version: str) -> Iterator[CrateSource]:
        """Registry crates of this name and version that cargo brought: a peer's word for a name is not enough."""
        for folder in sorted(self._crates.glob(f"{_plain(name)}-{_plain(version)}-*")):
            pin = _load_pin(folder)
            if pin is None or pin.checksum == NO_CHECKSUM or (pin.name, pin.version) != (name, version):
                continue
            source = self._verified(folder, pin)
            if source is not None and (folder / _FROM_CARGO).exists():
                yield source

    def _verified(self, folder: Path, pin: CratePin) -> CrateSource | None:
        """The crate in this folder if it is the pin's; one that is damaged is removed."""
        if not folder.is_dir():
            return None
        with contextlib.suppress(OperatorError, ManifestError, OSError):
            sources: Sources = read_sources(folder / "src")
            if _load_pin(folder) == pin == make_pin(sources, pin.checksum):
                packed = next((path for path, _ in _named(folder, _PACKED)), None)
                return CrateSource(pin, folder / "src", packed)
        with self._work.scratch() as scratch, contextlib.suppress(FileNotFoundError):
            folder.rename(scratch / "damaged")
        return None


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _plain(text: str) -> str:
    """A part of a file name: names and versions come from manifests, and a path separator must not."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", text)[:100]


def _named(folder: Path, form: re.Pattern[str]) -> list[tuple[Path, Hash]]:
    """Files whose names carry a hash."""
    found = ((path, form.fullmatch(path.name)) for path in sorted(folder.iterdir()))
    return [(path, Hash(bytes.fromhex(match[1]))) for path, match in found if match is not None]


def _load_pin(folder: Path) -> CratePin | None:
    try:
        return decode(CratePin, (folder / "pin").read_bytes())
    except (OSError, EncodingError):
        return None


@contextlib.contextmanager
def _readable(pin: CratePin) -> Iterator[None]:
    """A manifest whose parts turn out to be of other types than cargo's is its crate's fault."""
    try:
        yield
    except ManifestError as error:
        raise OperatorError(f"{pin.label}: {error}", hint="choose another version") from error


def _published_lock(root: Path) -> bytes | None:
    """The lock file that came with the crate; one beyond any sense is as good as none."""
    lock = root / LOCK
    return lock.read_bytes() if lock.is_file() and lock.stat().st_size <= _LOCK_BYTES_MAX else None


def _read_packed(path: Path, limits: CrateLimits) -> bytes:
    with path.open("rb") as file:
        return file.read(limits.packed_bytes_max + 1)


def _write_prepared(folder: Path, preparation: Preparation) -> None:
    folder.mkdir()
    (folder / MANIFEST).write_bytes(preparation.manifest)
    (folder / LOCK).write_bytes(preparation.lock)
    if preparation.vendor is not None:
        preparation.vendor.rename(folder / "vendor")
    (folder / "notes").write_bytes(encode(_PreparedNotes(preparation.dev_dependencies, preparation.notes)))


def _load_prepared(folder: Path, source: CrateSource) -> PreparedCrate | None:
    if not folder.is_dir():
        return None
    try:
        told = decode(_PreparedNotes, (folder / "notes").read_bytes())
        manifest, lock = (folder / MANIFEST).read_bytes(), (folder / LOCK).read_bytes()
    except (OSError, EncodingError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    vendor = folder / "vendor"
    return PreparedCrate(
        pin=source.pin,
        root=source.root,
        manifest=manifest,
        lock=lock,
        vendor=vendor if vendor.is_dir() else None,
        dev_dependencies=told.dev_dependencies,
        notes=told.notes,
    )


def _move(made: Path, place: Path) -> None:
    """Move a finished folder into place; another process that was faster made the same."""
    try:
        made.rename(place)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise
