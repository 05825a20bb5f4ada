"""docs/exit-table.md: its code runs, one block after another."""

import re
from pathlib import Path

DOC = Path(__file__).parents[2] / "docs" / "exit-table.md"


def test_the_documented_file_can_be_written_and_searched(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, str(DOC), "exec"), {})
    assert "FrontierPoint" in capsys.readouterr().out
