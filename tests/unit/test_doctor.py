"""What doctor says of machines that lack something."""

import os
import resource
import sys
from types import SimpleNamespace

import pytest

from pipeline.cli.main import main
from pipeline.doctor import Check, checks, limits, machine, media, software

GIB = 1 << 30


def test_a_package_that_is_not_installed_is_named_with_the_command_to_get_it():
    found = software.packages(["numpy>=2", "no-such-package-here>=1", "extra-one; extra == 'dev'"])
    assert found.verdict == "fail"
    assert found.advice == "pip install no-such-package-here"
    assert "extra-one" not in found.found


def test_all_packages_of_this_installation_are_there():
    assert software.packages().verdict == "ok"


def test_a_containers_limit_below_the_cores_is_seen(tmp_path):
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    limited = machine.cores(tmp_path / "cpu.max")
    assert limited.verdict == "warn"
    assert "limited to 0.5" in limited.found
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores(tmp_path / "cpu.max").verdict == "ok"


@pytest.mark.parametrize(("available_mb", "verdict"), [(500, "warn"), (4000, "ok")])
def test_little_memory_is_seen(tmp_path, available_mb, verdict):
    text = f"MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable: {available_mb * 1024} kB\n"
    (tmp_path / "meminfo").write_text(text)
    assert machine.memory(tmp_path / "meminfo").verdict == verdict


def test_shared_memory_that_is_not_there_or_small_is_seen(tmp_path, monkeypatch):
    assert machine.shared_memory(tmp_path / "shm").verdict == "warn"
    usage = SimpleNamespace(free=1 << 20, total=1 << 26)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    assert "--shm-size" in machine.shared_memory(tmp_path).advice


@pytest.mark.parametrize(
    ("limits", "advice"),
    [
        ((256, 4096), "ulimit -n 1024"),
        ((256, 512), "ulimit -n 512"),
        ((256, resource.RLIM_INFINITY), "ulimit -n 1024"),
        ((4096, 4096), ""),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), ""),
    ],
)
def test_few_open_files_are_seen(limits, advice):
    assert machine.open_files(limits).advice == advice


def test_a_containers_limit_on_memory_is_seen(tmp_path):
    assert limits.memory_limit(tmp_path).found == "none"
    (tmp_path / "memory.max").write_text("max\n")
    assert limits.memory_limit(tmp_path).found == "none"
    (tmp_path / "memory.max").write_text(f"{4 * GIB}\n")
    assert limits.memory_limit(tmp_path).verdict == "ok"
    (tmp_path / "memory.current").write_text(f"{3 * GIB}\n")
    found = limits.memory_limit(tmp_path)
    assert (found.verdict, found.found) == ("warn", "1.0 GiB left of 4.0 GiB (control group)")


def test_files_that_the_kernel_keeps_for_later_take_no_memory_of_a_container(tmp_path):
    (tmp_path / "memory.max").write_text(f"{4 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{3 * GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\nactive_file 7\ninactive_file {2 * GIB}\n")
    found = limits.memory_limit(tmp_path)
    assert (found.verdict, found.found) == ("ok", "3.0 GiB left of 4.0 GiB (control group)")


@pytest.mark.parametrize(
    ("soft", "most", "verdict"),
    [(-1, None, "ok"), (100, None, "warn"), (-1, 120, "warn"), (5_000, 4_000, "ok")],
)
def test_few_processes_are_seen(tmp_path, soft, most, verdict):
    if most is not None:
        (tmp_path / "pids.max").write_text(f"{most}\n")
        (tmp_path / "pids.current").write_text("20\n")
    assert limits.processes(tmp_path, (soft, soft)).verdict == verdict


def test_a_users_limit_is_of_all_processes_and_a_containers_of_those_to_come(tmp_path):
    assert limits.processes(tmp_path, (300, 300)).found == (
        "300 processes and threads of this user in all"
    )
    (tmp_path / "pids.max").write_text("120\n")
    (tmp_path / "pids.current").write_text("20\n")
    assert limits.processes(tmp_path, (300, 300)).found == "100 more processes and threads"


