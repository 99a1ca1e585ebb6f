"""The doctor: what animekit stands on here, part by part, and what to do about what is broken."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from animekit.config import user_config
from animekit.errors import AnimekitError, UnusableError
from animekit.files import cache_dir, cores, is_file, refuse_unwritable
from animekit.setup.settings import FILE, find_mistakes
from animekit.text import Printed, install_hint, size

if TYPE_CHECKING:
    from animekit.plugins import Registry

LITTLE_ROOM, LITTLE_MEMORY = 2e9, 2e9  # bytes, below which a training may end badly
RUNS, SAMPLES = Path("runs"), Path("samples")  # where commands write, here
ENVIRONMENT = ("ANIMEKIT_", "OMP_", "MKL_", "CUDA_", "NO_COLOR", "XDG_")
"""How the names of variables begin that change something; their values may be nobody's business."""
OURS = {"OMP_WAIT_POLICY"}  # which animekit sets for itself
SHOWN = 3  # mistakes of a file
TWINS = {
    "opencv-python": (
        "opencv-contrib-python",
        "opencv-python-headless",
        "opencv-contrib-python-headless",
    )
}
"""Packages that are the same module under another name."""
NVIDIA = Path("/proc/driver/nvidia/version")  # is there where the driver is


@dataclass(frozen=True)
class Examined:
    """One part: whether it does, what was seen, and what to type about it.

    A part that does and still has a hint works, and could do better.
    """

    id: str
    ok: bool
    detail: str
    hint: str | None = None

    @property
    def state(self) -> str:
        """One word: ok, note or BROKEN."""
        return "BROKEN" if not self.ok else "note" if self.hint else "ok"


@dataclass(frozen=True)
class Diagnosis(Printed):
    """All parts in the order in which they were looked at."""

    checks: tuple[Examined, ...]

    @property
    def broken(self) -> list[Examined]:
        """The parts that do not work."""
        return [each for each in self.checks if not each.ok]

    def as_table(self) -> list[Sequence[str]]:
        """Return what each part is, and what to do about it."""
        rows = [(each.id, each.state, each.detail, each.hint or "") for each in self.checks]
        return [("part", "state", "what was seen", "what to do"), *rows]

    def as_dict(self) -> dict[str, Any]:
        """Return the parts as JSON has them."""
        return {"checks": [asdict(each) for each in self.checks]}

    def failure(self) -> UnusableError | None:
        """Return the error that names what is broken, None where all works."""
        names = ", ".join(each.id for each in self.broken)
        hints = [f"{each.id}: {each.hint}" for each in self.broken if each.hint]
        error = UnusableError(f"broken: {names}", "\n".join(hints) or None, code="doctor.broken")
        error.data = self.as_dict()
        return error if self.broken else None


def doctor(plugins_dir: Path | str | None = None, *, registry: Registry | None = None) -> Diagnosis:
    """Look at everything that animekit needs here, and change nothing.

    Versions, device, precision, threads, memory, folders and disk, configuration, plugins, bundled
    and downloaded weights, detectors. What fails to answer is itself a finding, never an exception.
    `plugins_dir` is a folder of further plugins. Raises NotFoundError where there is no such one.
    """
    from animekit import plugins

    registry = registry or plugins.load(plugins_dir)
    looks: tuple[tuple[str, Callable[[], Iterator[Examined]]], ...] = (
        ("versions", _versions),
        ("packages", _packages),
        ("device", _device),
        ("threads", _threads),
        ("memory", _memory),
        ("folders", _folders),
        ("configuration", partial(_configuration, registry)),
        ("letters", _letters),
        ("plugins", partial(_plugins, registry)),
        ("detectors", partial(_detectors, registry)),
        ("weights", _weights),
    )
    found: list[Examined] = []
    for name, look in looks:
        try:
            found += look()
        except Exception as error:
            hint = error.hint if isinstance(error, AnimekitError) else None
            words = str(error) if isinstance(error, AnimekitError) else _spelled(error)
            found.append(Examined(name, ok=False, detail=words, hint=hint))
    return Diagnosis(tuple(found))


