"""Every kind of data set, held to one contract; and what is special to IDX files and torchvision's.

Nothing is fetched: the folders that torchvision would fill are made here, small.
"""

import gzip
import io
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from dart_stream.data import class_weights, contradictions, imbalance, open_dataset, same_pictures
from dart_stream.data.dataset import SPLITS
from dart_stream.data.idx import FASHION, read_idx
from dart_stream.data.named import NAMES
from dart_stream.errors import DataError

COUNT = {"train": 20, "test": 10}
LABELS = {split: np.arange(count) % 10 for split, count in COUNT.items()}
FASHION_LABELS = np.array([9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 1, 4, 6, 8])


def pixels(split, *shape):
    generator = np.random.default_rng(len(split))
    return generator.integers(0, 256, (COUNT[split], *shape), dtype=np.uint8)


def idx_bytes(array):
    shape = b"".join(int(length).to_bytes(4, "big") for length in array.shape)
    return bytes((0, 0, 8, array.ndim)) + shape + array.astype(np.uint8).tobytes()


def write_idx(folder, *, labels=LABELS, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    pack = gzip.compress if suffix else bytes
    for split, stem in (("train", "train"), ("test", "t10k")):
        pictures = np.resize(pixels(split, 28, 28), (len(labels[split]), 28, 28))
        for kind, array in (("images-idx3", pictures), ("labels-idx1", labels[split])):
            (folder / f"{stem}-{kind}-ubyte{suffix}").write_bytes(pack(idx_bytes(array)))
    return folder


def make_imagefolder(root, monkeypatch):
    for split, labels in LABELS.items():
        for number, (picture, label) in enumerate(zip(pixels(split, 9, 9, 3), labels, strict=True)):
            folder = root / "pictures" / split / f"class {label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / f"{number}.png")
    return root / "pictures"


def make_idx(root, monkeypatch):
    return write_idx(root / "idx", suffix=".gz")


def make_cifar(classes, labels_key, meta_key, loader):
    def make(root, monkeypatch):
        monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
        folder = root / loader.base_folder
        folder.mkdir()
        parts = {name: "train" for name, _ in loader.train_list}
        parts |= {name: "test" for name, _ in loader.test_list}
        for name, split in parts.items():
            labels = np.resize(np.arange(classes), max(classes, COUNT[split]))
            data = np.resize(pixels(split, 3072), (len(labels), 3072))
            body = {"data": data, labels_key: labels.tolist()}
            (folder / name).write_bytes(pickle.dumps(body))
        names = {meta_key: [f"name {label}" for label in range(classes)]}
        (folder / loader.meta["filename"]).write_bytes(pickle.dumps(names))

    return make


def make_mnist(loader):
    def make(root, monkeypatch):
        write_idx(root / loader / "raw")

    return make


def make_svhn(root, monkeypatch):
    monkeypatch.setattr(datasets.SVHN, "_check_integrity", lambda _self: True)
    monkeypatch.setattr(datasets.SVHN, "download", lambda _self: None)

    def loadmat(path):
        split = "test" if Path(path).name.startswith("test") else "train"
        labels = np.where(LABELS[split] == 0, 10, LABELS[split])
        return {"X": pixels(split, 32, 32, 3).transpose(1, 2, 3, 0), "y": labels[:, None]}

    monkeypatch.setitem(sys.modules, "scipy", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "scipy.io", SimpleNamespace(loadmat=loadmat))
    monkeypatch.setattr(sys.modules["scipy"], "io", sys.modules["scipy.io"], raising=False)


MAKERS = {
    "imagefolder": make_imagefolder,
    "idx": make_idx,
    "cifar10": make_cifar(10, "labels", "label_names", datasets.CIFAR10),
    "cifar100": make_cifar(100, "fine_labels", "fine_label_names", datasets.CIFAR100),
    "mnist": make_mnist("MNIST"),
    "fashion-mnist": make_mnist("FashionMNIST"),
    "svhn": make_svhn,
}


@pytest.fixture(params=MAKERS)
def dataset(request, tmp_path, monkeypatch):
    path = MAKERS[request.param](tmp_path, monkeypatch)
    return open_dataset(str(path or request.param), tmp_path)


def test_every_named_set_is_in_the_contract():
    assert set(NAMES) < set(MAKERS)


class TestContract:
    def test_it_says_what_it_holds(self, dataset):
        assert dataset.name
        assert dataset.splits[0] == "train"
        assert set(dataset.splits) <= set(SPLITS)
        assert len(set(dataset.classes)) == len(dataset.classes) >= 2
        assert all(isinstance(name, str) for name in dataset.classes)

    def test_every_split_gives_rgb_pixels_with_labels_of_every_class(self, dataset):
        for split in dataset.splits:
            pictures = dataset.load(split, size=(12, 16), resize="letterbox")
            assert pictures.images.dtype == np.uint8
            assert pictures.images.shape == (len(pictures), 12, 16, 3)
            assert pictures.labels.dtype == np.int64
            assert set(pictures.labels) == set(range(len(dataset.classes)))
            assert pictures.classes == dataset.classes
            assert len(pictures.names) == len(pictures)

    def test_the_splits_differ_and_each_is_the_same_every_time(self, dataset):
        train, again, test = (dataset.load(s, size=(8, 8)) for s in ("train", "train", "test"))
        assert (train.images == again.images).all()
        assert train.images.shape != test.images.shape or (train.images != test.images).any()

    def test_progress_ends_with_all_of_them(self, dataset):
        seen = []
        pictures = dataset.load("test", size=(8, 8), on_decoded=lambda *at: seen.append(at))
        assert seen[-1] == (len(pictures), len(pictures))

    def test_another_split_is_refused(self, dataset):
        with pytest.raises(DataError, match="expected one of the splits train, test, got 'extra'"):
            dataset.load("extra", size=(8, 8))


class TestPixels:
    def test_cifar_keeps_its_pixels_and_order(self, tmp_path, monkeypatch):
        MAKERS["cifar10"](tmp_path, monkeypatch)
        pictures = open_dataset("CIFAR-10", tmp_path).load("test", size=(32, 32))
        expected = pixels("test", 3072).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        assert (pictures.images == expected).all()
        assert pictures.labels.tolist() == LABELS["test"].tolist()

    def test_svhn_keeps_its_pixels_and_its_ten_is_a_zero(self, tmp_path, monkeypatch):
        make_svhn(tmp_path, monkeypatch)
        pictures = open_dataset("svhn", tmp_path).load("train", size=(32, 32))
        assert (pictures.images == pixels("train", 32, 32, 3)).all()
        assert pictures.labels.tolist() == LABELS["train"].tolist()

    def test_grayscale_is_repeated_into_three_channels(self, tmp_path):
        dataset = open_dataset(str(write_idx(tmp_path)))
        images = dataset.load("test", size=(28, 28)).images
        assert (images == pixels("test", 28, 28)[..., None]).all()

    def test_digits_are_not_mirrored_and_clothes_are(self, tmp_path, monkeypatch):
        assert not open_dataset(str(write_idx(tmp_path))).mirror
        for name, mirror in (("mnist", False), ("fashion-mnist", True)):
            MAKERS[name](tmp_path / name, monkeypatch)
            assert open_dataset(name, tmp_path / name).mirror == mirror


class TestIdx:
    def test_fashion_mnist_is_known_by_its_first_labels(self, tmp_path):
        labels = {"train": FASHION_LABELS, "test": LABELS["test"]}
        dataset = open_dataset(str(write_idx(tmp_path, labels=labels)))
        assert tuple(dataset.classes) == FASHION

    def test_a_named_set_is_found_as_idx_files_in_its_folder(self, tmp_path):
        dataset = open_dataset("fashion-mnist", write_idx(tmp_path, suffix=".gz"))
        assert tuple(dataset.classes) == FASHION
        assert dataset.name == "fashion-mnist"  # by which its recipe is found

    def test_idx_files_are_not_taken_for_a_set_that_has_none(self, tmp_path, monkeypatch):
        make_cifar(10, "labels", "label_names", datasets.CIFAR10)(tmp_path, monkeypatch)
        dataset = open_dataset("cifar10", write_idx(tmp_path))
        assert dataset.classes == [f"name {label}" for label in range(10)]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (idx_bytes(np.zeros((3, 4, 5)))[:-1], "expected 60 bytes of 3x4x5, got 59; copy"),
            (idx_bytes(np.zeros((3, 4, 5)))[:10], "bytes in 3 dimensions .* got 00 00 08 03"),
            (idx_bytes(np.zeros(3)), "bytes in 3 dimensions .* got 00 00 08 01"),
            (b"", "got nothing"),
            (bytes((0, 0, 8, 3)) + b"\xff" * 12, "expected 79228162458924105385300197375 bytes"),
        ],
    )
    def test_a_damaged_file_is_refused_with_what_came(self, tmp_path, content, message):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_idx(tmp_path / "x", dimensions=3)

    def test_a_gzip_cut_short_is_refused(self, tmp_path):
        (tmp_path / "x.gz").write_bytes(gzip.compress(idx_bytes(pixels("train", 28, 28)))[:-20])
        with pytest.raises(DataError, match="cannot read it"):
            read_idx(tmp_path / "x.gz", dimensions=3)

    def test_labels_out_of_range_are_refused(self, tmp_path):
        labels = {"train": LABELS["train"] % 3, "test": LABELS["test"]}
        with pytest.raises(DataError, match=r"labels from 0 to 2, got 3 \(7 labels out of range\)"):
            open_dataset(str(write_idx(tmp_path, labels=labels)))

    def test_a_label_that_never_occurs_is_an_error(self, tmp_path):
        labels = {"train": np.array([0, 2, 3]), "test": np.array([0, 2])}
        dataset = open_dataset(str(write_idx(tmp_path, labels=labels)))
        with pytest.raises(DataError, match="every class of 'train', found none in 1 "):
            dataset.load("train", size=(8, 8))

    def test_missing_labels_and_other_numbers_of_labels_are_refused(self, tmp_path):
        labels = write_idx(tmp_path) / "train-labels-idx1-ubyte"
        labels.write_bytes(idx_bytes(np.zeros(7)))
        with pytest.raises(DataError, match="a label for each of 20 pictures, got 7"):
            open_dataset(str(tmp_path))
        labels.unlink()
        with pytest.raises(DataError, match="expected the labels of 'train' beside its pictures"):
            open_dataset(str(tmp_path))


