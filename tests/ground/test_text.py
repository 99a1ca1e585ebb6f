"""Words for people: what is offered for a word that is not known."""

from __future__ import annotations

from animekit.text import did_you_mean


def test_the_nearest_word_is_offered_and_never_the_word_itself() -> None:
    assert did_you_mean("wganpg", ["lsgan", "wgangp"]) == ' Did you mean "wgangp"?'
    assert did_you_mean("captions", ["captions", "caption"]) == ""
    assert did_you_mean("Captions", ["captions"]) == ' Did you mean "captions"?'
    assert did_you_mean("captions", ["Captions", "captions"]) == ""
    assert did_you_mean("long", ["orange"], cutoff=0.7) == ""
