"""The course report: what is known is filled in, what is to be thought is left to its author."""

from __future__ import annotations

from collections.abc import Mapping

from animekit.comparison.numbers import gather, shown
from animekit.comparison.same_noise import same_noise
from animekit.config import show
from animekit.errors import AnimekitError
from animekit.explanation.explain import explain
from animekit.explanation.result import COLUMNS
from animekit.images.figures import curve_images, read
from animekit.images.layout import grid
from animekit.plugins import Registry
from animekit.reporting.blocks import Blocks
from animekit.reporting.card import train_command
from animekit.reporting.cast import KEPT, Cast, changed, new_tips
from animekit.reporting.drawing import Drawing
from animekit.reporting.stored import newest_records
from animekit.runs.curves import panels
from animekit.runs.history import read_history
from animekit.runs.run import Run
from animekit.runs.summary import summary
from animekit.text import duration
from animekit.training.tips import OPPOSITE

SEEDS = "0-7"
TEN = "1, 2, 3, 4, 5, 6, 9, 13, 14, 17"  # the tips that the course takes
MOST_PANELS = 6
SETTINGS = ("steps", "batch_size", "size", "seed", "ema_decay", "mirror", "balance", "holdout")
PARAMS = ("optimizer", "lr", "betas", "d_optimizer", "d_lr", "d_betas", "n_critic", "z_dim", "z")


