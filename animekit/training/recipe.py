"""TrainRecipe: all values of a run, resolved once, with the origin of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from animekit import config
from animekit.config import Layer, Params
from animekit.data.places import joined
from animekit.errors import AnimekitError, ConfigError, NotFoundError, PluginError
from animekit.plugins import Registry
from animekit.training.presets import Preset, preset_layer, presets_of
from animekit.training.tips import KEY as TIPS_KEY
from animekit.training.tips import TipChange, with_tips

if TYPE_CHECKING:
    from animekit.models.base import Model


def _as_text(value: Any) -> Any:
    # a list of places is one set, joined
    return joined(value) if isinstance(value, (list, tuple)) and value else value


def _as_count(value: Any) -> Any:
    if value == "auto":
        return AUTO
    if str(value).strip().lstrip("+-0") == "":
        raise ValueError("should be 1 or more, or auto")
    return value


AUTO = 0
"""The batch size that stands for "auto" until the job has measured a step."""
BEST = "best"  # the name of a preset that stands for the one that suits


class TrainOptions(Params):
    """The options of the training loop, whatever the model."""

    old_names = {
        "batch": "batch_size",
        "ema": "ema_decay",
        "flip": "mirror",
        "gpu": "device",
        "keep": "keep_checkpoints",
        "report_every": "log_every",
    }

    data: Annotated[str, BeforeValidator(_as_text)] = Field(
        "data/faces",
        description="folder, .zip, .parquet, .tar, synthetic:COUNT; a+b: joined; a,b: a pair",
    )
    tags: str | None = Field(None, description="tags file of the data")
    labels: str | None = Field(
        None, description='words to learn, as in "hair,eyes,long hair|short hair,smile"'
    )
    pretrained: str | None = Field(
        None, description="run, checkpoint or weights to begin with, in place of random weights"
    )
    min_count: int = Field(0, ge=0, description="images that a label needs to be learned")
    size: int = Field(64, ge=16, le=1024, description="side of the images in pixels")
    batch_size: Annotated[int, BeforeValidator(_as_count)] = Field(
        64, ge=0, le=65_536, description="images in a batch; auto: as many as the memory holds"
    )
    accumulate: int = Field(1, ge=1, description="parts of a batch, one after the other")
    steps: int | None = Field(None, ge=0, description="steps to train (default 20,000)")
    epochs: float | None = Field(
        None, gt=0, description="passes over the data to train, in place of steps"
    )
    minutes: float | None = Field(None, gt=0, description="minutes to train, in place of steps")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of everything random")
    device: str = Field("auto", description="auto, cpu, cuda, mps, or the number of a CUDA device")
    precision: Literal["auto", "fp32", "bf16", "fp16", "fp64"] = Field(
        "fp32", description="auto: bf16, or fp16 on older GPUs, where the hardware multiplies it"
    )
    compile: Literal["auto", "on", "off", "graphs"] = Field(
        "auto",
        description="torch.compile; auto: on CUDA in runs of 2,000 steps; graphs: as CUDA graphs",
    )
    convolutions: Literal["auto", "torch", "products"] = Field(
        "auto",
        description="deep layers as products of matrices: faster on a CPU; auto: there in bf16",
    )
    channels_last: bool = Field(True, description="memory order of images: channels last")
    threads: int | None = Field(None, ge=1, description="CPU threads (default: one a free core)")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights")
    mirror: bool = Field(False, description="mirror images at random")
    balance: bool = Field(
        False, description="draw all values of each attribute equally often, the rare ones too"
    )
    crop: int = Field(0, ge=0, description="cut the images out of ones this many pixels larger")
    holdout: float = Field(
        0.0, ge=0, lt=1, description="share of the images, chosen by content, kept out of training"
    )
    log_every: int = Field(100, ge=1, description="steps between reports")
    sample_every: int = Field(500, ge=1, description="steps between sample grids")
    save_every: int = Field(1000, ge=1, description="steps between checkpoints")
    keep_checkpoints: int = Field(
        3, ge=1, description="newest checkpoints to keep, beside the best"
    )
    eval_every: int = Field(5000, ge=0, description="steps between evaluations (0: never)")
    eval_num: int = Field(1024, ge=64, description="images of an evaluation")
    stop_on: Literal["none", "collapse", "any"] = Field(
        "none", description="end the run, saved, on mode collapse, or on any alarm"
    )
    alarm_reports: int = Field(
        5, ge=0, description="reports in a row with D always right that are an alarm (0: never)"
    )
    name: str | None = Field(None, description="name of the run folder, in place of the data's")

    def total_steps(self) -> int | None:
        """Return the number of steps, None where minutes decide.

        None for epochs too, until `steps_for` has made them steps of the data that were opened.
        """
        if self.steps is None:
            return None if self.minutes is not None or self.epochs is not None else 20_000
        return self.steps

    def compiles(self, device: str, world: int = 1) -> bool:
        """Say whether steps are compiled on such a device; ConfigError if they cannot."""
        cut, asked = world * self.accumulate > 1, self.compile in ("on", "graphs")
        if cut and asked:
            raise ConfigError("a compiled step takes a whole batch in one process", "--compile off")
        long = (self.total_steps() or 0) >= 2_000 or (self.minutes or 0) >= 10
        return asked or (not cut and self.compile == "auto" and device == "cuda" and long)

    def multiplies(self, *, pays: bool) -> bool:
        """Say whether deep convolutions are products of matrices; auto: where it pays."""
        return self.convolutions == "products" or (self.convolutions == "auto" and pays)

    def steps_for(self, images: int) -> int | None:
        """Return the steps that the epochs are with so many images, None without epochs.

        >>> TrainOptions(epochs=2.5, batch_size=64).steps_for(1000)
        40
        """
        if self.epochs is None or self.batch_size == AUTO:
            return None
        return max(1, math.ceil(self.epochs * images / self.batch_size))


PRESET = "preset"
"""The key that names a preset in a file, in the environment and behind --set."""

RESUMABLE = frozenset(
    {"steps", "epochs", "minutes", "device", "threads"}
    | {"keep_checkpoints", "log_every", "sample_every", "save_every"}
    | {"stop_on", "alarm_reports"}
    | {"data", "tags"}  # which may move; their content is compared
)
"""Options that a resumed run may change: none changes what a step before its end computes."""


@dataclass(frozen=True)
class TrainRecipe:
    """A model, its parameters and options, and where each value came from."""

    model: type[Model]
    params: Params
    options: TrainOptions
    origins: dict[str, str]
    preset: str | None
    plugin: dict[str, str]
    choice: str = ""
    """Which preset `best` stands for here, and why, in a sentence; "" where none was chosen."""
    tips: tuple[TipChange, ...] = ()


def make_recipe(
    model: str,
    registry: Registry,
    *,
    preset: str | None = None,
    config_file: Path | str | None = None,
    values: Mapping[str, Any] | None = None,
    origins: Mapping[str, str] | None = None,
) -> TrainRecipe:
    """Resolve all values of a run.

    Order: default < preset < configuration files < ANIMEKIT_* < `values`; tips stand right under
    what names them. The keys of parameters
    and of options share one namespace, so that `--set` reaches both. Without `preset`, the
    strongest layer that has the key `preset` names it; "none" is none.
    """
    cls = registry.get("model", model)
    model = cls.name
    fields, options = set(cls.Params.model_fields), set(TrainOptions.model_fields)
    if fields & (options | {PRESET, TIPS_KEY}):
        taken = sorted(fields & (options | {PRESET, TIPS_KEY}))[0]
        raise PluginError(
            f"model {model}: parameter {taken} is also a training option", "rename the parameter"
        )
    known = fields | options
    old = {*cls.Params.renamed(), *TrainOptions.renamed(), PRESET, TIPS_KEY}
    layers = config.config_layers(config_file, model, known, old)
    layers.append(config.from_environment((known | old) - {"data", "name"}))
    calls = _by_origin(values or {}, origins or {})
    layers += calls
    preset = _named_preset(layers) if preset is None else preset
    preset = None if preset == "none" else preset
    layers = [config.current(_without_preset(x), cls.Params, TrainOptions) for x in layers]
    choice = ""
    if preset == BEST:
        asked = config.resolve(TrainOptions, [_only(layer, options) for layer in layers]).params
        preset, choice = best_preset(presets_of(cls), asked, registry)
    if preset is not None:
        own = preset_layer(cls, preset, registry)
        layers.insert(0, config.current(own, cls.Params, TrainOptions))
    layers, tips = with_tips(cls, _with_one_goal(layers, len(layers) - len(calls)))
    for layer in layers:
        for key in layer.values:
            if key not in known:
                raise config.unknown_key(key, known, layer.origin)
    params = config.resolve(cls.Params, [_only(layer, fields) for layer in layers])
    chosen = config.resolve(TrainOptions, [_only(layer, options) for layer in layers])
    source = registry.sources[cls]
    return TrainRecipe(
        model=cls,
        params=params.params,
        options=chosen.params,
        origins={**params.origins, **chosen.origins},
        preset=preset,
        plugin={"module": source.module, "origin": source.origin, "version": source.version},
        choice=choice,
        tips=tips,
    )


def _by_origin(values: Mapping[str, Any], origins: Mapping[str, str]) -> list[Layer]:
    """Return the values as layers, one for each place where they were written."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        found.setdefault(origins.get(key, config.CALL), {})[key] = value
    return [Layer(origin, own) for origin, own in found.items()]


