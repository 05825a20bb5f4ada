"""A file that grows and its older ones, by number."""

from pipeline.file_series import FileSeries


def write(folder, *names):
    for name in names:
        (folder / name).write_text(name)


def test_older_ones_come_by_number_and_the_one_that_grows_last(tmp_path):
    write(tmp_path, "a.log", "a.000010.log", "a.000009.log", "a.1000000.log")
    names = [path.name for path in FileSeries(tmp_path / "a.log").paths()]
    assert names == ["a.000009.log", "a.000010.log", "a.1000000.log", "a.log"]


def test_only_files_of_the_series_belong_to_it(tmp_path):
    write(tmp_path, "a.log", "a.12.log", "a.000001.txt", "ab.000001.log", "b.000001.log")
    write(tmp_path, "axlog", "a.000001.log.partial")
    assert FileSeries(tmp_path / "a.log").numbered() == {1: tmp_path / "a.log"}


def test_names_mean_themselves_and_no_pattern(tmp_path):
    write(tmp_path, "a+[1].log", "a+[1].000003.log", "aa1.000004.log")
    assert list(FileSeries(tmp_path / "a+[1].log").numbered()) == [3, 4]


def test_a_folder_that_is_not_there_holds_none(tmp_path):
    assert FileSeries(tmp_path / "gone" / "a.log").paths() == []


def test_a_number_stays_when_a_file_is_set_aside(tmp_path):
    series = FileSeries(tmp_path / "a.log")
    write(tmp_path, "a.log", "a.000004.log")
    assert series.next_number() == 5
    assert series.numbered()[5] == tmp_path / "a.log"
    assert series.set_aside() == series.path_of(5)
    assert series.numbered() == {4: series.path_of(4), 5: series.path_of(5)}
    assert (tmp_path / "a.000005.log").read_text() == "a.log"


def test_the_oldest_go_until_the_rest_fits_and_the_newest_stays(tmp_path):
    series = FileSeries(tmp_path / "a.log")
    for number in range(1, 5):
        series.path_of(number).write_bytes(bytes(10))
    assert series.remove_oldest(20) == [series.path_of(1), series.path_of(2)]
    assert series.remove_oldest(20) == []
    assert series.remove_oldest(0) == [series.path_of(3)]
    assert list(series.numbered()) == [4]
