"""The meter on recorded sensor trees, on a recorded NVML, and on the real one without a driver."""

from pathlib import Path

import pynvml
import pytest

from pipeline.power import PowerMeter
from pipeline.power.energy import MAX_GAP_S, CounterEnergy, IntegratedEnergy
from pipeline.snapshot import PowerSnap


class RecordedNvml:
    """GPUs as dictionaries of answers; an error is raised, a missing one is not supported."""

    NVMLError = pynvml.NVMLError

    def __init__(self, *gpus: dict, init_error: int | None = None):
        self.gpus = gpus
        self.init_error = init_error
        self.open = False

    def nvmlInit(self):  # noqa: N802  NVML's own name
        if self.init_error is not None:
            raise pynvml.NVMLError(self.init_error)
        self.open = True

    def nvmlShutdown(self):  # noqa: N802  NVML's own name
        self.open = False

    def nvmlDeviceGetCount(self):  # noqa: N802  NVML's own name
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802  NVML's own name
        return self.gpus[index]

    def nvmlDeviceGetName(self, handle):  # noqa: N802  NVML's own name
        return handle.get("name", "NVIDIA T4")

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802  NVML's own name
        return self.answer(handle, "energy_mj")

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802  NVML's own name
        return self.answer(handle, "power_mw")

    @staticmethod
    def answer(handle, key):
        value = handle.get(key, pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED))
        if isinstance(value, pynvml.NVMLError):
            raise value
        return value