def _versions() -> Iterator[Examined]:
    here = metadata.version("animekit")
    yield Examined("animekit", ok=True, detail=f"{here} in {Path(__file__).parent}")
    yield Examined("python", ok=True, detail=f"{platform.python_version()}, {platform.platform()}")


def _packages() -> Iterator[Examined]:
    """Compare what is installed with what pyproject.toml asks for."""
    wrong, seen, extras = [], [], dict[str, list[str]]()
    for line in metadata.requires("animekit") or []:
        wanted = Requirement(line)
        extra = _extra_of(wanted)
        version = _version_of(wanted.name)
        fits = version is not None and wanted.specifier.contains(version, prereleases=True)
        if extra is not None:
            missing = extras.setdefault(extra, [])
            missing += [] if fits else [wanted.name]
        elif wanted.marker is None or wanted.marker.evaluate():
            seen.append(f"{wanted.name} {version}")
            wrong += (
                [] if fits else [f"{wanted.name}{wanted.specifier} (here: {version or 'none'})"]
            )
    detail = "missing or too old: " + ", ".join(wrong) if wrong else ", ".join(seen)
    yield Examined("packages", ok=not wrong, detail=detail, hint=install_hint() if wrong else None)
    extras.pop("dev", None)
    absent = {name: missing for name, missing in extras.items() if missing}
    have = ", ".join(name for name in extras if name not in absent) or "none"
    lacks = "".join(f"; not {name} ({' '.join(missing)})" for name, missing in absent.items())
    yield Examined(
        "extras",
        ok=True,
        detail=f"{have}{lacks}",
        hint=install_hint(",".join(absent)) if absent else None,
    )


def _extra_of(wanted: Requirement) -> str | None:
    """Return the extra to which a requirement belongs."""
    if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
        return None
    return str(wanted.marker).partition('extra == "')[2].partition('"')[0] or None


def _version_of(name: str) -> str | None:
    for each in (name, *TWINS.get(name, ())):
        try:
            return metadata.version(each)
        except metadata.PackageNotFoundError:
            continue
    return None


def _device() -> Iterator[Examined]:
    import torch

    from animekit.device import choose_device, choose_precision

    device = choose_device("auto")
    precision = choose_precision("auto", device)
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    names = [
        f"cuda:{place} {properties.name} {size(properties.total_memory)}"
        for place in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
        for properties in [torch.cuda.get_device_properties(place)]
    ]
    capability = torch.backends.cpu.get_cpu_capability()
    shown = ", ".join(names) or f"processor with {capability}, {platform.machine()}"
    detail = f"{device}: {shown}; torch {torch.__version__} built with {built}"
    hint = None
    if NVIDIA.exists() and not names:
        hint = "there is an NVIDIA driver that this torch does not see: install torch with CUDA"
    yield Examined("device", ok=True, detail=detail, hint=hint)
    words = "the hardware multiplies it" if precision == "bf16" else "it has no bfloat16"
    yield Examined("precision", ok=True, detail=f"--precision auto is {precision}: {words}")


def _threads() -> Iterator[Examined]:
    from animekit.device import CROWD

    allowed, free = cores(), CROWD.free_cores()
    detail = f"{allowed} core{'s' * (allowed != 1)}, {free} free of other work"
    asked = os.environ.get("OMP_NUM_THREADS")
    detail += f"; OMP_NUM_THREADS={asked} rules" if asked else "; a command takes the free ones"
    hint = None if free == allowed else "what else runs makes everything slower"
    yield Examined("threads", ok=True, detail=detail, hint=hint)


def _memory() -> Iterator[Examined]:
    import torch

    from animekit.device import memory

    room = memory(torch.device("cpu"))
    if room is None:
        yield Examined("memory", ok=True, detail="not known on this system")
        return
    free, total = room
    hint = "close other programs, or train with a smaller --batch-size"
    yield Examined(
        "memory",
        ok=True,
        detail=f"{size(free)} of {size(total)} free",
        hint=hint if free < LITTLE_MEMORY else None,
    )


