"""`dart-stream schema` prints what a validator of any language can read."""

import json

import pytest

from pipeline.cli.main import main


def schema(capsys, *arguments):
    assert main(["schema", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def references(node):
    if isinstance(node, dict):
        yield from [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


@pytest.mark.parametrize("kind", ["results", "summary", "config"])
def test_every_reference_leads_somewhere(capsys, kind):
    body = schema(capsys, kind)
    assert body["$schema"].startswith("https://json-schema.org/draft/2020-12/")
    found = list(references(body))
    assert found
    assert all(reference.removeprefix("#/$defs/") in body["$defs"] for reference in found)


def test_a_line_of_results_is_a_region_an_end_or_the_first_of_a_part(capsys):
    body = schema(capsys)
    assert [option["$ref"] for option in body["anyOf"]] == [
        "#/$defs/RegionRecord",
        "#/$defs/EndRecord",
        "#/$defs/PartRecord",
    ]
    region = body["$defs"]["RegionRecord"]
    assert set(region["required"]) == set(region["properties"])
    assert region["additionalProperties"] is False


def test_a_configuration_needs_sources_and_knows_their_options(capsys):
    body = schema(capsys, "config")
    assert body["$defs"]["PipelineConfig"]["required"] == ["sources"]
    assert body["$defs"]["SourceConfig"]["properties"]["stride"]["minimum"] == 1


def test_another_kind_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["schema", "weather"])
    assert end.value.code == 2
    assert "results" in capsys.readouterr().err
