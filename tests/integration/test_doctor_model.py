"""What doctor says of models; the only part of it that needs torch."""

from pipeline.doctor import compute


def test_a_model_that_runs_tells_its_speed(tiny_model):
    found = compute.model_runs(str(tiny_model))
    assert found.verdict == "ok"
    assert "regions/s" in found.found


def test_a_model_that_does_not_load_fails(tmp_path):
    found = compute.model_runs(str(tmp_path))
    assert found.verdict == "fail"
    assert "model.json" in found.found


def test_the_device_is_named():
    assert compute.torch_device().what == "torch"


def test_bf16_is_read_from_the_processors_flags(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2 amx_bf16\n")
    assert compute.bf16(tmp_path / "cpuinfo").found == "yes (amx_bf16)"
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2\n")
    assert compute.bf16(tmp_path / "cpuinfo").found.startswith("no")
