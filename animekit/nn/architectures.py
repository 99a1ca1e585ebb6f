"""Generators and discriminators by named architecture, for square images of 32 to 256 pixels."""

from __future__ import annotations

from animekit.nn.conditional_nets import (
    MatchingDiscriminator,
    ProjectionDiscriminator,
    odena_discriminator,
    odena_generator,
    seed002_discriminator,
    text_discriminator,
    text_generator,
)
from animekit.nn.convnets import (
    course_discriminator,
    course_generator,
    dcgan_discriminator,
    dcgan_generator,
    resnet_discriminator,
    resnet_generator,
    seed000_discriminator,
    seed000_generator,
    table_one_discriminator,
    table_one_generator,
)
from animekit.nn.dense import mlp_generator
from animekit.nn.fastgan import fastgan_discriminator, fastgan_generator
from animekit.nn.infogan_nets import infogan_discriminator, infogan_generator
from animekit.nn.modern import modern_discriminator, modern_generator
from animekit.nn.networks import Architecture, Discriminator, Generator, HeadedDiscriminator, Shape
from animekit.nn.srresnet import (
    preactivation_discriminator,
    preactivation_generator,
    srresnet_discriminator,
    srresnet_generator,
)

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Discriminator",
    "Generator",
    "HeadedDiscriminator",
    "MatchingDiscriminator",
    "ProjectionDiscriminator",
    "Shape",
    "dcgan_discriminator",
    "dcgan_generator",
]


def _autos(g_norm: str, g_activation: str, d_activation: str, **more: str) -> dict[str, str]:
    """Return what "auto" means for parameters of an architecture; a test builds both."""
    named = {"g_norm": g_norm, "g_activation": g_activation, "d_activation": d_activation}
    return named | {"g_output": "tanh"} | more


ARCHITECTURES = {
    entry.name: entry
    for entry in (
        Architecture(
            "dcgan",
            "Radford et al., 2016",
            dcgan_generator,
            dcgan_discriminator,
            d_norm="batch",
            attends=True,
            tells=True,
            autos=_autos("batch", "relu", "lrelu", d_pool="stride", g_upsample="transposed"),
        ),
        Architecture(
            "mlp",
            "Arjovsky et al., 2017, section 4.3",
            mlp_generator,
            dcgan_discriminator,
            d_norm="batch",
            tells=True,
            autos=_autos("none", "relu", "lrelu", d_pool="stride"),
        ),
        Architecture(
            "course",
            "NTU MLDS 2018 homework 3 baseline",
            course_generator,
            course_discriminator,
            init="default",
            power_of_two=False,
            autos=_autos("none", "relu", "relu", d_pool="stride", g_upsample="nearest"),
        ),
        Architecture(
            "seed000",
            "MLDS 2018 group report, table III",
            seed000_generator,
            seed000_discriminator,
            init="default",
            power_of_two=False,
            autos=_autos("batch", "selu", "relu", d_pool="avg", g_upsample="transposed"),
        ),
        Architecture(
            "seed000-i",
            "MLDS 2018 group report, table I",
            table_one_generator,
            table_one_discriminator,
            init="default",
            power_of_two=False,
            autos=_autos("none", "selu", "relu", d_pool="avg", g_upsample="transposed"),
        ),
        Architecture(
            "resnet",
            "Gulrajani et al., 2017",
            resnet_generator,
            resnet_discriminator,
            d_norm="layer",
            init="he",
            pools=False,
            attends=True,
            tells=True,
            autos=_autos("batch", "relu", "relu"),
        ),
        Architecture(
            "modern",
            "Huang et al., 2024",
            modern_generator,
            modern_discriminator,
            init="default",
            pools=False,
            attends=True,
            skips=True,
            autos=_autos("none", "lrelu", "lrelu", g_output="none"),
        ),
        Architecture(
            "fastgan",
            "Liu et al., 2021",
            fastgan_generator,
            fastgan_discriminator,
            d_norm="batch",
            pools=False,
            attends=True,
            skips=True,
            tells=True,
            autos=_autos("batch", "glu", "lrelu", g_upsample="nearest"),
        ),
        Architecture(
            "seed000-text",
            "MLDS 2018 group report, text-to-image",
            text_generator,
            text_discriminator,
            init="default",
            pools=False,
            autos=_autos("batch", "selu", "lrelu"),
        ),
        Architecture(
            "seed002",
            "DLCV homework report, ACGAN",
            dcgan_generator,
            seed002_discriminator,
            d_norm="batch",
            autos=_autos("batch", "relu", "lrelu", d_pool="stride", g_upsample="transposed"),
        ),
        Architecture(
            "infogan",
            "Chen et al., 2016",
            infogan_generator,
            infogan_discriminator,
            d_norm="batch",
            autos=_autos("batch", "relu", "lrelu:0.1", d_pool="stride", g_upsample="transposed"),
        ),
        Architecture(
            "odena",
            "Odena et al., 2017",
            odena_generator,
            odena_discriminator,
            d_norm="batch",
            autos=_autos("batch", "relu", "lrelu", d_pool="stride", g_upsample="transposed"),
        ),
        Architecture(
            "srresnet",
            "Jin et al., 2017",
            srresnet_generator,
            srresnet_discriminator,
            init="he",
            pools=False,
            autos=_autos("batch", "relu", "lrelu", g_upsample="pixelshuffle"),
        ),
        Architecture(
            "srresnet-pre",
            "Jin et al., 2017, with the blocks of He et al., 2016",
            preactivation_generator,
            preactivation_discriminator,
            init="he",
            pools=False,
            autos=_autos("batch", "relu", "lrelu", g_upsample="pixelshuffle"),
        ),
    )
}
