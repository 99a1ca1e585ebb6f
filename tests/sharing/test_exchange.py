"""Exchange: a model goes to a Hub and comes back byte for byte, and nothing else comes with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import animekit
from animekit import plugins
from animekit.errors import CheckpointError, NetworkError, NotFoundError, UnusableError, UsageError
from animekit.files import sha256_of
from animekit.hub.download import Patience
from animekit.models import weights
from animekit.plugins import Registry
from animekit.sharing import exchange, remote
from animekit.sharing.pack import Packed, pack
from tests.sharing.local_hub import TOKEN, LocalHub, running
from tests.support import answer, call, keeps_its_schema

pytest.importorskip("huggingface_hub")
WORDS = {"licence": "mit", "data_note": "pictures that a GAN drew"}
PLACE = "hf:ann/faces"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return plugins.load()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Packed:
    folder = tmp_path_factory.mktemp("pack") / "faces"
    return pack("faces64", folder, name="faces", registry=registry, **WORDS)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    from huggingface_hub import constants

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(exchange, "PATIENCE", Patience(tries=2, pause=0.01))
    with running() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.address)
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        yield found


@pytest.fixture
def there(hub: LocalHub, packed: Packed) -> str:
    return hub.put("ann/faces", {path.name: path.read_bytes() for path in packed.files})


def test_a_friend_draws_the_same_bytes(hub: LocalHub, packed: Packed, registry: Registry) -> None:
    where = exchange.publish(packed, PLACE)
    assert where.startswith(f"{PLACE}@") and len(where.rpartition("@")[2]) == 40
    names = set(hub.at("ann/faces", "main")[1])  # type: ignore[index]
    assert names == {"model.safetensors", "config.json", "README.md", "samples.png"}
    taken = exchange.take(where, registry=registry)
    assert taken.name == "faces" and sha256_of(taken.path) == packed.sha256
    assert "licence" in str(taken) and "mit" in str(taken)
    here, friend = (animekit.generate(name, seeds="7") for name in ("faces64", "faces"))
    assert np.array_equal(here.images, friend.images)
    again = animekit.reproduce(packed.folder / "samples.png")
    again.save("again.png")
    assert Path("again.png").read_bytes() == (packed.folder / "samples.png").read_bytes()
    texts = [path.read_bytes() for path in Path().rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in text for text in texts)


def test_the_token_goes_to_the_hub_alone_and_opens_what_is_private(
    hub: LocalHub, there: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.private.add("ann/faces")
    exchange.take(f"{PLACE}@{there}", registry=registry)
    sent = [{key.lower(): text for key, text in each[2].items()} for each in hub.asked]
    assert len(sent) == 3 and all(each["authorization"] == f"Bearer {TOKEN}" for each in sent)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(NetworkError, match="does not let us") as caught:
        exchange.offered(PLACE)
    assert caught.value.code == "network.denied" and "hf auth login" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no token"):
        remote.send(remote.Address("ann/faces"), {}, "nothing")


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("wrong", "says", "kind"),
    [
        ({"lies": {"sha256": "0" * 64}}, "disagrees with itself", NetworkError),
        ({"lies": {"size": 5}}, "disagrees with itself", NetworkError),
        ({"cut": 1000}, "connection ended|no connection", NetworkError),
        ({"status": 503}, "did not answer", NetworkError),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    hub: LocalHub, registry: Registry, wrong: dict[str, Any], says: str, kind: type[Exception]
) -> None:
    for key, value in wrong.items():
        setattr(hub, key, value)
    if "status" in wrong:  # huggingface_hub would try for minutes
        hub.status = 500
    with pytest.raises(kind, match=says):
        exchange.take(PLACE, registry=registry)
    assert not list(weights.imported_dir().glob("*"))


def test_bytes_with_another_sum_are_refused(
    hub: LocalHub, packed: Packed, registry: Registry
) -> None:
    files = {path.name: path.read_bytes() for path in packed.files}
    data = bytearray(files["model.safetensors"])
    data[-1] ^= 1
    hub.put("ann/faces", files | {"model.safetensors": bytes(data)})
    hub.lies = {"sha256": packed.sha256}
    with pytest.raises(NetworkError, match="sha256 is"):
        exchange.take(PLACE, registry=registry)
    assert not list(weights.imported_dir().glob("*"))


def test_what_is_not_there_or_not_ours_is_said(
    hub: LocalHub, there: str, packed: Packed, registry: Registry
) -> None:
    with pytest.raises(NotFoundError, match="no revision v9"):
        exchange.offered(f"{PLACE}@v9")
    with pytest.raises(NotFoundError, match="no model"):
        exchange.offered("hf:ann/nothing")
    hub.put("ann/pickle", {"pytorch_model.bin": b"x", "config.json": b"{}"})
    with pytest.raises(CheckpointError, match="no model that animekit packed"):
        exchange.offered("hf:ann/pickle")
    config = json.loads((packed.folder / "config.json").read_text(encoding="utf-8"))
    for change in ({"name": "../up"}, {"weights": {"file": "/etc/passwd"}}, {"licence": 3}):
        odd = json.dumps(config | change).encode()
        hub.put("ann/odd", {"model.safetensors": b"x", "config.json": odd})
        with pytest.raises(CheckpointError, match="says otherwise"):
            exchange.offered("hf:ann/odd")
    hub.put("ann/odd", {"config.json": b" " * 2_000_000})
    with pytest.raises(CheckpointError, match="2,000,000 bytes"):
        exchange.offered("hf:ann/odd")
    for text in ("hf:ann", "hf:ann/../up", "hf:/x", "hf:a/b@", "hf:a b/c"):
        with pytest.raises(UsageError, match="no place"):
            remote.Address.read(text)
    exchange.take(f"{PLACE}@{there}", registry=registry)
    hub.put("ann/pickle", {path.name: path.read_bytes() for path in packed.files})


def test_a_folder_is_taken_without_a_network(
    tmp_path: Path, packed: Packed, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    taken = exchange.take(packed.folder, name="mine", registry=registry)
    with monkeypatch.context() as elsewhere:  # where the bundled weights are others
        elsewhere.setattr("animekit.models.weights.bundled", dict)
        elsewhere.setattr("animekit.generation.reproduce.bundled", dict)
        again = animekit.reproduce(packed.folder / "samples.png", registry=registry)
    assert "mine" in again.origin  # though it is called otherwise there
    assert sha256_of(taken.path) == packed.sha256 and "mine" in weights.imported()
    other = pack("course64", tmp_path / "other", name="mine", registry=registry, **WORDS)
    with pytest.raises(UnusableError, match="other weights are called mine"):
        exchange.take(other.folder, registry=registry)
    (other.folder / "model.safetensors").write_bytes(b"x" * other.config["weights"]["size"])
    with pytest.raises(CheckpointError, match="wrong sha256"):
        exchange.take(other.folder, name="bad", registry=registry)
    with pytest.raises(CheckpointError, match="has changed"):
        exchange.files_of(other.folder)


def test_the_commands_show_ask_send_and_bring(hub: LocalHub, packed: Packed) -> None:
    folder = str(packed.folder)
    plan = call("models", "push", folder, PLACE, "-n")
    assert plan.exit_code == 0 and "would send 4 files" in plan.stdout and not hub.asked
    unasked = call("models", "push", folder, PLACE)
    assert unasked.exit_code == 2 and "needs your word" in unasked.stderr and not hub.asked
    sent = answer("models", "push", folder, PLACE, "--yes")
    assert keeps_its_schema(sent) and sent["data"]["published"].startswith(PLACE)
    for words in (("models", "pull", PLACE, "-n"), ("models", "pull", folder, "-n")):
        before = len(hub.asked)
        assert keeps_its_schema(answer(*words)) and len(hub.asked) == before
    assert call("models", "pull", PLACE).exit_code == 2
    came = call("models", "pull", PLACE, "--yes", "--name", "ann")
    assert came.exit_code == 0 and "licence  mit" in came.stderr and TOKEN not in came.output
    listed = answer("models", "ls")
    row = next(each for each in listed["data"] if each["name"] == "ann")
    assert row["licence"] == "mit" and PLACE in row["summary"] and row["state"] == "imported"
    local = call("models", "pull", folder, "--name", "twin")
    assert local.exit_code == 0
    drawn = call("generate", "ann", "--seeds", "7", "-o", "ann.png")
    assert drawn.exit_code == 0