def _with_one_goal(layers: Sequence[Layer], calls: int) -> list[Layer]:
    """Return the layers with the stronger of steps and epochs alone.

    Those from number `calls` on are one call. Raises ConfigError where both are equally strong; of
    a run, whose steps came from its epochs, the epochs count.
    """
    places = {
        key: [number for number, layer in enumerate(layers) if layer.values.get(key) is not None]
        for key in ("steps", "epochs")
    }
    if not all(places.values()):
        return list(layers)
    steps, epochs = (min(places[key][-1], calls) for key in ("steps", "epochs"))
    origin = layers[places["epochs"][-1]].origin
    if steps == epochs and not origin.endswith(".json"):
        raise ConfigError(
            f"steps and epochs are two ends of one training (epochs from {origin})",
            "give one of them",
        )
    weaker = "steps" if steps <= epochs else "epochs"
    return [
        Layer(each.origin, {key: value for key, value in each.values.items() if key != weaker})
        for each in layers
    ]


def _named_preset(layers: Sequence[Layer]) -> str | None:
    """Return the preset that the strongest of some layers names."""
    for layer in reversed(layers):
        if layer.values.get(PRESET) is not None:
            name = layer.values[PRESET]
            if not isinstance(name, str):
                raise ConfigError(
                    f"preset = {config.show(name)} is no name (from {layer.origin})",
                    'write the name of a preset, as in preset = "cpu"',
                )
            return name
    return None


