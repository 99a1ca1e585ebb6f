"""`animekit models pack`, `push` and `pull hf:...`: models for others, and theirs for us."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cli._console import Screen
from animekit.cli._options import CONSENT, Common, argument, checkpoint_of, option
from animekit.errors import UsageError

if TYPE_CHECKING:
    from animekit.sharing.exchange import Taken

Downloading = Callable[[Screen, str], AbstractContextManager[Callable[[int, int | None], None]]]
WORDS = [
    option("licence", str, metavar="TEXT", help="On which terms others may use it; a must."),
    option("data_note", str, metavar="TEXT", help="What it was trained on, and its terms; a must."),
    option("name", str, metavar="NAME", help="What to call it (default: as the run)."),
    option("sample", list[Path], metavar="PICTURE", help="One more picture; may be repeated."),
    option("checkpoint", str, metavar="best|last|N", help="Which one of a run.", default="best"),
]
PACK = [
    argument("model", help="Run, checkpoint, weights file or name; left out, the newest run."),
    *WORDS,
    option("out", Path, "--out", "-o", metavar="DIR", help="Where to (default: shared/NAME)."),
    *CONSENT,
]
PUSH = [
    argument("model", required=True, help="A folder of models pack, or what pack takes."),
    argument("place", required=True, help="hf:USER/NAME, or hf:USER/NAME@BRANCH."),
    option("private", bool, help="Where it is new, for your eyes alone."),
    *WORDS,
    *CONSENT,
]


def is_shared(name: str) -> bool:
    """Say whether `models pull` was given a place on the Hub, or a packed folder."""
    return name.startswith("hf:") or (Path(name) / "config.json").is_file()


def pack(common: Common, model: str | None, **options: Any) -> dict[str, Any]:
    """Write a model as a folder for others: weights, card, licence, pictures.

    Examples
      animekit models pack 7 --licence cc-by-nc-4.0 --data-note "my own drawings"
      animekit models pack faces64 --licence mit --data-note "pictures of a GAN" -o faces
      animekit models pack 7 --licence mit --data-note "my own drawings" -n
    """
    from animekit.sharing.pack import pack as write
    from animekit.sharing.pack import plan_pack

    asked = _asked(common, options) | {"out": options["out"]}
    if common.dry_run:
        plan = plan_pack(model, **asked)
        where = [str(plan.folder / name) for name in plan.names]
        common.screen.say(f"would write {', '.join(where)}")
        return {"would_write": where}
    with common.screen.busy("packing"):
        made = write(model, **asked)
    for warning in made.warnings:
        common.screen.warn(warning, "pack")
    for path in made.files:
        common.screen.record(path, "weights" if path.suffix == ".safetensors" else "file")
    common.screen.made(made.folder, "folder", f"sha256 {made.sha256}")
    common.screen.note(f"to publish it: animekit models push {made.folder} hf:USER/NAME")
    return {"folder": str(made.folder), "files": [str(p) for p in made.files], **made.config}


def push(
    common: Common, model: str, place: str, *, private: bool, **options: Any
) -> dict[str, Any]:
    """Bring a packed folder, or a model that is packed first, to the Hub (extra hub).

    Examples
      animekit models push shared/faces hf:ann/faces -n
      animekit models push shared/faces hf:ann/faces --private
      animekit models push 7 hf:ann/faces --licence mit --data-note "my own drawings"
    """
    import tempfile

    from animekit.files import sha256_of
    from animekit.sharing import exchange, remote
    from animekit.sharing.pack import is_packed
    from animekit.sharing.pack import pack as write
    from animekit.text import size

    address = remote.Address.read(place)
    host = remote.host_of(remote.endpoint())
    with tempfile.TemporaryDirectory(prefix="animekit-") as temporary:
        folder = Path(model)
        if not is_packed(folder):
            asked = _asked(common, options) | {"out": Path(temporary) / "pack"}
            with common.screen.busy("packing"):
                folder = write(model, **asked).folder
        files = exchange.files_of(folder)
        common.screen.note(f"to {address} at {host}" + (", private if it is new" * private) + ":")
        rows = []
        for name, path in files.items():
            length, digest = path.stat().st_size, sha256_of(path)
            common.screen.note(f"  {name}  {size(length)}  sha256 {digest}")
            rows.append({"file": name, "bytes": length, "sha256": digest})
        answer = {"place": str(address), "host": host, "private": private, "files": rows}
        if common.dry_run:
            common.screen.say(f"would send {len(rows)} files to {address} at {host}")
            return answer | {"published": None}
        _agree(common, f"Send these {len(rows)} files to {host}?", "nothing was sent")
        with common.screen.busy("sending"):
            where = exchange.publish(folder, place, private=private)
    common.screen.say(f"published: {where}")
    common.screen.note(f"others type: animekit models pull {where}")
    return answer | {"published": where}


def pull_shared(
    common: Common, place: str, name: str | None, downloading: Downloading
) -> dict[str, Any]:
    """Bring a packed model here; the answer says where from and on which terms."""
    from animekit.files import weights_dir
    from animekit.sharing import exchange, remote

    if not place.startswith("hf:"):
        if common.dry_run:
            from animekit.sharing.pack import described

            config = described(Path(place))
            common.screen.say(f"would copy {config['name']} from {place} to {weights_dir()}")
            return _told(name or config["name"], place, config, None)
        taken = exchange.take(place, name=name, overwrite=common.yes, registry=common.registry())
        return _show(common, taken)
    address = remote.Address.read(place)
    host = remote.host_of(remote.endpoint())
    if common.dry_run:
        common.screen.say(
            f"would ask {host} for {address}, show its licence and sha256, and take config.json and"
            f" model.safetensors alone, to {weights_dir()}"
        )
        return _told(name or address.repo.partition("/")[2], str(address), {}, None)
    _agree(common, f"Ask {host} for {address}?", "nobody was asked")
    offer = exchange.offered(place)
    _introduce(common, offer.origin, offer.config)
    if not common.yes:
        _agree(common, "Download it?", "nothing was downloaded")
    with downloading(common.screen, str(address)) as progress:
        taken = exchange.take(
            offer, name=name, overwrite=common.yes, registry=common.registry(), progress=progress
        )
    return _show(common, taken)


def _asked(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "licence": options["licence"],
        "data_note": options["data_note"],
        "name": options["name"],
        "samples": options["sample"] or (),
        "checkpoint": checkpoint_of(options["checkpoint"]),
        "overwrite": common.yes,
        "registry": common.registry(),
    }


def _introduce(common: Common, origin: str, config: dict[str, Any]) -> None:
    from animekit.text import size

    common.screen.note(f"{config['name']}  {config.get('model', '')}, {config.get('does', '')}")
    common.screen.note(f"  from     {origin}")
    common.screen.note(f"  file     {size(config['weights']['size'])}, safetensors")
    common.screen.note(f"  sha256   {config['weights']['sha256']}")
    common.screen.note(f"  licence  {config['licence']}")
    common.screen.note(f"  data     {config['data_note']}")


def _agree(common: Common, question: str, otherwise: str) -> None:
    """Ask before anything goes over the network, unless --yes is given."""
    if common.yes:
        return
    if not common.may_ask():
        raise UsageError("the network needs your word", "repeat it with --yes; -n only shows it")
    import typer

    from animekit.errors import Stopped

    if not typer.confirm(question, err=True):
        raise Stopped(otherwise)


def _show(common: Common, taken: Taken) -> dict[str, Any]:
    if not taken.origin.startswith("hf:"):
        _introduce(common, taken.origin, taken.config)
    verb = {"translate": f"transfer {taken.config['model']} {taken.name} PICTURES"}
    words = verb.get(taken.config.get("does", ""), f"generate {taken.name}")
    common.screen.made(taken.path, "weights", f"animekit {words}")
    return _told(taken.name, taken.origin, taken.config, taken.path)


def _told(name: str, origin: str, config: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """Return the row of `models ls` that it is, or would be."""
    from animekit.models.weights import imported_dir

    weights = config.get("weights", {})
    return {
        "name": name,
        "summary": f"{config.get('model', 'a model')} from {origin}",
        "licence": config.get("licence", ""),
        "page": "",
        "state": "missing" if path is None else "imported",
        "pinned": bool(weights),
        "verified": path is not None,
        "sha256": weights.get("sha256"),
        "path": str(path or imported_dir() / f"{name}.safetensors"),
        "size": weights.get("size"),
        "urls": [],
        "source": origin,
        "note": config.get("data_note", ""),
    }
