"""Configuration: what is accepted, what is refused and in which words."""

import pytest

from pipeline.config import CustomSinkConfig, ZoneRegions
from pipeline.config_file import check_config, load_config
from pipeline.errors import ConfigError


def load(text="", tmp_path=None, **options):
    path = None
    if tmp_path is not None:
        path = tmp_path / "c.yaml"
        path.write_text(text)
    return load_config(path, **({"environment": {}} | options)).config


def test_a_source_alone_runs_on_defaults():
    config = load(sources=["clips/car park.mp4"])
    assert list(config.sources) == ["car-park"]
    assert config.model.name == "default"
    assert config.runtime.type == "processes"


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("lot=a.mp4", "lot"),
        ("2nd=a.mp4", "2nd"),
        ("0", "cam0"),
        ("rtsp://user:p@cam.local/stream1?x=1", "stream1"),
        ("images:///data/cats/", "cats"),
        ("webcam://0", "cam0"),
        ("/dev/video0", "video0"),
        ("rtsp://user:pa#ss@cam/stream", "stream"),
        ("_clip.mp4", "clip"),
    ],
)
def test_a_source_gets_a_readable_name(uri, name):
    assert list(load(sources=[uri]).sources) == [name]


def test_an_option_of_a_source_on_the_command_line_is_understood():
    config = load(sources=["y.mp4"], overrides=["sources.y.stride=2"])
    assert config.sources["y"].stride == 2


def test_a_bare_number_in_a_file_is_a_webcam(tmp_path):
    assert load("sources: {cam: {uri: 0}}", tmp_path).sources["cam"].uri == "0"


def test_two_sources_of_one_file_get_two_names():
    assert list(load(sources=["a.mp4", "x/a.mp4"]).sources) == ["a", "a-2"]


def test_two_sources_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="'a' is given twice"):
        load(sources=["a=x.mp4", "a=y.mp4"])
    with pytest.raises(ConfigError, match="'a' stands twice"):
        load("sources:\n  a: {uri: x.mp4}\n  a: {uri: y.mp4}", tmp_path)


@pytest.mark.parametrize("name", ["a\n", "a" * 101, "-a"])
def test_a_name_that_no_socket_or_file_takes_is_refused(name):
    with pytest.raises(ConfigError, match="expected a name of letters"):
        check_config({"sources": {name: {"uri": "x.mp4"}}})


def test_a_file_with_a_long_name_gets_a_shorter_one():
    assert list(load(sources=[f"{'a' * 200}.mp4"]).sources) == ["a" * 80]


def test_settings_may_be_merged_and_overridden(tmp_path):
    text = "sources:\n  a: &a {uri: x.mp4, stride: 2}\n  b: {<<: *a, uri: y.mp4}"
    assert load(text, tmp_path).sources["b"].stride == 2
    assert load(text, tmp_path).sources["b"].uri == "y.mp4"


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path):
    text = "sources: {a: {uri: a.mp4, stride: 2}}\nruntime: {workers: 2, credits: 2, max_batch: 2}"
    config = load(
        text,
        tmp_path,
        environment={"DART_RUNTIME__WORKERS": "3", "DART_RUNTIME__CREDITS": "3"},
        overrides=["runtime.workers=4", "sources.a.loop=true"],
    )
    runtime = config.runtime
    assert (runtime.workers, runtime.credits, runtime.max_batch) == (4, 3, 2)
    assert (config.sources["a"].stride, config.sources["a"].loop) == (2, True)


def test_yaml_words_mean_what_they_say(tmp_path):
    text = "sources: {on: {uri: off, start: 1e1}}\nseed: 3"
    source = load(text, tmp_path).sources["on"]
    assert (source.uri, source.start) == ("off", 10.0)


def test_zones_and_sinks_of_ones_own_are_understood(tmp_path):
    text = """
sources:
  lot:
    uri: a.mp4
    regions: {type: zones, zones: {gate: [0.1, 0.2, 0.5, 0.9], yard: [[0, 0], [1, 0], [0, 1]]}}
sinks: [{type: jsonl}, {type: custom, class: "m:C", options: {k: 1}}]
"""
    config = load(text, tmp_path)
    regions = config.sources["lot"].regions
    assert isinstance(regions, ZoneRegions)
    assert regions.zones["gate"] == [0.1, 0.2, 0.5, 0.9]
    assert config.sinks[1] == CustomSinkConfig(cls="m:C", options={"k": 1})


