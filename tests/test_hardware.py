"""The lesson of `tuinet bench --hardware` says what was measured, and where there is no GPU it says why."""

from __future__ import annotations

import pytest

from tests.cli_scenes import rows, tuinet
from tuinet.diagnostics.hardware import Timed, pairs, sentence, wins_from
from tuinet.engine.cuda import devices


def made(*times: tuple[float, float | None], kernels: int = 20) -> list[Timed]:
    """Widths 32, 64 ..., each with its microseconds on the processor and on the GPU."""
    found = []
    for place, (processor, gpu) in enumerate(times):
        width = 32 << place
        found.append(Timed(width, "cpu", 2, processor, 6 * width * width))
        if gpu is not None:
            found.append(Timed(width, "cuda:0", 1, gpu, 6 * width * width, kernels))
    return found


@pytest.mark.parametrize(
    ("times", "least"),
    [
        ([(10, 60), (40, 60), (160, 65)], 128),
        ([(10, 60), (70, 60), (160, 65)], 64),
        ([(70, 60), (40, 60), (160, 65)], 128),  # a width at which it loses again does not count
        ([(70, 60), (90, 60), (160, 65)], 32),
        ([(10, 60), (40, 60), (50, 65)], None),
        ([(10, 10)], None),  # level is not won
        ([(10, 60), (160, 65), (640, None)], 64),  # a width that was timed on one of them says nothing
        ([(10, None)], None),
        ([], None),
    ],
)
def test_the_gpu_wins_from_the_width_on_from_which_it_always_does(
    times: list[tuple[float, float | None]], least: int | None
) -> None:
    assert wins_from(made(*times)) == least


@pytest.mark.parametrize(
    ("times", "begin"),
    [
        ([(10, 60), (40, 60), (160, 65)], "From width 128 on the GPU wins: at width 32 "),
        ([(70, 60), (90, 60)], "The GPU wins at every one of these widths: at width 32 "),
        ([(10, 60), (40, 60)], "Not even at the widest of these the GPU wins: at width 32 "),
    ],
)
def test_the_sentence_begins_with_the_width(times: list[tuple[float, float | None]], begin: str) -> None:
    assert sentence(made(*times)).startswith(begin)


def test_the_sentence_has_the_launches_against_the_arithmetic() -> None:
    assert sentence(made((10, 60), (40, 60), (160, 65))) == (
        "From width 128 on the GPU wins: at width 32 a step is 20 kernels, 3 µs each with next to nothing to compute, "
        "60 µs in all, while the processor is through in 10 µs; at width 128 the arithmetic counts, "
        "2 billion multiply-adds a second on the GPU and 614 million on the processor."
    )
    assert "while" not in sentence(made((70, 60), (90, 60)))
    assert sentence(made((10, None))) == ""
    assert [(a.device, b.device) for a, b in pairs(made((1, 2), (3, 4)))] == [("cpu", "cuda:0")] * 2


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("word", "code"),
    [("auto", 0), pytest.param("cuda", 1, marks=SLOW), pytest.param("cuda:3", 1, marks=SLOW), ("cpu", 0)],
)
def test_without_a_gpu_the_processors_half_is_shown_and_why(
    word: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "library", lambda: None)
    words = ("bench", "--hardware", "--device", word, "--widths", "8,4", "--batch", "8", "--threads", "1")
    printed = tuinet(*words)
    assert printed.exit_code == code
    assert "cpu µs/step" in printed.stdout and "the GPU is" not in printed.stdout
    assert ("Only the processor was timed: there is no NVIDIA driver" in printed.stdout) == (word != "cpu")
    *widths, end = rows(tuinet(*words, "--json").stdout)
    assert [(row["width"], row["device"], row["threads"], row["kernels"]) for row in widths] == [
        (4, "cpu", 1, 0), (8, "cpu", 1, 0),
    ]  # fmt: skip
    assert all(row["us_per_step"] > 0 for row in widths)
    assert widths[0]["multiply_adds"] == 8 * (3 * 40 + 3 * 16 + 2 * 16)  # nobody asks for the inputs' gradients
    assert (end["wins_from"], end["sentence"]) == (None, "") and (end["no_gpu"] is None) == (word == "cpu")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("gpt", "--hardware"), "leave TASKs and --beside out"),
        (("--hardware", "--device", "reference"), "auto, cpu, cuda or cuda:N"),
        (("--device", "cuda"), "--device goes with --hardware"),
        (("--widths", "32"), "--widths goes with --hardware"),
        (("--hardware", "--widths", "32,x"), "whole numbers from 1 to"),
        (("--hardware", "--widths", "0"), "whole numbers from 1 to"),
        (("--hardware", "--device", "gpu"), "there is no such device"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], says: str) -> None:
    refused = tuinet("bench", *words)
    assert refused.exit_code != 0
    assert says in str(refused.exception) or says in refused.output