class TestNamed:
    def test_no_network_is_one_clear_line(self, tmp_path, monkeypatch):
        def offline(*_args, **_options):
            raise URLError("no route\nto host")

        monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", offline)
        with pytest.raises(
            DataError, match=r"cifar10: expected the data in .*--data-root"
        ) as error:
            open_dataset("cifar10", tmp_path)
        assert "no route to host" in str(error.value)
        assert "\n" not in str(error.value)

    def test_a_library_that_torchvision_misses_is_named(self, tmp_path, monkeypatch):
        make_svhn(tmp_path, monkeypatch)
        monkeypatch.setitem(sys.modules, "scipy.io", None)
        with pytest.raises(DataError, match=r"svhn: torchvision needs scipy.* install it"):
            open_dataset("svhn", tmp_path)

    def test_a_misspelt_name_names_the_nearest(self, tmp_path):
        with pytest.raises(DataError, match=r"or one of cifar10, .* did you mean fashion-mnist\?"):
            open_dataset("fashion-minst", tmp_path)

    def test_a_path_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="expected a folder or zip of pictures"):
            open_dataset(str(tmp_path / "absent"))


class TestBalance:
    def test_classes_of_one_size_weigh_one(self):
        assert class_weights(np.repeat([0, 1, 2], 7)) == [1.0, 1.0, 1.0]

    def test_rare_classes_weigh_more_within_bounds_and_the_mean_picture_weighs_one(self):
        labels = np.repeat([0, 1, 2, 3], [20_000, 1_000, 100, 1])
        weights = class_weights(labels)
        assert weights == sorted(weights)
        assert weights[-1] / weights[0] == pytest.approx(10, rel=1e-4)
        assert np.mean(np.array(weights)[labels]) == pytest.approx(1, rel=1e-4)

    def test_imbalance_is_largest_over_smallest(self):
        assert imbalance(np.repeat([0, 1], [30, 10])) == 3


def test_pictures_in_two_splits_or_two_classes_are_found(tmp_path):
    def png(colour):
        file = io.BytesIO()
        Image.fromarray(np.full((8, 8, 3), colour, np.uint8)).save(file, "PNG")
        return file.getvalue()

    files = {"train/a/1": 1, "train/a/2": 2, "train/b/3": 3, "train/b/also 2": 2}
    files |= {"test/a/1": 1, "test/b/4": 4}
    for name, colour in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.png").write_bytes(png(colour))
    dataset = open_dataset(str(tmp_path))
    train, test = dataset.load("train", size=(4, 4)), dataset.load("test", size=(4, 4))
    assert [(train.names[i], test.names[j]) for i, j in same_pictures(train, test)] == [
        ("train/a/1.png", "test/a/1.png")
    ]
    assert [(train.names[i], train.names[j]) for i, j in contradictions(train)] == [
        ("train/a/2.png", "train/b/also 2.png")
    ]
