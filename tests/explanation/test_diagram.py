"""The diagram: a box a block, as large as its maps, on as many lines as it needs."""

from __future__ import annotations

from animekit.explanation.diagram import PER_LINE, boxes_of, lines_of
from animekit.explanation.layers import LayerRow, Network


def network(*layers: LayerRow) -> Network:
    return Network("net", layers, (3, 8, 8), 0)


def conv(side: int, name: str = "Conv") -> LayerRow:
    return LayerRow("x", name, (4, side, side), 10, (3, 3), (2, 2), ("ReLU",))


def test_a_box_holds_the_layers_of_one_shape_and_says_how_the_maps_change() -> None:
    boxes = boxes_of(
        network(conv(4), conv(4), conv(8, "ConvTranspose"), LayerRow("y", "Linear", (1,), 5))
    )
    assert [(box.kind, box.output) for box in boxes] == [
        *(("input", (3, 8, 8)), ("down", (4, 4, 4)), ("up", (4, 8, 8)), ("dense", (1,)))
    ]
    assert boxes[1].words == ("2 x Conv 3x3 /2",)
    assert boxes[1].parameters == 20
    assert boxes[2].words == ("ConvTranspose 3x3 /2", "ReLU")


def test_long_networks_go_on_in_even_lines() -> None:
    lines = list(lines_of(network(*(conv(side) for side in range(1, PER_LINE + 1)))))
    assert [len(boxes) for _, boxes, _ in lines] == [5, 4]
    assert [start for _, _, start in lines] == [0, 5]
