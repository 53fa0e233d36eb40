"""What a card says of itself: read from the bindings that there are, and each figure only where the card tells it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tuinet.engine.cuda import nvml

WHOLE = nvml.Figures(87.0, 12_100_000_000, 80_000_000_000, 54.0, 310.2, 700.0)


class Card:
    """Stands for cuda.bindings.nvml with one card; `silent`: functions that answer with an error."""

    TemperatureSensors = SimpleNamespace(TEMPERATURE_GPU=0)

    def __init__(self, *silent: str) -> None:
        self.silent = silent

    def __getattribute__(self, name: str) -> Any:
        if name != "silent" and name in self.silent:
            raise RuntimeError("Not Supported")
        return object.__getattribute__(self, name)

    def device_get_handle_by_uuid(self, uuid: str) -> int:
        assert uuid == "GPU-1"
        return 7

    def device_get_utilization_rates(self, handle: int) -> Any:
        return SimpleNamespace(gpu=87, memory=40)

    def device_get_memory_info_v2(self, handle: int) -> Any:
        return SimpleNamespace(used=12_100_000_000, total=80_000_000_000, free=67_000_000_000)

    def device_get_temperature_v(self, handle: int, sensor: int) -> int:
        return 54

    def device_get_power_usage(self, handle: int) -> int:
        return 310_200

    def device_get_enforced_power_limit(self, handle: int) -> int:
        return 700_000


@pytest.mark.parametrize(
    ("silent", "left_out"),
    [
        ((), ()),
        (("device_get_power_usage",), ("power",)),
        (("device_get_enforced_power_limit",), ("power_limit",)),
        (("device_get_utilization_rates",), ("utilisation",)),
        (("device_get_temperature_v",), ("temperature",)),
        (("device_get_memory_info_v2",), ("memory_used", "memory_total")),
        (("device_get_handle_by_uuid",), tuple(vars(WHOLE))),
    ],
)
def test_a_figure_that_a_card_does_not_tell_is_none_and_the_others_stand(
    silent: tuple[str, ...], left_out: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvml, "_library", lambda: Card(*silent))
    assert nvml.figures("GPU-1") == nvml.Figures(**{**vars(WHOLE), **dict.fromkeys(left_out)})


def test_without_the_library_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "_library", lambda: None)
    assert nvml.figures("GPU-1") == nvml.Figures()


def test_the_installed_bindings_have_every_name_that_is_asked_for() -> None:
    """A name that is not there would look like a card that does not tell."""
    real = pytest.importorskip("cuda.bindings.nvml")
    for name in (*(name for name in vars(Card) if name.startswith("device_")), "init_v2"):
        assert hasattr(real, name), name
    assert int(real.TemperatureSensors.TEMPERATURE_GPU) == 0
    assert hasattr(real.Utilization, "gpu") and {"used", "total"} <= set(dir(real.Memory_v2))
