"""Blocks: one text, as Markdown."""

from __future__ import annotations

import numpy as np

from animekit.reporting.blocks import Blocks


def test_a_text_is_written_as_markdown() -> None:
    text = Blocks()
    text.add("h2", "Title")
    text.table([("a", "b"), (1, "x|y"), ("", None)])
    text.bullets(["one", "two"])
    text.add("code", "animekit demo")
    text.add("box", "what do you see?")
    for _ in range(2):
        text.figure(np.zeros((2, 2, 3), np.uint8), "D/adv: loss", "a loss")
    assert [each.name for each in text.figures()] == ["d-adv-loss", "d-adv-loss-2"]
    assert text.markdown("figures") == (
        "## Title\n\n| a | b |\n| --- | --- |\n| 1 | x\\|y |\n|   | None |\n\n- one\n- two\n\n"
        "```text\nanimekit demo\n```\n\n> **To write:** what do you see?\n>\n> ...\n\n"
        "![a loss](figures/d-adv-loss.png)\n\n*a loss*\n\n"
        "![a loss](figures/d-adv-loss-2.png)\n\n*a loss*\n"
    )
