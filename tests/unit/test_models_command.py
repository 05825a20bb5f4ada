"""`dart-stream models` fits a terminal of 80 columns where it can."""

from pipeline.cli.main import main


def test_every_zoo_model_is_listed_with_its_figures(capsys):
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "dartnet-cifar10 (also: default)" in out
    assert "(test, n=5000)" in out
