"""Pictures in class folders: what is found, what is left out, what is refused."""

import io
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from dart_stream.data import open_dataset
from dart_stream.data.layout import find_layout
from dart_stream.errors import DataError


def plain(colour, size=(8, 8)):
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), colour, np.uint8)).save(file, "PNG")
    return file.getvalue()


def write_tree(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def load(path, split="train", **options):
    return open_dataset(str(path)).load(split, size=(8, 8), **options)


TREE = {
    "train/cat/0.png": plain(10),
    "train/cat/1.png": plain(20),
    "train/dog/0.PNG": plain(30),
    "train/dog/notes.txt": b"not a picture",
    "train/dog/._0.png": b"resource fork",
    "test/cat/0.png": plain(40),
    "test/dog/0.png": plain(50),
}


@pytest.fixture(params=["folder", "zip", "zip with a top folder"])
def tree(request, tmp_path):
    if request.param == "folder":
        return write_tree(tmp_path / "data", TREE)
    prefix = "pictures/" if "top" in request.param else ""
    return write_zip(tmp_path / "data.zip", {prefix + name: body for name, body in TREE.items()})


class TestLoading:
    def test_folder_and_zip_give_the_same_pictures(self, tree):
        seen = []
        pictures = load(tree, on_decoded=lambda *at: seen.append(at))
        assert pictures.classes == ["cat", "dog"]
        assert pictures.labels.tolist() == [0, 0, 1]
        assert pictures.images[:, 0, 0, 0].tolist() == [10, 20, 30]
        assert [name.rsplit("/", 1)[-1] for name in pictures.names] == ["0.png", "1.png", "0.PNG"]
        assert seen[-1] == (3, 3)

    def test_more_pictures_than_a_task_takes_stay_in_order(self, tmp_path):
        files = {f"{'ab'[i % 2]}/{i:03}.png": plain(i) for i in range(200)}
        files["a/100.png"] = files["b/001.png"] = b"damaged"
        pictures = load(write_tree(tmp_path, files))
        evens, odds = set(range(0, 200, 2)) - {100}, set(range(1, 200, 2)) - {1}
        assert pictures.images[:, 0, 0, 0].tolist() == sorted(evens) + sorted(odds)
        assert [int(name[2:5]) for name in pictures.names] == sorted(evens) + sorted(odds)
        assert pictures.labels.tolist() == [0] * 99 + [1] * 99

    def test_damaged_files_are_named_and_left_out(self, tmp_path):
        broken = {"train/cat/9.png": plain(50)[:50], "train/dog/9.jpg": b"hello"}
        (write_tree(tmp_path, TREE | broken) / "train" / "dog" / "link.png").symlink_to("gone")
        pictures = load(tmp_path)
        assert len(pictures) == 3
        assert {file.name: file.reason for file in pictures.skipped} == {
            "train/cat/9.png": "image file is truncated",
            "train/dog/9.jpg": "not a picture in a known format",
            "train/dog/link.png": "No such file or directory",
        }

    def test_damaged_member_of_a_zip_is_left_out(self, tmp_path):
        path = write_zip(tmp_path / "data.zip", TREE)
        content = bytearray(path.read_bytes())
        content[content.index(plain(20)) + 30] ^= 0xFF
        path.write_bytes(content)
        assert [file.name for file in load(path).skipped] == ["train/cat/1.png"]

    def test_a_pipe_among_the_pictures_does_not_block(self, tmp_path):
        os.mkfifo(write_tree(tmp_path, TREE) / "train" / "cat" / "pipe.png")
        assert len(load(tmp_path)) == 3

    def test_linked_class_folders_are_followed(self, tmp_path):
        tree = write_tree(tmp_path / "data", TREE)
        for name in ("cat", "dog"):
            (tmp_path / "cut").mkdir(exist_ok=True)
            (tmp_path / "cut" / name).symlink_to(tree / "train" / name)
        assert load(tmp_path / "cut").labels.tolist() == [0, 0, 1]

    def test_a_link_back_to_its_own_folder_ends(self, tmp_path):
        tree = write_tree(tmp_path, TREE)
        (tree / "train" / "cat" / "circle").symlink_to(tree / "train" / "cat")
        assert load(tree).labels.tolist() == [0, 0, 1]


class TestLayout:
    def test_class_folders_alone_are_all_training_pictures(self, tmp_path):
        dataset = open_dataset(
            str(write_tree(tmp_path, {"a/1.png": plain(1), "b/1.png": plain(2)}))
        )
        assert dataset.splits == ("train",)
        assert dataset.classes == ["a", "b"]

    @pytest.mark.parametrize("name", ["val", "valid", "Validation"])
    def test_a_validation_folder_is_found_by_its_usual_names(self, name):
        layout = find_layout(["Train/a/1.png", "Train/b/1.png", f"{name}/a/1.png"])
        assert layout.splits["validation"] == {"a": [f"{name}/a/1.png"]}
        assert set(layout.splits) == {"train", "validation"}

    def test_pictures_may_lie_deeper_in_their_class(self):
        layout = find_layout(
            ["set/a/2021/may/1.png", "set/a/2.png", "set/b/1.png", "set/about.txt"]
        )
        assert layout.splits["train"]["a"] == ["set/a/2021/may/1.png", "set/a/2.png"]

    def test_leftovers_of_operating_systems_are_passed_over(self):
        junk = ["a/.DS_Store", "a/Thumbs.db", "__MACOSX/a/1.png", ".git/x", "a/@eaDir/1.png"]
        layout = find_layout(["a/1.png", "b/1.png", *junk])
        assert layout.splits == {"train": {"a": ["a/1.png"], "b": ["b/1.png"]}}
        assert layout.notes == ()

    def test_what_is_ignored_is_said(self):
        names = ["train/a/1.png", "train/a/1.heic", "train/b/1.png", "train/2.png", "old/c/1.png"]
        assert find_layout([*names, "README.md"]).notes == (
            "folders beside the splits, ignored: old/",
            "pictures in no class folder, ignored: 1 (train/2.png)",
            "files that are no pictures, ignored: 2 (.heic 1, .md 1)",
        )

    def test_classes_beside_a_test_folder_are_refused(self):
        with pytest.raises(DataError, match="found a, b beside it; move them into train/"):
            find_layout(["a/1.png", "b/1.png", "test/a/1.png"])

    def test_a_name_spelt_in_two_ways_is_one_class(self):
        layout = find_layout(["train/Ku\u0308he/1.png", "test/K\u00fche/1.png"])
        assert list(layout.splits["train"]) == list(layout.splits["test"]) == ["K\u00fche"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"notes.txt": b""}, "expected pictures as CLASS/FILE or train/CLASS/FILE"),
            ({"cat/1.png": plain(1)}, "at least 2 classes in 'train', found only 'cat'"),
            (TREE | {"train/bird/notes.txt": b""}, "found none in bird; add some, or remove"),
            (TREE | {"train/bird/0.png": b"hello"}, "only 'train' has bird"),
            (TREE | {"test/cow/1.png": plain(1)}, "only 'test' has cow"),
            ({"a\nb/1.png": plain(1), "c/1.png": plain(2)}, r"readable names .* 'a\\nb'"),
        ],
    )
    def test_data_that_cannot_be_used_is_refused_on_opening(self, tmp_path, files, message):
        with pytest.raises(DataError, match=message):
            open_dataset(str(write_tree(tmp_path, files)))

    def test_an_empty_class_folder_is_an_error(self, tmp_path):
        (write_tree(tmp_path, TREE) / "train" / "bird").mkdir()
        with pytest.raises(DataError, match="every class of 'train', found none in bird"):
            open_dataset(str(tmp_path))

    def test_a_class_of_damaged_pictures_only_is_an_error(self, tmp_path):
        write_tree(tmp_path, TREE | {"train/bird/0.png": b"hello", "test/bird/0.png": plain(3)})
        with pytest.raises(DataError, match=r"found none in bird \(1 damaged files skipped\)"):
            load(tmp_path)

    def test_mostly_damaged_data_is_an_error(self, tmp_path):
        damaged = {f"train/cat/{i}.jpg": b"" for i in range(7)}
        with pytest.raises(DataError, match=r"7 of 10 .* such as train/cat/0.jpg \(empty file\)"):
            load(write_tree(tmp_path, TREE | damaged))

    def test_a_split_that_is_not_there_is_refused(self, tree):
        with pytest.raises(DataError, match="one of the splits train, test, got 'validation'"):
            load(tree, "validation")

    def test_neither_folder_nor_zip_is_an_error(self, tmp_path):
        (tmp_path / "data.zip").write_bytes(b"no zip")
        with pytest.raises(DataError, match="expected a folder or a zip file: file is not a zip"):
            open_dataset(str(tmp_path / "data.zip"))

    def test_a_zip_with_a_password_is_refused(self, tmp_path):
        path = write_zip(tmp_path / "data.zip", TREE)
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(content)
        with pytest.raises(DataError, match="without a password"):
            open_dataset(str(path))

    def test_more_than_the_memory_is_refused_before_decoding(self, tree, monkeypatch):
        monkeypatch.setattr("os.sysconf", lambda name: 1)
        with pytest.raises(DataError, match="3 pictures of 8x8 pixels need"):
            load(tree)