def test_frames_are_really_laid_in_shared_memory(tmp_path):
    assert limits.shared_frames(tmp_path).verdict == "ok"
    assert list(tmp_path.iterdir()) == []
    gone = limits.shared_frames(tmp_path / "gone")
    assert (gone.verdict, "No such file" in gone.found) == ("warn", True)


@pytest.mark.parametrize(("state", "verdict"), [(0, "ok"), (5, "warn"), (-1, "ok")])
def test_a_clock_that_nothing_sets_is_seen(state, verdict):
    assert limits.clock_sync(lambda: state).verdict == verdict
    assert limits.clock_sync().verdict in {"ok", "warn"}


def test_a_socket_is_really_made_and_nothing_stays(tmp_path):
    assert machine.sockets(tmp_path).verdict == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_whose_path_is_too_long_for_a_socket_is_seen(tmp_path):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    found = machine.sockets(deep)
    assert found.verdict == "fail"
    assert "TMPDIR" in found.advice
    assert list(deep.iterdir()) == []


def test_a_temporary_folder_that_is_not_there_is_seen(tmp_path):
    assert machine.sockets(tmp_path / "gone").verdict == "fail"


def test_a_full_disk_is_seen(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=GIB // 2, total=GIB)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    assert machine.disk(tmp_path).verdict == "warn"


def test_a_clock_before_the_installation_is_seen():
    assert machine.clock(0.0).verdict == "warn"
    assert machine.clock().verdict == "ok"


@pytest.mark.parametrize(
    ("encoding", "size", "verdict"),
    [("utf-8", (80, 24), "ok"), ("ascii", (80, 24), "warn"), ("UTF-8", (79, 24), "warn")],
)
def test_a_terminal_that_cannot_show_everything_is_seen(monkeypatch, encoding, size, verdict):
    screen = SimpleNamespace(isatty=lambda: True, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(machine.shutil, "get_terminal_size", lambda: os.terminal_size(size))
    assert machine.terminal().verdict == verdict


def test_this_decoder_knows_what_cameras_send():
    assert media.codecs().verdict == "ok"


def test_a_missing_decoder_is_worse_than_a_missing_encoder(monkeypatch):
    monkeypatch.setattr(media, "ENCODERS", ("no-such-codec",))
    assert media.codecs().verdict == "warn"
    monkeypatch.setattr(media, "DECODERS", ("no-such-codec",))
    assert media.codecs().verdict == "fail"


def test_no_webcam_is_no_fault_and_a_closed_one_is(tmp_path, monkeypatch):
    assert media.webcams(tmp_path) == Check("webcams", "none")
    (tmp_path / "video0").touch()
    assert media.webcams(tmp_path).verdict == "ok"
    monkeypatch.setattr(media.os, "access", lambda *_: False)
    assert "group video" in media.webcams(tmp_path).advice


def test_a_look_that_breaks_is_a_finding_and_the_others_go_on(monkeypatch):
    def broken():
        raise OSError("libsomething.so: cannot open")

    monkeypatch.setattr(checks.software, "python", broken)
    looks = checks.examine("default")
    assert next(looks) == Check("python", "OSError: libsomething.so: cannot open", "fail", "-")
    assert next(looks).what == "packages"


@pytest.mark.parametrize(
    ("verdicts", "status"), [(("ok", "ok"), 0), (("ok", "warn"), 0), (("warn", "fail"), 1)]
)
def test_the_exit_status_says_whether_it_can_run(monkeypatch, capsys, verdicts, status):
    found = [Check("thing", "found", verdict, "do this") for verdict in verdicts]
    monkeypatch.setattr("pipeline.cli.doctor.examine", lambda model: iter(found))
    assert main(["doctor"]) == status
    assert capsys.readouterr().out.count("do this") == len(verdicts)