def _folders() -> Iterator[Examined]:
    """Look whether there is room, and leave, to write where commands write."""
    for name, folder in (("runs", RUNS), ("samples", SAMPLES), ("store", cache_dir())):
        try:
            top = refuse_unwritable(folder, "go to a folder of yours, or give -o and --out")
        except AnimekitError as error:
            yield Examined(name, ok=False, detail=error.message, hint=error.hint)
            continue
        free = shutil.disk_usage(top).free
        yield Examined(
            name,
            ok=True,
            detail=f"{folder.absolute()}: can be written, {size(free)} free",
            hint="free some space: a training keeps checkpoints" if free < LITTLE_ROOM else None,
        )


def _configuration(registry: Registry) -> Iterator[Examined]:
    """Read the files that commands would read, and hold each value against its option."""
    for path in filter(is_file, (user_config(), FILE)):
        mistakes = find_mistakes(path, registry=registry)
        detail = "; ".join(map(str, mistakes[:SHOWN])) or "sound"
        yield Examined(
            "configuration",
            ok=not mistakes,
            detail=f"{path}: {detail}",
            hint=f"animekit config validate {path} shows all" if mistakes else None,
        )
    names = sorted(name for name in os.environ if name.startswith(ENVIRONMENT) and name not in OURS)
    yield Examined("environment", ok=True, detail=" ".join(names) or "nothing is set")


def _letters() -> Iterator[Examined]:
    from PIL import features

    ok = features.check("freetype2")
    detail = f"FreeType {features.version('freetype2')}" if ok else "Pillow has no FreeType"
    hint = "captions are drawn in rough letters: install the Pillow of the package index"
    yield Examined("letters", ok=True, detail=detail, hint=None if ok else hint)


def _plugins(registry: Registry) -> Iterator[Examined]:
    from animekit.plugins import KINDS

    counts = ", ".join(f"{kind} {len(registry.all(kind))}" for kind in KINDS)
    yield Examined("plugins", ok=True, detail=counts)
    for failure in registry.failures:
        name = f"plugin {failure.module.rpartition('.')[2]}"
        hint = "animekit plugins --failures shows the trace"
        yield Examined(name, ok=False, detail=f"{failure.source}: {failure.line}", hint=hint)


def _detectors(registry: Registry) -> Iterator[Examined]:
    import cv2

    has = "has" if hasattr(cv2, "CascadeClassifier") else "lacks"
    for name, detector in sorted(registry.all("detector").items()):
        error = detector().missing()
        detail = "ready" if error is None else error.message
        if name == "lbp" and error is None:
            detail += f"; OpenCV {cv2.__version__} {has} CascadeClassifier"
        is_ours = name == "own"  # all others are to be had, and none is needed
        yield Examined(
            f"detector {name}",
            ok=error is None or not is_ours,
            detail=detail,
            hint=error.hint if error else None,
        )


def _weights() -> Iterator[Examined]:
    """Read all weights as a command would, and compare what was downloaded with its sha256."""
    from animekit.hub import catalog
    from animekit.models import weights

    unsound = []
    for name, path in (known := weights.bundled() | weights.imported()).items():
        try:
            weights.read(path)
        except (AnimekitError, OSError) as error:
            unsound.append(f"{name}: {error}")
    yield Examined(
        "weights",
        ok=not unsound,
        detail="; ".join(unsound) or ", ".join(known),
        hint="install animekit again, or import them again" if unsound else None,
    )
    rows = [row for row in catalog.verify() if row["state"] != "missing"]
    damaged = [row["name"] for row in rows if row["state"] == "damaged"]
    names = ", ".join(row["name"] for row in rows)
    yield Examined(
        "downloads",
        ok=not damaged,
        detail=f"wrong sha256: {', '.join(damaged)}" if damaged else names or "none yet",
        hint="\n".join(map("animekit models pull {}".format, damaged)) or None,
    )


def _spelled(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
