"""The contract of a model, as checks that say what is wrong and how to mend it.

Each takes a class and sizes, and raises AssertionError; `animekit.testing.check` runs them all.
"""

from __future__ import annotations

import io
import itertools
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from animekit.contract import NAME, RULE
from animekit.models import weights
from animekit.models.abilities import Generates
from animekit.models.base import Losses, Model, Phase
from animekit.testing.tiny import tiny_dataset, tiny_model, tiny_stepper
from animekit.training.phases import only
from animekit.training.stepper import Stepper

FAR = 1e4  # z this large leads a generator without a squashing end out of [-1, 1]


def _require(condition: object, cls: type[Model], problem: str, remedy: str) -> None:
    # not an assert statement: python -O would leave those out
    if not condition:
        raise AssertionError(f"{getattr(cls, 'name', cls.__name__)}: {problem}; {remedy}")


def _weights(model: Model) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def _moved(before: dict[str, Tensor], model: Model) -> set[str]:
    return {
        name for name, value in model.named_parameters() if not torch.equal(before[name], value)
    }


def _own(phase: Phase, model: Model) -> set[str]:
    ids = {id(parameter) for parameter in phase.parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) in ids}


def _check_name(cls: type[Model], sizes: Sequence[int]) -> None:
    name = getattr(cls, "name", "")
    _require(NAME.fullmatch(str(name)), cls, f"its name {name!r} is refused when it loads", RULE)


def _check_docstring(cls: type[Model], sizes: Sequence[int]) -> None:
    _require(
        cls.summary(),
        cls,
        "it has no docstring",
        "say in its first line what it is: the command line shows that line",
    )


def _check_params(cls: type[Model], sizes: Sequence[int]) -> None:
    for key, field in cls.Params.model_fields.items():
        _require(
            field.description,
            cls,
            f"parameter {key} has no description",
            "give it one with Field(default, description=...)",
        )
        _require(
            not field.is_required(),
            cls,
            f"parameter {key} has no default",
            "give it one, so that `animekit train` works without --set",
        )
    config = cls.Params.model_config
    _require(
        config.get("frozen") and config.get("extra") == "forbid",
        cls,
        "its Params can be changed, or take unknown keys",
        "derive them from animekit.config.Params and leave frozen and extra alone",
    )


def _check_build(cls: type[Model], sizes: Sequence[int]) -> None:
    for size in sizes:
        try:
            tiny_model(cls, size)
        except Exception as error:
            raise AssertionError(
                f"{cls.name}: it cannot be built at {size} px ({error}); give every layer its size"
                " from spec and params, and every parameter a default that works"
            ) from error


def _check_phases(cls: type[Model], sizes: Sequence[int]) -> None:
    for size in sizes:
        model = tiny_model(cls, size)
        phases = model.phases()
        names = [phase.name for phase in phases]
        _require(
            names and len(set(names)) == len(names) and all(phase.every >= 1 for phase in phases),
            cls,
            f"its phases are {names}",
            "return at least one, each with a name of its own and every >= 1",
        )
        known = {id(parameter) for parameter in model.parameters()}
        for phase in phases:
            _require(
                all(id(parameter) in known for parameter in phase.parameters()),
                cls,
                f"phase {phase.name} moves a network that is no part of the model",
                "assign the network to an attribute of the model, or no checkpoint will hold it",
            )
        idle = set(_weights(model)).difference(*(_own(phase, model) for phase in phases))
        _require(
            not idle,
            cls,
            f"no phase moves {min(idle, default='')}",
            "list its network in Phase.networks, or keep it as a buffer",
        )


def _check_losses(cls: type[Model], sizes: Sequence[int]) -> None:
    for size in sizes:
        stepper = tiny_stepper(cls, size)
        for phase in stepper.phases:
            try:
                terms = _losses_of(stepper, phase)
            except Exception as error:
                raise AssertionError(
                    f"{cls.name}: phase {phase.name} fails at {size} px ({error}); make prepare()"
                    " and the loss work for every size"
                ) from error
            _require(
                isinstance(terms, dict)
                and terms
                and all(re.fullmatch(r"[a-z]\w*", str(key)) for key in terms)
                and all(isinstance(v, Tensor) and v.ndim == 0 for v in terms.values()),
                cls,
                f"the loss of phase {phase.name} is no dictionary of named scalars",
                'return named terms, as in {"adv": loss.mean()}',
            )
            bad = [key for key, value in terms.items() if not torch.isfinite(value)]
            _require(
                not bad,
                cls,
                f"the term {phase.name}/{', '.join(bad)} is not finite at the first step",
                "look for a logarithm of 0, a division by 0, or first weights that are too large",
            )
            _check_gradients(cls, stepper.model, phase, terms)


def _losses_of(stepper: Stepper, phase: Phase) -> Losses:
    batch = stepper.draw(1)
    stepper.model.requires_grad_(True)
    stepper.model.prepare(batch, [each.name for each in stepper.phases])
    with only(stepper.model, phase):
        return phase.loss(batch)


def _check_gradients(cls: type[Model], model: Model, phase: Phase, terms: Losses) -> None:
    total = torch.stack(list(terms.values())).sum()
    model.zero_grad(set_to_none=True)
    if total.requires_grad:
        total.backward()
    for name in sorted(_own(phase, model)):
        gradient = model.get_parameter(name).grad
        _require(
            gradient is not None and bool(torch.isfinite(gradient).all()),
            cls,
            f"phase {phase.name} gives {name} no finite gradient",
            "use the network in its loss, and keep detach() and no_grad() away from it",
        )