def write(folder: Path, **files: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n")
    return folder


def rapl(sysfs: Path, zone: str, name: str, energy_uj: int, range_uj: int = 262_143_328_850):
    return write(
        sysfs / "class" / "powercap" / zone,
        name=name,
        energy_uj=energy_uj,
        max_energy_range_uj=range_uj,
    )


def ina3221(sysfs: Path, number: int, **rails: tuple[int, int]) -> Path:
    """Rails as label=(millivolts, milliamperes), with the extra channels of the mainline driver."""
    folder = write(sysfs / "class" / "hwmon" / f"hwmon{number}", name="ina3221")
    for channel, (label, (voltage_mv, current_ma)) in enumerate(rails.items(), start=1):
        write(
            folder,
            **{
                f"in{channel}_label": label,
                f"in{channel}_input": voltage_mv,
                f"curr{channel}_input": current_ma,
                f"in{channel + 3}_input": 5,
            },
        )
    return write(folder, in7_label="sum of shunt voltages", in7_input=12, curr7_input=99_999)


@pytest.fixture
def no_nvml_library(monkeypatch):
    """The real pynvml where the driver's library is absent, also on a machine that has it."""

    def absent(*_args):
        raise OSError("libnvidia-ml.so.1: cannot open shared object file")

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", absent)


def test_machine_without_sensors_is_not_measured_rather_than_zero(tmp_path, no_nvml_library):
    meter = PowerMeter(tmp_path)
    assert meter.sample(0.0) == meter.sample(1.0) == PowerSnap()
    assert meter.sample(2.0).energy_j is None


def test_reason_and_findings_name_every_sensor_looked_for(tmp_path):
    nvml = RecordedNvml(init_error=pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    meter = PowerMeter(tmp_path, nvml)
    assert [finding.kind for finding in meter.describe()] == ["board", "NVML", "RAPL"]
    assert not any(finding.found for finding in meter.describe())
    assert "Driver Not Loaded" in meter.reason
    assert "class/powercap" in meter.reason
    assert "\n" not in meter.reason


def test_real_nvml_without_a_library_is_a_reason_not_an_error(tmp_path, no_nvml_library):
    assert "NVML Shared Library Not Found" in PowerMeter(tmp_path).reason


def test_gpu_with_a_counter_gives_joules_since_the_first_sample(tmp_path):
    gpu = {"energy_mj": 7_000_000, "power_mw": 55_000}
    meter = PowerMeter(tmp_path, RecordedNvml(gpu))
    assert meter.sample(10.0) == PowerSnap()
    gpu["energy_mj"] += 30_000
    assert meter.sample(10.5) == PowerSnap(power_w=60.0, energy_j=30.0, source="NVML")
    assert meter.reason is None


def test_gpu_without_a_counter_has_its_watts_integrated(tmp_path):
    gpu = {"power_mw": 20_000}
    meter = PowerMeter(tmp_path, RecordedNvml(gpu))
    assert meter.sample(0.0) == PowerSnap(power_w=20.0, energy_j=None, source="NVML")
    gpu["power_mw"] = 40_000
    assert meter.sample(2.0) == PowerSnap(power_w=40.0, energy_j=60.0, source="NVML")
    assert "watts integrated" in meter.describe()[1].detail


def test_several_gpus_are_summed_and_the_silent_one_is_named(tmp_path):
    gpus = [{"energy_mj": 0}, {"power_mw": 10_000}, {"name": b"GT 710"}]
    meter = PowerMeter(tmp_path, RecordedNvml(*gpus))
    meter.sample(0.0)
    gpus[0]["energy_mj"] = 5_000
    snap = meter.sample(1.0)
    assert (snap.power_w, snap.energy_j, snap.source) == (15.0, 15.0, "NVML (2 of 3 GPUs)")
    assert "GPU 2 does not tell its power: Not Supported" in meter.describe()[1].detail


def test_nvml_where_no_gpu_tells_its_power_is_shut_down_again(tmp_path):
    nvml = RecordedNvml({"name": "Orin (nvgpu)"})
    meter = PowerMeter(tmp_path, nvml)
    assert meter.sample(0.0) == PowerSnap()
    assert "Not Supported" in meter.reason
    assert not nvml.open


def test_a_lost_gpu_is_left_out_with_a_reason_until_it_answers_again(tmp_path):
    gpu = {"energy_mj": 1_000}
    rapl(tmp_path, "intel-rapl:0", "package-0", 0)
    meter = PowerMeter(tmp_path, RecordedNvml(gpu))
    meter.sample(0.0)
    gpu["energy_mj"] = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    assert meter.sample(1.0).source == "RAPL"
    assert meter.reason == "NVML: GPU 0 does not answer: GPU is lost"
    gpu["energy_mj"] = 9_000
    assert meter.sample(2.0) == PowerSnap(power_w=4.0, energy_j=8.0, source="NVML + RAPL")
    assert meter.reason is None


def test_gpu_and_processor_are_summed_under_both_names(tmp_path):
    gpu = {"energy_mj": 0}
    zone = rapl(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    meter = PowerMeter(tmp_path, RecordedNvml(gpu))
    meter.sample(0.0)
    gpu["energy_mj"] = 100_000
    write(zone, energy_uj=25_000_000)
    assert meter.sample(2.0) == PowerSnap(power_w=60.0, energy_j=120.0, source="NVML + RAPL")


def test_rapl_counts_each_package_once(tmp_path):
    zones = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "uncore",
        "intel-rapl:1": "package-1",
        "intel-rapl:2": "psys",
        "intel-rapl-mmio:0": "package-0",
    }
    folders = [rapl(tmp_path, zone, name, 0) for zone, name in zones.items()]
    (tmp_path / "class" / "powercap" / "intel-rapl").mkdir()
    meter = PowerMeter(tmp_path, RecordedNvml())
    meter.sample(0.0)
    for folder in folders:
        write(folder, energy_uj=1_000_000)
    assert meter.sample(1.0) == PowerSnap(power_w=2.0, energy_j=2.0, source="RAPL")


def test_rapl_adds_memory_which_the_package_leaves_out(tmp_path):
    package = rapl(tmp_path, "intel-rapl:0", "package-0", 0)
    memory = rapl(tmp_path, "intel-rapl:0:0", "dram", 0)
    meter = PowerMeter(tmp_path, RecordedNvml())
    meter.sample(0.0)
    write(package, energy_uj=3_000_000)
    write(memory, energy_uj=1_000_000)
    assert meter.sample(1.0) == PowerSnap(power_w=4.0, energy_j=4.0, source="RAPL with DRAM")


def test_rapl_counter_wraps_at_its_own_range(tmp_path):
    zone = rapl(tmp_path, "intel-rapl:0", "package-0", 999_000_000, range_uj=1_000_000_000)
    meter = PowerMeter(tmp_path, RecordedNvml())
    meter.sample(0.0)
    write(zone, energy_uj=2_000_000)
    assert meter.sample(1.0).energy_j == pytest.approx(3.0)


def test_rapl_that_only_root_may_read_says_so(tmp_path, monkeypatch):
    zone = rapl(tmp_path, "intel-rapl:0", "package-0", 0)
    read_text = Path.read_text

    def guarded(path, *args, **kwargs):
        if path == zone / "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", guarded)
    meter = PowerMeter(tmp_path, RecordedNvml())
    assert meter.sample(0.0) == PowerSnap()
    assert "energy_uj is readable by root only" in meter.reason


def test_rapl_file_that_vanishes_or_turns_to_nonsense_never_raises(tmp_path):
    zone = rapl(tmp_path, "intel-rapl:0", "package-0", 0)
    meter = PowerMeter(tmp_path, RecordedNvml())
    meter.sample(0.0)
    write(zone, energy_uj="nonsense")
    assert meter.sample(1.0) == PowerSnap()
    assert "'nonsense', not a number" in meter.reason
    (zone / "energy_uj").unlink()
    assert meter.sample(2.0) == PowerSnap()
    assert "No such file" in meter.reason


@pytest.mark.parametrize(
    ("rails", "watts", "source"),
    [
        pytest.param(
            {"POM_5V_IN": (5000, 900), "POM_5V_GPU": (5000, 200), "POM_5V_CPU": (5000, 300)},
            4.5,
            "board POM_5V_IN",
            id="nano",
        ),
        pytest.param(
            {"VDD_IN": (4960, 1250), "VDD_CPU_GPU_CV": (4960, 400), "VDD_SOC": (4960, 300)},
            6.2,
            "board VDD_IN",
            id="orin-nano",
        ),
        pytest.param(
            {"VDD_GPU_SOC": (20000, 200), "VDD_CPU_CV": (20000, 100), "VIN_SYS_5V0": (5000, 600)},
            9.0,
            "sum of 3 board rails",
            id="agx-orin",
        ),
    ],
)
def test_board_total_is_its_named_rail_or_else_the_sum(tmp_path, rails, watts, source):
    ina3221(tmp_path, 3, **rails)
    write(tmp_path / "class" / "hwmon" / "hwmon0", name="pwmfan")
    meter = PowerMeter(tmp_path, RecordedNvml())
    snap = meter.sample(0.0)
    assert (snap.power_w, snap.energy_j, snap.source) == (pytest.approx(watts), None, source)
    assert meter.sample(2.0).energy_j == pytest.approx(2 * watts)


def test_unconnected_and_silent_channels_are_no_rails(tmp_path):
    folder = ina3221(tmp_path, 1, NC=(10, 10), VDD_GPU_SOC=(20000, 100), VDD_CPU_CV=(20000, 50))
    (folder / "in3_input").unlink()
    meter = PowerMeter(tmp_path, RecordedNvml())
    assert meter.sample(0.0).power_w == pytest.approx(2.0)
    assert meter.sample(0.5).source == "sum of 1 board rails"
    assert "VDD_CPU_CV not read" in meter.describe()[0].detail


def test_input_monitor_of_the_board_is_preferred_and_uses_its_own_watts(tmp_path):
    ina3221(tmp_path, 1, VDD_GPU=(20000, 500))
    write(
        tmp_path / "class" / "hwmon" / "hwmon2",
        name="ina238",
        in0_input=3,
        in1_input=19_800,
        curr1_input=2000,
        power1_input=39_500_000,
    )
    meter = PowerMeter(tmp_path, RecordedNvml())
    assert meter.sample(0.0) == PowerSnap(power_w=39.5, energy_j=None, source="board VIN")


def test_gpu_inside_the_boards_total_is_not_counted_twice(tmp_path):
    ina3221(tmp_path, 1, VDD_IN=(5000, 2000))
    nvml = RecordedNvml({"power_mw": 4_000})
    meter = PowerMeter(tmp_path, nvml)
    assert meter.sample(0.0).power_w == 10.0
    assert not nvml.open
    finding = meter.describe()[1]
    assert (finding.found, finding.used) == (True, False)


def test_closed_meter_lets_go_of_nvml_and_measures_nothing(tmp_path):
    nvml = RecordedNvml({"power_mw": 4_000})
    meter = PowerMeter(tmp_path, nvml)
    meter.close()
    assert not nvml.open
    assert meter.sample(0.0) == PowerSnap()


def test_counter_that_goes_back_without_a_range_makes_the_energy_unknown_for_good():
    energy = CounterEnergy()
    energy.update(0.0, 100.0)
    assert energy.update(1.0, 150.0).energy_j == 50.0
    assert energy.update(2.0, 3.0).energy_j is None
    after = energy.update(3.0, 13.0)
    assert (after.power_w, after.energy_j) == (10.0, None)


def test_counter_watts_are_a_mean_over_about_a_second():
    energy = CounterEnergy()
    for half_second, joules in enumerate([0.0, 0.0, 40.0, 40.0]):
        reading = energy.update(half_second / 2, joules)
    assert reading.power_w == 40.0


def test_same_moment_twice_keeps_counter_watts_unknown_rather_than_infinite():
    energy = CounterEnergy()
    energy.update(1.0, 5.0)
    assert energy.update(1.0, 6.0).power_w is None


@pytest.mark.parametrize("method", [lambda: CounterEnergy(range_j=1000.0), IntegratedEnergy])
def test_energy_across_a_long_gap_is_unknown_while_watts_go_on(method):
    energy = method()
    energy.update(0.0, 10.0)
    energy.update(1.0, 20.0)
    assert energy.update(1.0 + MAX_GAP_S + 1.0, 30.0).energy_j is None
    after = energy.update(3.0 + MAX_GAP_S, 40.0)
    assert after.energy_j is None
    assert after.power_w is not None
