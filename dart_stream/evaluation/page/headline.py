"""Top of the page: what was compared, the result, and under which conditions."""

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.page.blocks import paragraph
from dart_stream.evaluation.page.result import more_results, result
from dart_stream.evaluation.page.wording import count, millions, milliseconds, text


def headline(evaluation: Evaluation) -> str:
    """Title, result, facts and command."""
    return "\n".join(
        [
            "<header>",
            f'<p class="over">Early exit on {text(evaluation.dataset)}</p>',
            f"<h1>{text(evaluation.model)}</h1>",
            paragraph(result(evaluation), "result"),
            paragraph(more_results(evaluation), "lead"),
            _facts(evaluation),
            f'<pre class="command"><code>{text(evaluation.command)}</code></pre>',
            "</header>",
        ]
    )


def _energy(evaluation: Evaluation) -> str:
    full = evaluation.full_depth
    if full.energy_j is not None:
        source = text(evaluation.energy_source or "a sensor")
        return f"{full.energy_j:.3g} J a picture of the full network, by {source}"
    if evaluation.energy_proxy is not None:
        return f"not measured; {text(evaluation.energy_proxy)} stands for it in DAES"
    return "not measured"


def _facts(evaluation: Evaluation) -> str:
    full = evaluation.full_depth
    time = "time not measured" if full.time_ms is None else milliseconds(full.time_ms)
    host = ", ".join(f"{text(key)} {text(value)}" for key, value in evaluation.host.items())
    facts = {
        "model": text(evaluation.model),
        "data set": text(evaluation.dataset),
        "split": f"{text(evaluation.split)}, n = {count(evaluation.n)}",
        "thresholds chosen on": f"{text(evaluation.chosen_on)}, n = {count(evaluation.chosen_n)}",
        "full network, a picture": f"{millions(full.macs)} MACs, {time}",
        "exits, classes": f"{count(len(evaluation.exits))}, {count(len(evaluation.classes))}",
        "device": text(evaluation.device),
        "precision": text(evaluation.precision),
        "threads": count(evaluation.threads),
        "batch": count(evaluation.batch),
        "torch": text(evaluation.torch),
        "energy": _energy(evaluation),
        "host": host or "not stated",
    }
    items = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items()]
    return '<dl class="facts">\n' + "\n".join(items) + "\n</dl>"