def _check_moves(cls: type[Model], sizes: Sequence[int]) -> None:
    for name in [phase.name for phase in tiny_model(cls, sizes[0]).phases()]:
        stepper = tiny_stepper(cls, sizes[0])
        stepper.phases = [phase for phase in stepper.phases if phase.name == name]
        phase = stepper.phases[0]
        stepper.done = next(step for step in itertools.count() if phase.due(step + 1))
        before = _weights(stepper.model)
        stepper.step()
        moved, own = _moved(before, stepper.model), _own(phase, stepper.model)
        _require(
            moved & own,
            cls,
            f"phase {name} moves nothing",
            "look at its learning rate, and at what `after` undoes",
        )
        _require(
            moved <= own,
            cls,
            f"phase {name} moves {min(moved - own, default='')}, which is not of its networks",
            "leave other networks alone in prepare, loss and after, or list them in Phase.networks",
        )


def _check_every(cls: type[Model], sizes: Sequence[int]) -> None:
    stepper = tiny_stepper(cls, sizes[0], n_critic=3)
    model, phases = stepper.model, stepper.phases
    n_critic = getattr(model.params, "n_critic", None)
    if n_critic is not None:
        _require(
            n_critic in [p.rounds.every if p.rounds else p.every for p in phases],
            cls,
            f"n_critic={n_critic} reaches none of its phases",
            "give it to the generator's Phase as every=",
        )
    for step in range(1, 2 * max(phase.every for phase in phases) + 1):
        before = _weights(model)
        stepper.step()
        moved = _moved(before, model)
        for phase in phases:
            others = [_own(other, model) for other in phases if other is not phase]
            alone = _own(phase, model).difference(*others)
            turn, rest = divmod(step, phase.every)
            due = not rest and (phase.rounds is None or phase.rounds.due(turn))
            _require(
                not alone or bool(moved & alone) == due,
                cls,
                f"with every={phase.every}, phase {phase.name} is wrong in step {step}",
                "it has to move its networks in the steps that `every` divides, and in no others",
            )


def _sample(model: Any, z: Tensor) -> Tensor:
    labels = [torch.as_tensor(tiny_dataset()[i][1]).float() for i in range(len(z))]
    with torch.inference_mode():
        images: Tensor = model.sample(z, *([torch.stack(labels)] if model.spec.labels else []))
    return images


def _check_samples(cls: type[Model], sizes: Sequence[int]) -> None:
    for size in sizes:
        model = tiny_model(cls, size).eval()
        if not isinstance(model, Generates):
            return
        z = torch.cat([model.noise(1, torch.Generator().manual_seed(seed)) for seed in range(3)])
        again = model.noise(1, torch.Generator().manual_seed(0))
        _require(
            torch.equal(again, z[:1]),
            cls,
            "noise() with the same seed gives other numbers",
            "draw everything from the generator that it is given",
        )
        images, far = _sample(model, z), _sample(model, FAR * z)
        _require(
            images.shape == (3, *model.spec.shape) and images.dtype == torch.float32,
            cls,
            f"sample() of 3 gives {images.dtype} {list(images.shape)} at {size} px",
            f"return float32 {[3, *model.spec.shape]}",
        )
        _require(
            bool((far.abs() <= 1).all()),
            cls,
            f"samples reach {float(far.abs().max()):.3g}",
            "keep them in [-1, 1] for every z: end the generator in a tanh",
        )
        _require(
            torch.allclose(_sample(model, z[:1]), images[:1], atol=1e-5),
            cls,
            "a seed gives another image alone than in a batch",
            "in eval mode, let no image look at its neighbours, and draw no random numbers",
        )


def _through_file(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(weights.to_bytes(tensors, {}))
        return weights.read(path)[0]


def _check_round_trip(cls: type[Model], sizes: Sequence[int]) -> None:
    stepper = tiny_stepper(cls, sizes[0])
    stepper.step()
    model, other = stepper.model.eval(), tiny_stepper(cls, sizes[0], seed=1).model.eval()
    try:
        other.load_state_dict(_through_file(model.state_dict()))
    except Exception as error:
        raise AssertionError(
            f"{cls.name}: its weights cannot be saved and loaded ({error}); let no two entries of"
            " the state dict share memory, and build the same networks from the same params"
        ) from error
    if isinstance(model, Generates):
        z = model.noise(2, torch.Generator().manual_seed(0))
        _require(
            torch.equal(_sample(model, z), _sample(other, z)),
            cls,
            "a model with the same saved weights gives other samples",
            "keep everything that sampling needs in parameters and persistent buffers",
        )


def _check_resume(cls: type[Model], sizes: Sequence[int]) -> None:
    straight, first = tiny_stepper(cls, sizes[0]), tiny_stepper(cls, sizes[0])
    for _ in range(5):
        straight.step()
    for _ in range(3):
        first.step()
    buffer = io.BytesIO()
    torch.save(first.state(), buffer)
    buffer.seek(0)
    resumed = tiny_stepper(cls, sizes[0], seed=1)
    resumed.load(
        torch.load(buffer, weights_only=True),
        _through_file(first.model.state_dict()),
        _through_file(first.average.state),
    )
    for _ in range(2):
        resumed.step()
    state, expected = resumed.model.state_dict(), straight.model.state_dict()
    differing = [key for key in expected if not torch.equal(expected[key], state[key])]
    _require(
        not differing,
        cls,
        f"5 steps are not 3 steps, a checkpoint and 2 more: {''.join(differing[:1])} differs",
        "carry everything from step to step in a parameter, a buffer or an optimiser's state",
    )


CHECKS: tuple[Callable[[type[Model], Sequence[int]], None], ...] = (
    _check_name,
    _check_docstring,
    _check_params,
    _check_build,
    _check_phases,
    _check_losses,
    _check_moves,
    _check_every,
    _check_samples,
    _check_round_trip,
    _check_resume,
)
