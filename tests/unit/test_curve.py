"""Keys of readers on other hosts: who may read the files, who is admitted, what is said."""

import stat

import pytest

from pipeline.cli.main import main
from pipeline.curve import HubKeys, ReaderKeys, make_keys
from pipeline.errors import ConfigError


def everything_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_hub_and_readers_find_each_others_public_keys(tmp_path):
    make_keys(tmp_path, ["gate", "yard"])
    hub = HubKeys.load(tmp_path / "hub")
    readers = [ReaderKeys.load(tmp_path / name) for name in ("gate", "yard")]
    assert all(keys.hub_public == hub.own.public for keys in readers)
    assert all(hub.admits(keys.own.public) for keys in readers)
    assert not hub.admits(hub.own.public)
    assert len({keys.own.secret for keys in (*readers, hub)}) == 3


def test_nobody_else_can_read_any_of_it(tmp_path):
    made = make_keys(tmp_path / "keys", ["gate"])
    files = everything_in(tmp_path / "keys")
    assert len(files) == 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {0o700}


def test_a_host_is_added_and_shut_out_while_the_hub_goes_on(tmp_path):
    make_keys(tmp_path, ["gate"])
    hub = HubKeys.load(tmp_path / "hub")
    assert make_keys(tmp_path, ["yard"]) == [tmp_path / "yard"]
    yard = ReaderKeys.load(tmp_path / "yard")
    assert yard.hub_public == hub.own.public
    assert hub.admits(yard.own.public)
    (tmp_path / "hub" / "readers" / "yard.key").unlink()
    assert not hub.admits(yard.own.public)


def test_a_host_whose_keys_have_moved_there_is_not_shut_out_by_new_ones(tmp_path):
    make_keys(tmp_path / "k", ["gate"])
    (tmp_path / "k" / "gate").rename(tmp_path / "moved")
    with pytest.raises(ConfigError, match=r"readers/gate\.key: expected a name without keys"):
        make_keys(tmp_path / "k", ["yard", "gate"])
    assert not (tmp_path / "k" / "yard").exists()
    hub = HubKeys.load(tmp_path / "k" / "hub")
    assert hub.admits(ReaderKeys.load(tmp_path / "moved").own.public)
    hub.readers.joinpath("gate.key").unlink()
    make_keys(tmp_path / "k", ["gate"])
    assert hub.admits(ReaderKeys.load(tmp_path / "k" / "gate").own.public)


def test_a_damaged_key_among_the_readers_harms_no_other(tmp_path):
    make_keys(tmp_path, ["gate"])
    (tmp_path / "hub" / "readers" / "aaa.key").write_text('public-key = "short"')
    hub = HubKeys.load(tmp_path / "hub")
    assert hub.admits(ReaderKeys.load(tmp_path / "gate").own.public)


def test_the_command_says_where_keys_belong_and_shows_none(tmp_path, capsys):
    assert main(["keys", "gate", "--out", str(tmp_path / "k")]) == 0
    said = capsys.readouterr().out
    assert "gate: move it to its host" in said
    hub, gate = HubKeys.load(tmp_path / "k" / "hub"), ReaderKeys.load(tmp_path / "k" / "gate")
    for pair in (hub.own, gate.own):
        assert pair.secret.decode() not in said
        assert pair.secret.decode() not in repr((hub, gate))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["gate"], "gate: expected a name without keys, found some"),
        (["hub"], "hub: expected another name"),
        (["a/b"], "HOST: expected a name of letters"),
        (["a", "a"], "HOST: expected different names, got a a"),
    ],
)
def test_bad_names_are_refused_in_a_line(tmp_path, capsys, arguments, line):
    make_keys(tmp_path, ["gate"])
    before = everything_in(tmp_path)
    assert main(["keys", *arguments, "--out", str(tmp_path)]) == 2
    assert line in capsys.readouterr().err
    assert everything_in(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="keys cannot be written: Not a directory"):
        make_keys(tmp_path / "file" / "k", ["gate"])


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    make_keys(tmp_path, ["gate"])
    (tmp_path / "gate" / "reader.key_secret").chmod(0o640)
    with pytest.raises(ConfigError, match=r"0600\), got 0640; chmod 600 it"):
        ReaderKeys.load(tmp_path / "gate")


def test_missing_and_damaged_keys_are_named(tmp_path):
    make_keys(tmp_path, ["gate"])
    with pytest.raises(ConfigError, match=r"hub\.key_secret: expected a key of `dart-stream keys`"):
        HubKeys.load(tmp_path / "gate")
    public = (tmp_path / "hub" / "hub.key").read_text()
    secret = tmp_path / "hub" / "hub.key_secret"
    secret.write_text(public)
    with pytest.raises(ConfigError, match="expected a secret key, found only a public one"):
        HubKeys.load(tmp_path / "hub")
    secret.write_text('public-key = "short"')
    with pytest.raises(ConfigError, match="expected a key of 40 characters, got 5"):
        HubKeys.load(tmp_path / "hub")
    secret.write_text(f'public-key = "{40 * "~"}"\nsecret-key = "{40 * "a"}"')
    with pytest.raises(ConfigError, match="expected a key in Z85, got other characters"):
        HubKeys.load(tmp_path / "hub")


def test_a_hub_without_a_folder_of_readers_is_told(tmp_path):
    make_keys(tmp_path, ["gate"])
    for path in (tmp_path / "hub" / "readers").iterdir():
        path.unlink()
    (tmp_path / "hub" / "readers").rmdir()
    with pytest.raises(ConfigError, match="readers: expected a folder of readers' public keys"):
        HubKeys.load(tmp_path / "hub")
