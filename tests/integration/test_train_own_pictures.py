"""From a folder of one's own pictures, with all its troubles, to a run on a clip: two commands."""

import io

import numpy as np
import pytest
from PIL import Image

from dart_stream.model_dir import read_info
from pipeline.cli.main import main

COLOURS = {"Küche": (200, 60, 40), "büro 2": (40, 180, 60), "车库": (50, 70, 200)}
COUNTS = {"Küche": 24, "büro 2": 16, "车库": 8}


def photo(colour, size, mode, form, generator, **options):
    pixels = np.clip(np.array(colour) + generator.integers(-40, 40, (*size, 3)), 0, 255)
    file = io.BytesIO()
    if mode == "I;16":
        picture = Image.fromarray((pixels[..., 0] * 257).astype(np.uint16))
    else:
        picture = Image.fromarray(pixels.astype(np.uint8)).convert(mode)
    picture.save(file, form, **options)
    return file.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 8
    return exif


KINDS = [
    ("jpg", (90, 120), "RGB", "JPEG", {}),
    ("jpeg", (700, 900), "RGB", "JPEG", {"exif": turned()}),
    ("png", (40, 33), "RGBA", "PNG", {}),
    ("PNG", (20, 61), "P", "PNG", {}),
    ("bmp", (32, 32), "RGB", "BMP", {}),
    ("webp", (48, 80), "RGB", "WEBP", {}),
    ("tif", (30, 30), "CMYK", "TIFF", {}),
    ("gif", (31, 17), "P", "GIF", {}),
]


@pytest.fixture
def pictures(tmp_path):
    root = tmp_path / "my pictures"
    generator = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name / "2024").mkdir(parents=True)
        for index in range(COUNTS[name]):
            suffix, size, mode, form, options = KINDS[index % len(KINDS)]
            folder = root / name / ("2024" if index % 3 == 0 else "")
            content = photo(colour, size, mode, form, generator, **options)
            (folder / f"{index} ü.{suffix}").write_bytes(content)
    kitchen = root / "Küche"
    whole = (kitchen / "1 ü.jpeg").read_bytes()
    (kitchen / "cut short.jpg").write_bytes(whole[: len(whole) // 2])
    (kitchen / "empty.png").touch()
    (kitchen / "\x1b[31mred.png").touch()
    (kitchen / "renamed.jpg").write_bytes(b"this is a letter")
    (kitchen / "gone.jpg").symlink_to("nowhere.jpg")
    (kitchen / "scan.png").write_bytes(photo((200, 0, 0), (20, 20), "I;16", "PNG", generator))
    (kitchen / "grey.png").write_bytes(photo((99, 99, 99), (20, 20), "L", "PNG", generator))
    for junk in ("Thumbs.db", ".DS_Store", "._1.jpg"):
        (kitchen / junk).write_bytes(b"junk")
    (kitchen / "phone.heic").write_bytes(b"heic")
    (root / "notes.txt").write_text("taken in May")
    (root / "__MACOSX").mkdir()
    (root / "loose.jpg").write_bytes(whole)
    for index in range(4):
        (root / "车库" / f"copy {index}.jpeg").write_bytes(
            (root / "车库" / "1 ü.jpeg").read_bytes()
        )
    return root


def test_a_troubled_folder_becomes_a_model_that_runs(pictures, clip, tmp_path, capsys, read):
    model, out = tmp_path / "m", tmp_path / "out"
    words = ["train", "--arch", "default", "--data", str(pictures), "--out", str(model)]
    assert main([*words, "--epochs", "2"]) == 0
    answer, said = capsys.readouterr()
    for expected in (
        "damaged files in train, skipped: 5\n",
        "  Küche/cut short.jpg: image file is truncated",
        "  Küche/empty.png: empty file\n",
        "  Küche/\\x1b[31mred.png: empty file\n",
        "  Küche/gone.jpg: No such file or directory\n",
        "  Küche/renamed.jpg: not a picture in a known format\n",
        "pictures in no class folder, ignored: 1 (loose.jpg)\n",
        "files that are no pictures, ignored: 2 (.heic 1, .txt 1)\n",
        "pictures of validation that are also in train: 1, such as 车库/",
        "rare ones weigh more in the loss: Küche 0.",
        "validation has only 10 pictures",
        "recipe: defaults, 2 epochs of 2 steps of 16 pictures of 32x32 pixels\n",
    ):
        assert expected in said
    assert "damaged files skipped: 5, named above" in answer
    assert f"--set model.name={model}" in answer
    info = read_info(model)
    assert info.classes == sorted(COLOURS)

    arguments = ["run", "--source", str(clip), "--set", f"model.name={model}", "--headless"]
    assert main([*arguments, "--set", "runtime.type=threads", "--out", str(out)]) == 0
    results = read(out)
    (name,) = results.records
    assert results.frames[name] == list(range(60))
    assert {line["label"] for line in results.lines[:-1]} <= set(COLOURS)
    assert sum(results.summary["exits"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "expected a folder or zip of pictures"),
        (lambda path: path.write_text("hello"), "expected a folder or a zip file"),
        (lambda path: path.mkdir(), "expected pictures as CLASS/FILE"),
    ],
)
def test_data_that_is_none_is_one_line_and_status_two(tmp_path, capsys, make, message):
    make(tmp_path / "data")
    words = ["train", "--arch", "default", "--data", str(tmp_path / "data")]
    assert main([*words, "--out", str(tmp_path / "m"), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "m").exists()