def _without_preset(layer: Layer) -> Layer:
    return Layer(layer.origin, {k: v for k, v in layer.values.items() if k != PRESET})


def best_preset(
    found: Mapping[str, Preset], options: TrainOptions, registry: Registry
) -> tuple[str, str]:
    """Return the preset that suits best, and a sentence that says so.

    By the size of the images, their number, and the hardware.

    One for few images goes before the others, one for some hardware before one for any. Raises
    NotFoundError where none suits.
    """
    from animekit.data.joined import open_dataset  # with OpenCV and torch, for which neither
    from animekit.device import choose_device  # help nor completion has to wait

    device = choose_device(options.device).type
    count = None
    with suppress(AnimekitError):  # what is wrong with the data is said when they are opened
        tags = Path(options.tags) if options.tags else None
        count = len(open_dataset(options.data, registry, tags, options.labels))
    suited = [
        each
        for each in found.values()
        if each.suits is not None and each.suits.fits(options.size, count, device)
    ]
    here = f"images of {options.size} px on {device}"
    here = f"unknown data, {here}" if count is None else f"{count:,} {here}"
    if not suited:
        raise NotFoundError(
            f"no preset is the best for {here}",
            "presets: " + (" ".join(found) or "none"),
            code="preset.not_found",
        )

    def rank(preset: Preset) -> tuple[bool, bool]:
        assert preset.suits is not None
        return preset.suits.most_images is None, preset.suits.device == "any"

    chosen = min(suited, key=rank)
    return chosen.name, f"preset best is {chosen.name} here, for {here}: {chosen.description}"


def _only(layer: Layer, keys: set[str]) -> Layer:
    return Layer(layer.origin, {k: v for k, v in layer.values.items() if k in keys})