class Author:
    """Writes the parts of a course report one after the other."""

    def __init__(
        self, group: Cast, registry: Registry, checkpoint: str | int, threads: int | None
    ) -> None:
        self.group, self.registry = group, registry
        self.checkpoint, self.threads = checkpoint, threads
        self.blocks = Blocks()
        self.open_points: list[str] = []
        self.drawing = Drawing(group.main, registry, checkpoint, threads)

    def write(self) -> None:
        """Write all parts."""
        self._model()
        self._results()
        self._comparison()
        self._tips()
        self._collapse()
        self._again()

    def _model(self) -> None:
        add = self.blocks.add
        add("h2", "1. Model description")
        self._describe(self.group.main)
        add("box", "describe the model in your own words: generator, discriminator, objectives.")

    def _describe(self, run: Run) -> None:
        """Write what a run's model minimises, how it learns, its layers and its parameters."""
        add, config = self.blocks.add, run.config
        name = str(config.get("model"))
        preset = f", preset {config['preset']}" if config.get("preset") else ""
        try:
            found = explain(run, registry=self.registry)
        except AnimekitError as error:
            add("text", f"Model {name}{preset}.")
            self._missing(f"objectives and layers of {run.id}: {error.message}")
            return
        add("text", f"Model {name}{preset}: {found.summary}")
        for phase in found.objectives:
            add("text", f"Objective of {phase}, the sum of:")
            self.blocks.bullets([f"{term}: {said}" for term, said in found.objective_rows(phase)])
        if found.legend():
            add("text", "In them,")
            self.blocks.bullets([f"{letters} is {words}" for letters, words in found.legend()])
        add("code", "\n".join(found.code))
        for network in found.networks:
            add("h3", f"{network.name}: {network.parameters:,} parameters")
            self.blocks.table([COLUMNS, *found.layer_rows(network)])
        if found.notes:
            add("text", f"How to read its losses: {found.notes}")
        if found.paper is not None:
            paper = found.paper
            add("text", f"{paper.authors}, {paper.year}: {paper.title}. {paper.link}")

    def _results(self) -> None:
        add, main = self.blocks.add, self.group.main
        add("h2", "2. Experiment settings and observation")
        add("h3", "Settings")
        self.blocks.table([("what", "value"), *self._settings(main)])
        add("h3", "Generated images")
        try:
            images = self.drawing.judged.images[:25]
            self.blocks.figure(grid(images, 5), "generated", f"25 images of {main.id}, seeds 0-24")
            add("code", self.drawing.command("--seeds 0-24 --grid 5x5 -o samples/gan.png"))
        except AnimekitError as error:
            self._missing(f"generated images: {error.message}")
        self._stored_picture(main, "timeline.png", "the same noise over the training")
        try:
            for sweep, picture, command in self.drawing.tables(most=1):
                self.blocks.figure(picture, f"conditions {sweep}", f"every {sweep}: {command}")
        except AnimekitError:
            pass  # a model that is told nothing has no such table
        self._curves({main.id: main})
        self._numbers([main])
        add("box", "what do you see in the images, and when did they become what they are?")

    def _comparison(self) -> None:
        add, main, other = self.blocks.add, self.group.main, self.group.other
        add("h2", "3. Comparison with WGAN, WGAN-GP or LSGAN")
        if other is None:
            wanted = "lsgan" if main.config.get("model") == "wgangp" else "wgangp"
            command = train_command(
                {**main.config, "model": wanted, "params": {}, "preset": None}, another=True
            )
            self._missing(f"no run of another objective on these data: {command}")
        else:
            add("h3", "Model description")
            self._describe(other)
            self.blocks.table([("what", "value"), *self._settings(other)])
            add("box", f"describe {other.config.get('model')} in your own words.")
            add("h3", "Result")
            self._side_by_side({main.id: main, other.id: other})
            add("h3", "Comparison and analysis")
            self._numbers([main, other])
        add("box", "which of both is better, by pictures and by numbers, and why?")

    def _tips(self) -> None:
        add, main = self.blocks.add, self.group.main
        add("h2", "4. Training tips")
        add("text", f"Three of the tips {TEN} of soumith/ganhacks, one change at a time.")
        for run in self.group.tips:
            found, tips = changed(main, run, self.registry), new_tips(main, run)
            keys = ", ".join(each.key for each in found[:3])
            add("h3", f"Tip {', '.join(tips)}" if tips else keys[:1].upper() + keys[1:])
            for name, title in tips.items():
                opposite = " (the opposite)" if name.startswith(OPPOSITE) else ""
                add("text", f"Tip {name.removeprefix(OPPOSITE)}: {title}{opposite}.")
            rows = [("changed", main.id, run.id), *(each.cells() for each in found)]
            self.blocks.table(rows)
            add("box", f"{'' if tips else 'which tip is it, and '}how is it implemented?")
            self._side_by_side({"without": main, "with": run})
            self._numbers([main, run])
            add("box", "what did it change, and why?")
        lacking = 3 - len(self.group.tips)
        if lacking > 0:
            self._missing(
                f"{lacking} more run{'s' * (lacking > 1)}, {main.id} and one tip each: the same"
                f" command with --tip N: {train_command(main.config, another=True)}"
            )

    def _collapse(self) -> None:
        add, group = self.blocks.add, self.group
        add("h2", "5. Mode collapse")
        add("h3", "A model that collapses")
        if group.collapsed is None:
            self._missing("no run that collapses: animekit train gan --preset collapse")
        else:
            run = group.collapsed
            values = {**run.config.get("options", {}), **run.config.get("params", {})}
            rows = [(key, show(values[key])) for key in KEPT if values.get(key) is not None]
            self.blocks.table([("recorded", "value"), *rows])
            self._side_by_side({run.id: run})
            self._numbers([run])
        add("box", "how do you know that it collapsed?")
        add("h3", "Cures")
        for cure in group.cures:
            assert group.collapsed is not None or group.cures
            base = group.collapsed or group.main
            found = changed(base, cure, self.registry)
            self.blocks.table([("changed", base.id, cure.id), *(each.cells() for each in found)])
            moved = [each.key for each in found if each.key in KEPT]
            words = f"changed with it: {', '.join(moved)}" if moved else "are as they were"
            add("text", f"Architecture, learning rate and iterations {words}.")
            self._side_by_side({"collapsed": base, "cured": cure})
            self._numbers([base, cure])
        if not group.cures:
            self._missing(
                "no run that cures it with the same architecture, learning rate and iterations"
            )
        add("box", "what helped, and why?")

    def _again(self) -> None:
        self.blocks.add("h2", "6. How to make all of this again")
        for part, run in [("model", self.group.main), *self._others()]:
            self.blocks.add("text", f"{part} ({run.id}):")
            self.blocks.add("code", train_command(run.config))

    def _others(self) -> list[tuple[str, Run]]:
        group = self.group
        found = [("comparison", group.other), ("mode collapse", group.collapsed)]
        found += [("tip", run) for run in group.tips] + [("cure", run) for run in group.cures]
        return [(part, run) for part, run in found if run is not None]

    def _settings(self, run: Run) -> list[tuple[str, str]]:
        found, config = summary(run), run.config
        options, params = config.get("options", {}), config.get("params", {})
        rows = [("data", f"{found.data}, {found.images or 0:,} images")]
        rows += [("state", f"{found.state}, step {found.steps:,}, {duration(found.seconds)}")]
        for table, keys in ((options, SETTINGS), (params, PARAMS)):
            rows += [(key, show(table[key])) for key in keys if table.get(key) is not None]
        resolved = config.get("resolved", {})
        return [*rows, ("device", f"{resolved.get('device')}, {resolved.get('precision')}")]

    def _side_by_side(self, runs: Mapping[str, Run]) -> None:
        """Write the same noise of some runs, and their curves over each other."""
        try:
            sheet = same_noise(
                runs,
                SEEDS,
                checkpoint=self.checkpoint,
                threads=self.threads,
                registry=self.registry,
            )
            name = f"same noise {' '.join(run.id for run in runs.values())}"
            self.blocks.figure(sheet.picture(), name, "the same noise, one row a run")
            notes = [*sheet.notes, *(f"{k}: {why}" for k, why in sheet.left_out.items())]
            if notes:
                self.blocks.bullets(notes)
        except AnimekitError as error:
            self._missing(f"pictures of the same noise: {error.message}")
        self._curves(runs)

    def _curves(self, runs: Mapping[str, Run]) -> None:
        histories = {label: read_history(run) for label, run in runs.items()}
        if (
            max((len(s.steps) for h in histories.values() for s in h.series.values()), default=0)
            < 2
        ):
            self._missing(f"curves: no reports of {', '.join(run.id for run in runs.values())}")
            return
        for title, image in curve_images(panels(histories)[:MOST_PANELS]):
            name = f"curve {title} {' '.join(run.id for run in runs.values())}"
            self.blocks.figure(image, name, f"{title} against steps")

    def _numbers(self, runs: list[Run]) -> None:
        """Write what was measured, with the floor of real images and what is apart."""
        found = gather(runs)
        if not found.rows:
            others = "".join(f" --compare {run.id}" for run in runs[1:])
            self._missing(f"numbers: animekit evaluate {runs[0].id}{others}")
            return
        head = ("number", "good is", "real", *(run.id for run in runs))
        rows = [
            (
                row.key,
                "as real" if row.better == "real" else row.better,
                row.floor,
                *(shown(c.value, c.spread) if c else "–" for c in row.cells),
            )
            for row in found.rows
        ]
        words = [row.words() for row in found.rows]
        if len(runs) > 1:
            head, rows = (*head, "which"), [(*r, w) for r, w in zip(rows, words, strict=True)]
        self.blocks.table([head, *rows])
        for run in runs:
            said = [record.verdict for record in newest_records(run) if record.verdict]
            if said:
                self.blocks.add("text", f"{run.id}: {said[-1]}")

    def _stored_picture(self, run: Run, name: str, caption: str) -> None:
        try:
            self.blocks.figure(read(run.path / name), name.partition(".")[0], caption)
        except AnimekitError:
            self._missing(f"{name}: the training was too short for one")

    def _missing(self, words: str) -> None:
        """Say in the text and to whoever writes it what is still to be made."""
        self.blocks.add("text", f"Missing: {words}.")
        self.open_points.append(words)
