"""Exchange: a packed model taken from the Hub or a folder by name, and one brought there."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit import plugins
from animekit.errors import CheckpointError, NetworkError, UnusableError
from animekit.files import refuse_unwritable, room_for, sha256_of, write_atomic
from animekit.foreign import parse_json
from animekit.hub.convert import checked_name
from animekit.hub.download import DownloadProgress, Patience, fetch
from animekit.models import weights
from animekit.runs.run import Run, load_model
from animekit.sharing.description import CONFIG, README, WEIGHTS
from animekit.sharing.pack import PICTURES, Packed, checked, described, pack
from animekit.sharing.remote import Address, RemoteFile, Repository, blob_of, look, send, url_of
from animekit.text import Printed

if TYPE_CHECKING:
    from animekit.plugins import Registry

LARGEST = 4 * 1024**3  # bytes of weights that are taken
LARGEST_TEXT = 1024**2  # bytes of config.json
PATIENCE = Patience()


@dataclass(frozen=True)
class Taken(Printed):
    """A model that is here now: its name, its file, from where, and on which terms."""

    name: str
    path: Path
    origin: str
    config: dict[str, Any]

    def as_table(self) -> list[Sequence[str]]:
        """Return what is here now."""
        weights_sum = str(self.config["weights"]["sha256"])
        rows = [("name", self.name), ("file", str(self.path)), ("sha256", weights_sum)]
        rows += [("from", self.origin), ("licence", self.config["licence"])]
        return [*rows, ("data", self.config["data_note"])]


@dataclass(frozen=True)
class Offered:
    """A model on the Hub that may be taken: what it says of itself, and its file."""

    repository: Repository
    config: dict[str, Any]
    file: RemoteFile

    @property
    def origin(self) -> str:
        """Where it is, with the commit."""
        return f"hf:{self.repository.address.repo}@{self.repository.commit}"


def offered(place: str) -> Offered:
    """Return what hf:USER/NAME@revision offers, after a look at its description.

    Two small answers are read and nothing is kept. Raises CheckpointError for a repository that
    animekit did not pack, or whose sums disagree; errors of the network as `remote.telling`.
    """
    repository = look(Address.read(place))
    named = {name: repository.files.get(name) for name in (CONFIG, WEIGHTS)}
    missing = [name for name, file in named.items() if file is None]
    if missing:
        raise CheckpointError(
            f"{place} is no model that animekit packed: it has no {' and no '.join(missing)}",
            "animekit models pack RUN makes such a folder",
            code="pack.unknown",
        )
    told, file = named[CONFIG], named[WEIGHTS]
    assert told is not None and file is not None
    with tempfile.TemporaryDirectory(prefix="animekit-") as folder:
        data = _fetched(repository, told, Path(folder) / CONFIG, LARGEST_TEXT).read_bytes()
    config = checked(parse_json(data, f"{CONFIG} of {place}", kind=CheckpointError), place)
    own = config["weights"]
    if file.size > LARGEST:
        raise CheckpointError(f"{place}: {file.size:,} bytes of weights", f"at most {LARGEST:,}")
    if file.size != own["size"] or file.sha256 not in (None, own["sha256"]):
        raise NetworkError(
            f"{place} disagrees with itself: the Hub has {file.size:,} bytes, sha256"
            f" {file.sha256}, and {CONFIG} says {own['size']:,} bytes, {own['sha256']}",
            "ask whoever published it; nothing was kept",
            code="network.checksum",
        )
    return Offered(repository, config, file)


def take(
    place: str | Path | Offered,
    *,
    name: str | None = None,
    overwrite: bool = False,
    registry: Registry | None = None,
    progress: DownloadProgress | None = None,
) -> Taken:
    """Bring a packed model here, from the Hub or a folder, to be used by name.

    Only the weights are kept, as they are, with a note of where they are from; their sha256 must
    be that of config.json and of the Hub. They are safetensors and built by a plugin that is here:
    nothing of a stranger's is run. Raises CheckpointError, NetworkError, and UnusableError where
    other weights have the name.
    """
    registry = registry if registry is not None else plugins.load()
    if isinstance(place, str) and place.startswith("hf:"):
        place = offered(place)
    config = place.config if isinstance(place, Offered) else described(Path(place))
    called = checked_name(name or config["name"])
    target = weights.imported_dir() / f"{called}.safetensors"
    wanted = config["weights"]["sha256"]
    if target.is_file() and sha256_of(target) != wanted and not overwrite:
        raise UnusableError(
            f"other weights are called {called} already",
            "give another --name, or --yes to replace them",
            code="file.exists",
        )
    refuse_unwritable(target.parent)
    with room_for(target), tempfile.TemporaryDirectory(prefix="animekit-") as folder:
        fresh = Path(folder) / WEIGHTS
        if isinstance(place, Offered):
            origin = place.origin
            _fetched(place.repository, place.file, fresh, LARGEST, wanted, progress)
        else:
            origin = str(place)
            _copy(Path(place) / WEIGHTS, fresh, config["weights"])
        load_model(fresh, registry)  # or it would fail when it is wanted
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, fresh.read_bytes())
    note = {
        "from": origin,
        "sha256": wanted,
        "licence": config["licence"],
        "data_note": config["data_note"],
    }
    write_atomic(target.with_suffix(".json"), json.dumps(note, indent=2, ensure_ascii=False) + "\n")
    return Taken(called, target, origin, config)


def publish(
    source: str | Path | Run | Packed,
    place: str,
    *,
    private: bool = False,
    registry: Registry | None = None,
    **words: Any,
) -> str:
    """Bring a packed folder, or a model that is packed first, to hf:USER/NAME.

    `words` are those of `pack`, such as licence and data_note. Returns where it is, with the
    commit. The sums on the Hub are compared with ours behind it. A token is huggingface_hub's own
    business (hf auth login, HF_TOKEN): it is never read into a file, a message or a recipe here.
    """
    address = Address.read(place)
    if isinstance(source, Packed):
        return _published(source.folder, address, private=private)
    if isinstance(source, (str, Path)) and (Path(source) / CONFIG).is_file():
        folder = Path(source)
        if not (folder / "checkpoints").is_dir():  # a run has a config.json too
            return _published(folder, address, private=private)
    with tempfile.TemporaryDirectory(prefix="animekit-") as folder_name:
        made = pack(source, Path(folder_name) / "pack", registry=registry, **words)
        return _published(made.folder, address, private=private)


def files_of(folder: Path) -> dict[str, Path]:
    """Return what of a packed folder is published: its own files and pictures alone."""
    config = described(folder)
    paths = sorted(folder.iterdir())
    found = {p.name: p for p in paths if p.name in (WEIGHTS, CONFIG, README)}
    found |= {p.name: p for p in paths if p.suffix.lower() in PICTURES and p.is_file()}
    weights_sum = sha256_of(found[WEIGHTS]) if WEIGHTS in found else "missing"
    if weights_sum != config["weights"]["sha256"] or README not in found:
        raise CheckpointError(
            f"{folder} has changed since it was packed: {WEIGHTS} is {weights_sum}"
            if README in found
            else f"{folder} has no {README}",
            "pack it again",
        )
    return found


def _published(folder: Path, address: Address, *, private: bool) -> str:
    """Send a folder and look at what is there then."""
    files = files_of(folder)
    config = described(folder)
    commit = send(address, files, f"animekit: {config['name']}", private=private)
    there = look(Address(address.repo, commit)).files.get(WEIGHTS)
    if there is None or there.sha256 not in (None, config["weights"]["sha256"]):
        raise NetworkError(
            f"hf:{address.repo} has other weights than were sent: {there and there.sha256}",
            "send it again",
            code="network.checksum",
        )
    return f"hf:{address.repo}@{commit}"


def _fetched(
    repository: Repository,
    file: RemoteFile,
    target: Path,
    most: int,
    sha256: str | None = None,
    progress: DownloadProgress | None = None,
) -> Path:
    """Download one file and hold it against its sums."""
    if file.size > most:
        raise CheckpointError(f"{file.name} has {file.size:,} bytes", f"at most {most:,} are taken")
    url, headers = url_of(repository, file.name)
    known = sha256 or file.sha256
    fetch(
        url,
        target,
        sha256=known,
        size=file.size,
        unpinned=known is None,
        progress=progress,
        patience=PATIENCE,
        headers=headers,
    )
    if known is None and file.blob is not None and blob_of(target.read_bytes()) != file.blob:
        raise NetworkError(
            f"{file.name} of hf:{repository.address.repo} came with another sum than git's",
            "try again",
            code="network.checksum",
        )
    return target


def _copy(source: Path, target: Path, told: dict[str, Any]) -> None:
    """Copy weights out of a folder; CheckpointError unless they are those it tells of."""
    if not source.is_file() or source.stat().st_size != told["size"]:
        raise CheckpointError(f"{source} is not whole", "get the folder again")
    shutil.copyfile(source, target)
    if (found := sha256_of(target)) != told["sha256"]:
        raise CheckpointError(
            f"{source} has the wrong sha256: {found}, not {told['sha256']}",
            "get the folder again",
            code="weights.damaged",
        )