def test_a_secret_comes_from_the_environment_and_is_not_in_the_plain_form():
    loaded = load_config(
        None, sources=["cam=rtsp://u:${PASSWORD}@h/s"], environment={"PASSWORD": "geheim"}
    )
    assert loaded.config.sources["cam"].uri == "rtsp://u:geheim@h/s"
    assert "geheim" not in str(loaded.plain)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "sources: {a: {uri: x, strid: 2}}",
            r"sources\.a\.strid: unknown key; did you mean 'stride'",
        ),
        ("source: {a: {uri: x}}", r"source: unknown key; did you mean 'sources'"),
        ("sources: {a: {uri: x}}\nzzz: 1", r"zzz: unknown key; known keys: "),
        ("sources: {a: {uri: x, stride: two}}", r"sources\.a\.stride: expected `int`, got `str`"),
        ("sources: {a: {uri: x, max_age: 1e300}}", r"sources\.a\.max_age: expected `float` <="),
        (f"sources: {{a: {{uri: x}}}}\nseed: {10**30}", r"seed: "),
        ("sources: {a: {uri: x}}\nseed: -1", r"seed: expected `int` >= 0"),
        (
            "sources: {a: {uri: x}}\nruntime: {batch_deadline_s: 1e300}",
            r"runtime\.batch_deadline_s: expected `float` <=",
        ),
        ("sources: {a: {uri: x, stride: 0}}", r"sources\.a\.stride: expected `int` >= 1"),
        ("sources: {a: {stride: 1}}", r"sources\.a: object missing required field `uri`"),
        (
            "sources: {a: {uri: x, on_full: wait}}",
            r"sources\.a\.on_full: invalid enum value 'wait'",
        ),
        ("sources: {a b: {uri: x}}", r"sources: expected a name .* got 'a b'"),
        ("sources: {a: {uri: x}}\nruntime: {type: fibres}", r"runtime\.type: invalid enum value"),
        ("sources: {a: {uri: x}}\nsinks: [{type: jsn}]", r"sinks\[0\]\.type: invalid value 'jsn'"),
        (
            "sources: {a: {uri: x}}\nsinks: [{type: jsonl, fil: b}]",
            r"sinks\[0\]\.fil: unknown key; did you mean 'file'",
        ),
        (
            "sources: {a: {uri: x}}\npolicy: {thresholds: [1.5]}",
            r"policy\.thresholds\[0\]: expected `float` < 1",
        ),
        ("sources: {a: {uri: 'r://${NO_SUCH}'}}", r"sources\.a\.uri: .* NO_SUCH is not set"),
        ("sources: {a: {uri: x, start: .inf}}", r"sources\.a\.start: expected a finite number"),
        ("sources: {}", "sources: expected at least one, got none"),
        ("sources: [a]", "sources: expected names and settings, got list"),
        ("- a", "expected keys and values, got list"),
        ("a: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(tmp_path, text, match):
    with pytest.raises(ConfigError, match=match):
        load(text, tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="expected a configuration file, found none"):
        load_config(tmp_path / "none.yaml")


def test_an_override_needs_a_value():
    with pytest.raises(ConfigError, match=r"--set: expected KEY=VALUE, got 'runtime\.workers'"):
        load(sources=["a"], overrides=["runtime.workers"])


def named_by(variables, **options):
    environment = {f"DART_SOURCES__{name}": value for name, value in variables.items()}
    return load(environment=environment, **options).sources


def test_a_source_of_the_file_is_meant_by_the_environment_whatever_its_case(tmp_path):
    file = "sources: {Cam: {uri: a.mp4}}"
    for name in ("CAM", "Cam", "cam"):
        (tmp_path / name).mkdir()
        sources = load(
            file, tmp_path / name, environment={f"DART_SOURCES__{name}__URI": "b.mp4"}
        ).sources
        assert {key: each.uri for key, each in sources.items()} == {"Cam": "b.mp4"}


def test_a_source_of_the_command_line_is_meant_by_the_environment_whatever_its_case():
    sources = named_by({"LOT__STRIDE": "2"}, sources=["lot=a.mp4"])
    assert sources["lot"].stride == 2
    sources = named_by({"LOT__STRIDE": "2"}, overrides=["sources.lot.uri=a.mp4"])
    assert sources["lot"].stride == 2


def test_a_name_that_only_the_environment_has_keeps_its_case():
    sources = named_by(
        {
            "Gate__URI": "a.mp4",
            "Gate__REGIONS__TYPE": "zones",
            "Gate__REGIONS__ZONES__Left": "[[0, 0], [1, 0], [1, 1]]",
        }
    )
    assert list(sources) == ["Gate"]
    assert list(sources["Gate"].regions.zones) == ["Left"]


def test_a_name_in_capitals_that_only_the_environment_has_is_in_small_letters():
    assert list(named_by({"GATE2__URI": "a.mp4", "GATE2__STRIDE": "2"})) == ["gate2"]


def test_names_that_differ_in_case_alone_are_told_apart_by_the_environment():
    given = ["cam=a.mp4", "Cam=b.mp4"]
    sources = named_by({"Cam__STRIDE": "3"}, sources=given)
    assert (sources["cam"].stride, sources["Cam"].stride) == (1, 3)
    with pytest.raises(ConfigError, match=r"sources\.CAM"):
        named_by({"CAM__STRIDE": "3"}, sources=given)


def test_a_setting_of_the_command_line_may_take_away_a_section_of_the_environment():
    environment = {"DART_LISTEN__ADDRESS": "tcp://127.0.0.1:5555"}
    config = load(environment=environment, sources=["a.mp4"], overrides=["listen=null"])
    assert config.listen is None
