"""What products by cuBLAS promise: the numbers of the definitions, in one graph a step, rounded only when asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cuda import stand_in
from tests.networks import dense, layer, make
from tuinet.engine import reference
from tuinet.engine.program import Call, Slot
from tuinet.engine.trials import SIZES, Places, operands_for
from tuinet.kernels import OPS
from tuinet.shapes import slide

POINTWISE = {  # images, and groups
    "whole": (slide((5, 6, 7), (1, 1), (1, 1), "valid"), 9),
    "grouped": (slide((3, 4, 6), (1, 1), (1, 1), "same", groups=3), 12),
}


@pytest.fixture
def blas(gpu: stand_in.StandIn, monkeypatch: pytest.MonkeyPatch) -> Any:
    """cuBLAS is installed; its stand-in counts what it is asked for."""
    made = stand_in.load_cublas()
    monkeypatch.setattr("tuinet.engine.cuda.cublas.library", lambda: made)
    return made


@pytest.fixture
def both(device: Any, blas: Any) -> Any:
    """The GPU of this test with cuBLAS."""
    from tuinet.engine.cuda import cublas

    device.kernels.blas = cublas.found(device, "float32")
    return device


def error_of(gpu: Any, call: Call, views: dict[Slot, np.ndarray]) -> float:
    from tuinet.engine.cuda.examination import on_device

    exact = {slot: view.astype(np.int64 if slot.whole else np.float64) for slot, view in views.items()}
    reference.step(call, Places(exact))
    apart, (out,) = on_device(gpu, call, views), call.results
    return float(np.abs(apart.fetch(out) - exact[out]).max() / np.abs(exact[out]).max())


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", ["dense", "matmul_nn", "matmul_nt", "matmul_tn"])
def test_every_product_is_asked_of_cublas_and_right(both: Any, blas: Any, name: str, sizes: str) -> None:
    for keep in (False, True) if OPS[name].keeps else (False,):
        call, views = operands_for(name, sizes)
        call.keep = keep
        before = blas.stand_in_multiplications()
        assert error_of(both, call, views) <= 1e-5, keep
        assert blas.stand_in_multiplications() == before + 1
    assert blas.stand_in_wrong_calls() == 0


@pytest.mark.parametrize("kind", POINTWISE)
@pytest.mark.parametrize("name", ["conv2d", "conv2d_inputs", "conv2d_weights"])
def test_a_convolution_of_single_places_is_a_product_for_each_group(
    both: Any, blas: Any, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    monkeypatch.setitem(_geometries(), "odd", POINTWISE[kind])
    before = blas.stand_in_multiplications()
    assert error_of(both, *operands_for(name, "odd")) <= 1e-5
    assert blas.stand_in_multiplications() == before + 1


def test_a_convolution_with_windows_is_none(both: Any, blas: Any) -> None:
    before = blas.stand_in_multiplications()
    assert error_of(both, *operands_for("conv2d", "odd")) <= 1e-5
    assert blas.stand_in_multiplications() == before


def _geometries() -> dict[str, Any]:
    from tuinet.engine import trials

    return trials.GEOMETRIES


def test_a_step_with_cublas_is_one_graph_and_trains_as_on_the_processor(gpu: Any, blas: Any) -> None:
    layers = [dense(8, "tanh"), layer("dropout", rate=0.3), dense(3)]
    small = dict(inputs=6, examples=20, batch_size=4, outputs=3)
    here, there = (make(layers, device=word, **small) for word in ("cpu", "cuda:0"))
    for trainer in (here, there):
        assert trainer.run(1000, 1) == "done"
    done, replayed = blas.stand_in_multiplications(), gpu.calls("cuGraphLaunch")
    for trainer in (here, there):
        assert trainer.run(1000, 6) == "done"
    assert gpu.calls("cuGraphLaunch") == replayed + 5
    assert blas.stand_in_multiplications() == done + 5 * 5  # two forward, and three gradients, each step
    for name, array in here.model().items():
        assert np.abs(array - there.model()[name]).max() <= 1e-4 * np.abs(array).max() + 1e-7, name


@pytest.mark.parametrize(("precision", "mode"), [("float32", 0), ("tf32", 3)])
def test_tensor_cores_round_only_when_asked(blas: Any, precision: str, mode: int) -> None:
    make([dense(3)], device="cuda:0", inputs=6, examples=20, batch_size=4, outputs=3, precision=precision)
    assert blas.stand_in_math_mode() == mode


def test_the_handle_goes_with_its_owner(device: Any, blas: Any) -> None:
    from tuinet.engine.cuda import cublas

    before = blas.stand_in_contexts()
    held = cublas.found(device, "float32")
    assert blas.stand_in_contexts() == before + 1
    del held
    assert blas.stand_in_contexts() == before


def test_what_cublas_refuses_is_told(device: Any, blas: Any) -> None:
    from tuinet.engine.cuda import cublas, driver

    held, nowhere = cublas.found(device, "float32"), cublas.Matrix(0, 0)
    with pytest.raises(driver.DeviceError, match=r"cuBLAS answers INVALID_VALUE \(7\) to cublasSgemm_v2"):
        held.product(device.stream, nowhere, nowhere, nowhere, (2, 2, 2), False)


def test_the_examination_tries_and_times_cublas_too(device: Any, blas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuinet.engine.cuda import examination

    monkeypatch.setattr(examination, "sorted", lambda ops: [], raising=False)  # only those by cuBLAS
    found = list(examination.trials(device))
    assert len(found) == 4 * len(SIZES) and all(trial.right for trial in found)
    for name, size in (("WIDE", 16), ("MANY", 1000), ("KERNELS", 3)):
        monkeypatch.setattr(examination, name, size)
    assert "by cuBLAS" in {speed.what for speed in examination.speeds(device)}
    assert device.kernels.blas is None
