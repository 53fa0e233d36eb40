"""How busy, full and warm a GPU is, as NVIDIA's management library says it. A card does not tell everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Figures:
    """None is what the card does not tell. utilisation: of the last sample period, percent with a kernel at work."""

    utilisation: float | None = None
    memory_used: int | None = None  # bytes, of the whole card
    memory_total: int | None = None
    temperature: float | None = None  # degrees Celsius
    power: float | None = None  # watts
    power_limit: float | None = None

    @property
    def memory_free(self) -> int | None:
        if self.memory_total is None or self.memory_used is None:
            return None
        return self.memory_total - self.memory_used


@cache
def _library():
    """The bindings, started; None where they or the library are not there."""
    try:
        from cuda.bindings import nvml

        nvml.init_v2()
    except Exception:  # not installed, no driver, no permission: all the same here
        return None
    return nvml


def figures(uuid: str) -> Figures:
    """What the card of this UUID says of itself now."""
    nvml = _library()
    handle = None if nvml is None else _told(lambda: nvml.device_get_handle_by_uuid(uuid))
    if handle is None:
        return Figures()
    rates = _told(lambda: nvml.device_get_utilization_rates(handle))
    memory = _told(lambda: nvml.device_get_memory_info_v2(handle))
    celsius = _told(lambda: nvml.device_get_temperature_v(handle, nvml.TemperatureSensors.TEMPERATURE_GPU))
    power = _told(lambda: nvml.device_get_power_usage(handle))
    limit = _told(lambda: nvml.device_get_enforced_power_limit(handle))
    return Figures(
        None if rates is None else float(rates.gpu),
        None if memory is None else int(memory.used),
        None if memory is None else int(memory.total),
        None if celsius is None else float(celsius),
        None if power is None else power / 1000,
        None if limit is None else limit / 1000,
    )


def _told(ask: Callable):
    try:
        return ask()
    except Exception:  # NotSupported, and whatever else a card answers instead of a number
        return None
