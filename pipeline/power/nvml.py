"""NVIDIA GPUs through NVML: the energy counter where the GPU has one, else integrated watts.

NVML's watts are an average over a window that on some GPUs covers only part of the run time
(arXiv 2312.02741), so the counter comes first.
"""

from typing import Any

from pipeline.power.energy import CounterEnergy, IntegratedEnergy, add
from pipeline.power.sensor import Reading, SensorError


class NvmlSensor:
    """All NVIDIA GPUs of this machine that tell their power, summed.

    Args:
        nvml: A stand-in for the module `pynvml`; None imports the real one.

    Raises:
        SensorError: No library, driver or GPU, or no GPU tells its power.
    """

    def __init__(self, nvml: Any | None = None) -> None:
        self._nvml = _import_nvml() if nvml is None else nvml
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as error:
            raise SensorError(f"NVML does not start: {error}") from error
        try:
            self._gpus, refusals = self._open_gpus()
        except SensorError:
            self.close()
            raise
        found, present = len(self._gpus), len(self._gpus) + len(refusals)
        self.name = _name(found, present)
        self.note = "; ".join([*(gpu.note for gpu in self._gpus), *refusals])

    def read(self, now_s: float) -> Reading:
        """Sum of the GPUs; a GPU that does not answer makes the sum unknown."""
        return add([gpu.read(now_s) for gpu in self._gpus])

    def close(self) -> None:
        """Shut NVML down; errors at that moment concern nobody."""
        try:
            self._nvml.nvmlShutdown()
        except self._nvml.NVMLError:
            return

    def _open_gpus(self) -> tuple[list["_Gpu"], list[str]]:
        gpus: list[_Gpu] = []
        refusals: list[str] = []
        try:
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as error:
            raise SensorError(f"NVML does not count GPUs: {error}") from error
        for index in range(count):
            try:
                gpus.append(_Gpu(self._nvml, index))
            except self._nvml.NVMLError as error:
                refusals.append(f"GPU {index} does not tell its power: {error}")
        if not gpus:
            raise SensorError("; ".join(refusals) or "NVML finds no GPU")
        return gpus, refusals


class _Gpu:
    """One GPU, read by its counter if it has one."""

    def __init__(self, nvml: Any, index: int) -> None:
        self._nvml = nvml
        self._index = index
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self._counter: CounterEnergy | None = CounterEnergy()
        self._integral = IntegratedEnergy()
        method = "energy counter"
        try:
            nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except nvml.NVMLError:
            nvml.nvmlDeviceGetPowerUsage(self._handle)
            self._counter = None
            method = "no energy counter, watts integrated"
        self.note = f"GPU {index} {self._model()}: {method}"

    def read(self, now_s: float) -> Reading:
        try:
            if self._counter is None:
                power_mw = self._nvml.nvmlDeviceGetPowerUsage(self._handle)
                return self._integral.update(now_s, power_mw / 1e3)
            energy_mj = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
            return self._counter.update(now_s, energy_mj / 1e3)
        except self._nvml.NVMLError as error:
            raise SensorError(f"GPU {self._index} does not answer: {error}") from error

    def _model(self) -> str:
        name = self._nvml.nvmlDeviceGetName(self._handle)
        # Bindings before 11.5 gave bytes.
        return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _import_nvml() -> Any:
    try:
        import pynvml
    except ImportError as error:
        raise SensorError("the module pynvml (nvidia-ml-py) is not installed") from error
    return pynvml


def _name(found: int, present: int) -> str:
    if found < present:
        return f"NVML ({found} of {present} GPUs)"
    return "NVML" if found == 1 else f"NVML ({found} GPUs)"
