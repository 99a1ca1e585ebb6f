"""Films: H.264 that browsers play, sound kept, a text in the metadata, whole or not at all."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animekit.errors import UnusableError
from animekit.images import film
from animekit.images.film import Film, comment_of

pytest.importorskip("av")


def frames(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Return a grey that becomes lighter."""
    return [np.full((height, width, 3), 20 + 8 * index, np.uint8) for index in range(count)]


def with_sound(path: Path, codec: str = "aac", seconds: float = 2.0) -> Path:
    """Write a film with a tone, as a camera would."""
    import av

    rate = 44100
    wave = np.sin(np.arange(int(rate * seconds)) * 440 * 2 * np.pi / rate)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"  # type: ignore[union-attr]
        audio = container.add_stream(codec, rate=rate)
        for picture in frames(int(10 * seconds)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(video.encode(frame))  # type: ignore[union-attr, arg-type]
        container.mux(video.encode())  # type: ignore[union-attr]
        for start in range(0, len(wave), 1024):
            part = wave[None, start : start + 1024].astype(np.float32)
            sound = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = rate, start, Fraction(1, rate)
            container.mux(audio.encode(sound))  # type: ignore[union-attr, arg-type]
        container.mux(audio.encode())  # type: ignore[union-attr]
    return path


def loudness(path: Path) -> tuple[str, float, float]:
    """Return the codec of a file's sound, its seconds and its mean square."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
        return stream.codec_context.name, len(samples) / 44100, float(np.square(samples).mean())


def test_a_film_is_what_browsers_play_and_keeps_frames_speed_and_text(tmp_path: Path) -> None:
    import av

    made = Film(tmp_path / "new" / "a.mp4", 64, 48, 12.5, comment="animekit 新")
    made.write(frames(10))
    assert made.finish() == tmp_path / "new" / "a.mp4"
    with av.open(str(made.path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.frames, stream.average_rate) == (10, Fraction(25, 2))
        levels = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(stream)]
    assert np.abs(np.array(levels) - (20 + 8 * np.arange(10))).max() < 2
    assert comment_of(made.path) == "animekit 新"
    data = made.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it plays before it is there whole
    assert [path.name for path in made.path.parent.iterdir()] == ["a.mp4"]


def test_colours_are_those_of_the_pictures(tmp_path: Path) -> None:
    import av

    colours = [(200, 30, 40), (40, 170, 70), (60, 90, 210), (250, 220, 200), (0, 0, 0), (255,) * 3]
    for size in ((64, 48), (1280, 720)):
        made = Film(tmp_path / "a.mp4", *size, 10)
        made.write(np.full((size[1], size[0], 3), colour, np.uint8) for colour in colours)
        with av.open(str(made.finish())) as container:
            assert container.streams.video[0].codec_context.colorspace == 6
            shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        for picture, colour in zip(shown, colours, strict=True):
            assert np.abs(picture.reshape(-1, 3).mean(0) - colour).max() < 4


def test_the_same_frames_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        made = Film(tmp_path / name, 64, 48, 20)
        made.write(frames(5))
        made.finish()
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(("name", "codec"), [("in.mp4", "aac"), ("in.mkv", "flac")])
def test_the_sound_of_another_file_goes_along(name: str, codec: str, tmp_path: Path) -> None:
    source = with_sound(tmp_path / name, codec)
    made = Film(tmp_path / "out.mp4", 64, 48, 10, sound=source)
    made.write(frames(20))
    made.finish()
    kind, seconds, power = loudness(tmp_path / "out.mp4")
    assert kind == "aac"  # as it was, or as a film can hold it
    assert seconds == pytest.approx(2, abs=0.1)
    assert power == pytest.approx(0.25, rel=0.1)  # of each of two channels


def test_sound_ends_with_the_pictures(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "in.mp4")
    made = Film(tmp_path / "out.mp4", 64, 48, 10, sound=source)
    made.write(frames(5))
    made.finish()
    assert loudness(tmp_path / "out.mp4")[1] == pytest.approx(0.5, abs=0.1)


def test_a_file_without_sound_or_that_is_none_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "none.mp4").write_bytes(b"nothing")
    silent = Film(tmp_path / "silent.mp4", 64, 48, 10)
    silent.write(frames(3))
    silent.finish()
    for name in ("none.mp4", "silent.mp4", "missing.mp4"):
        made = Film(tmp_path / "out.mp4", 64, 48, 10, sound=tmp_path / name)
        made.write(frames(3))
        assert made.finish().is_file()
    assert comment_of(tmp_path / "none.mp4") == "" and comment_of(tmp_path / "silent.mp4") == ""


def test_a_film_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    made = Film(tmp_path / "a.mp4", 64, 48, 10)
    made.discard()
    begun = Film(tmp_path / "b.mp4", 64, 48, 10)
    begun.write(frames(2))
    begun.discard()
    with pytest.raises(UnusableError, match="PyAV writes no video of 63x47"):
        Film(tmp_path / "c.mp4", 63, 47, 10)
    assert not list(tmp_path.iterdir())


def test_without_pyav_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not film.is_had()
    assert comment_of(tmp_path / "a.mp4") == ""
    with pytest.raises(UnusableError, match=r"no \.mp4 without PyAV") as caught:
        Film(tmp_path / "a.mp4", 64, 48, 10)
    assert '".[video]"' in str(caught.value.hint)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_agrees(tmp_path: Path) -> None:
    made = Film(tmp_path / "a.mp4", 64, 48, 10)
    made.write(frames(3))
    path = made.finish()
    words = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,pix_fmt", str(path)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "codec_name=h264" in said and "pix_fmt=yuv420p" in said
