"""Only workers pay for torch, and only readers for codecs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "banned"),
    [
        ("pipeline.supervisor", "torch"),
        ("pipeline.cli.main, pipeline.cli.run, pipeline.cli.session", "torch"),
        ("pipeline.roles.reader", "torch"),
        ("pipeline.cli.reader, pipeline.roles.remote_reader", "torch"),
        ("pipeline.roles.sink", "torch"),
        ("pipeline.roles.sink", "av"),
        ("pipeline.roles.sink", "cv2"),
        ("pipeline.sinks.overlay, pipeline.sinks.video_file, pipeline.frame_ring", "torch"),
        ("pipeline.roles.monitor", "torch"),
        ("pipeline.roles.monitor", "av"),
        pytest.param("pipeline.roles.worker", "av", marks=pytest.mark.torch_process),
        ("pipeline.child", "numpy"),
        ("dart_stream.difficulty, dart_stream.exit_score_comparison", "torch"),
        ("dart_stream, dart_stream.model_dir, dart_stream.policies, dart_stream.metrics", "torch"),
    ],
)
def test_what_a_process_does_not_need_is_not_imported(modules, banned):
    code = f"import sys, {modules}; sys.exit({banned!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == 0
