"""From a configuration to everything a run needs, checked before anything is started."""

import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.model_calibration import CALIBRATION, read_calibration
from dart_stream.model_dir import ModelInfo, read_info, read_policy, resolve
from dart_stream.policies import Policy, policy_from_dict, with_always_full
from pipeline.config import (
    PipelineConfig,
    PolicyConfig,
    SmoothConfig,
    SourceConfig,
    VideoSinkConfig,
)
from pipeline.errors import ConfigError, UserError
from pipeline.hearsay import hearsay
from pipeline.messages import MAX_BLOB_BYTES
from pipeline.perturb import Perturbation
from pipeline.readers import check_source
from pipeline.regions import build_region_finder
from pipeline.remote_address import is_remote
from pipeline.stages.hub import Adapter, AdapterSettings, HubPlan, SourcePlan
from pipeline.stages.hub.plan import CREDITS
from pipeline.supervisor.listening import check_listening, check_remote_source
from pipeline.supervisor.settle_sinks import settle_sinks
from pipeline.supervisor.source_traits import traits_of

_PAPER_SENSITIVITY = 0.3
_STORED_KINDS = ["dart", "fixed"]  # a list: what is asked of it may be anything
_WAITING_FRAMES = 128
"""Of a file that waits: enough for large batches, few enough to drain in seconds.

One or two have so many each; more share them, because their frames make large batches together and
should advance together.
"""


_DRAWN = 16
"""Of a file that waits for its video: the encoder never lacks a frame, 1080p takes 100 MB."""
_GRACE_S = 5.0
"""Beyond the time-outs of a camera; then its reader is killed."""
_BACKLOG = 8
"""Frames of a camera that may wait for the encoder while others go through the pipeline."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How a run adapts, or why it does not."""

    settings: AdapterSettings | None = None
    calibration: ExitTable | None = None
    refusal: str | None = None
    """In one line, where the user might expect it; None if they have switched it off."""

    @property
    def words(self) -> str | None:
        """What a person is told; None if they have switched it off."""
        if self.settings is None or self.calibration is None:
            return self.refusal
        return (
            f"adaptation: at most {self.settings.epsilon:.3g} of the answers may differ from full "
            f"depth, {self.settings.audit_rate:.3g} are audited; calibration: "
            f"{len(self.calibration)} pictures of {self.calibration.source}"
        )


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A checked configuration with its model and policy."""

    config: PipelineConfig
    model: ModelInfo
    policy: Policy
    worker_threads: int
    decode_threads: int
    adaptation: Adaptation = Adaptation()

    def adapter(self) -> Adapter | None:
        """A fresh adapter; None for a run that keeps its policy."""
        settings, calibration = self.adaptation.settings, self.adaptation.calibration
        if settings is None or calibration is None:
            return None
        return Adapter(
            lambda chosen: chosen.controller(calibration),
            settings,
            sources=list(self.config.sources),
            num_exits=self.model.num_exits,
            full_macs=self.full_macs,
            always_full=always_full_classes(self.config.policy, self.model),
        )

    @property
    def sink_names(self) -> list[str]:
        """One name per configured sink."""
        return [f"{sink.__struct_config__.tag}-{i}" for i, sink in enumerate(self.config.sinks)]

    @property
    def draws(self) -> dict[str, str]:
        """Sinks that draw, and the source of each."""
        return {
            name: sink.source
            for name, sink in zip(self.sink_names, self.config.sinks, strict=True)
            if isinstance(sink, VideoSinkConfig) and sink.source is not None
        }

    @property
    def remote_sources(self) -> list[str]:
        """Sources whose readers come from other hosts."""
        return [name for name, source in self.config.sources.items() if is_remote(source)]

    @property
    def deadline_sources(self) -> frozenset[str]:
        """Sources whose regions have a deadline: a file that waits is old when its turn comes."""
        if self.config.runtime.region_deadline_ms is None:
            return frozenset()
        sources = self.config.sources
        return frozenset(name for name, source in sources.items() if not traits_of(source).can_wait)

    @property
    def deadline_words(self) -> str | None:
        """What a person is told of deadlines; None without any."""
        limit_ms = self.config.runtime.region_deadline_ms
        if limit_ms is None:
            return None
        named = ", ".join(sorted(self.deadline_sources)) or "no source: all of them wait"
        return f"deadline of {limit_ms:g} ms a region for {named}"

    def source_plan(self, name: str) -> SourcePlan:
        """What the hub is told of one source."""
        source, drawn = self.config.sources[name], set(self.draws.values())
        traits = traits_of(source)
        credits_ = _credits_of(self.config, drawn)[name]
        waits_for_sinks = name in drawn and traits.on_full == "block"
        room = credits_ if waits_for_sinks else credits_ + _BACKLOG
        is_fresh = self.config.runtime.credits is None and traits.on_full == "latest"
        return SourcePlan(
            name=name,
            config=source,
            credits=credits_,
            is_live=traits.live,
            is_fresh=is_fresh,
            max_age_ns=None if source.max_age is None else int(source.max_age * 1e9),
            patience_ns=int(self._patience_s(source) * 1e9) if traits.live else None,
            has_deadline=name in self.deadline_sources,
            always_full=source.always_full,
            waits_for_sinks=waits_for_sinks,
            ring_slots=room if name in drawn else 0,
        )

    @property
    def worker_names(self) -> list[str]:
        """One name per worker."""
        return [str(number) for number in range(self.config.runtime.workers)]

    @property
    def full_macs(self) -> int:
        """Multiply-accumulates of the plain network: all stages and the last head."""
        return sum(self.model.macs.stages) + self.model.macs.heads[-1]

    def hub_plan(self) -> HubPlan:
        """What the hub is told."""
        runtime = self.config.runtime
        height, width = self.model.input_size
        crop_bytes = height * width * 3
        return HubPlan(
            sources=[self.source_plan(name) for name in self.config.sources],
            workers=self.worker_names,
            sinks=self.sink_names,
            labels=list(self.model.classes),
            num_exits=self.model.num_exits,
            full_macs=self.full_macs,
            crop_bytes=crop_bytes,
            policy_version=self.policy.version,
            policy_body=self.policy.to_dict(),
            # A worker's socket would close the connection over a larger one, and say nothing.
            max_batch=min(runtime.max_batch, MAX_BLOB_BYTES // crop_bytes),
            draws=self.draws,
            batch_deadline_ns=int(runtime.batch_deadline_s * 1e9),
            region_deadline_ns=None
            if runtime.region_deadline_ms is None
            else int(runtime.region_deadline_ms * 1e6),
            min_confidence=self.config.labels.min_confidence,
            smooth=(self.config.labels.smooth.needed, self.config.labels.smooth.of),
        )

    def _patience_s(self, source: SourceConfig) -> float:
        """A reader on another host may hang as any other, and be as silent as its line."""
        listen, own_s = self.config.listen, patience_s(source)
        return max(own_s, listen.timeout_s) if is_remote(source) and listen is not None else own_s


def plan_run(config: PipelineConfig, *, goes_on: bool = False) -> RunPlan:
    """Check all that can be checked without starting anything.

    Args:
        config: What is run.
        goes_on: It is a run that began earlier and may have lost sources since.

    Raises:
        UserError: A source, zone, perturbation or class of one's own is wrong.
        DartStreamError: The model or the policy is wrong.
    """
    for name, source in config.sources.items():
        check_named_source(name, source)
    config = settle_sinks(config, gone_may_be=goes_on)
    check_listening(config)
    _check_smoothing(config.labels.smooth)
    directory = resolve(config.model.name)
    model = read_info(directory)
    policy = build_policy(config.policy, model, read_policy(directory))
    adaptation = plan_adaptation(config, model, read_calibration(directory, model))
    cores = os.cpu_count() or 1
    here = sum(not is_remote(source) for source in config.sources.values())
    spare = max(1, cores - here) // config.runtime.workers
    plan = RunPlan(
        config=config,
        model=model,
        policy=policy,
        worker_threads=config.model.threads or max(1, spare),
        decode_threads=max(1, cores // (here + config.runtime.workers)),
        adaptation=adaptation,
    )
    adapter = plan.adapter()
    return plan if adapter is None else replace(plan, policy=adapter.policy.with_version(1))


def replace_sources(plan: RunPlan, sources: Mapping[str, SourceConfig]) -> RunPlan:
    """The same plan with other sources."""
    config = msgspec.structs.replace(plan.config, sources=dict(sources))
    return replace(plan, config=config)


def plan_adaptation(
    config: PipelineConfig, model: ModelInfo, calibration: ExitTable | None
) -> Adaptation:
    """Find out whether a controller can be made, or say in a line why there is none."""
    policy = config.policy
    if not config.adaptation.enabled or policy.mode != "dart":
        return Adaptation()
    if policy.thresholds is not None or policy.sensitivity is not None:
        return Adaptation(refusal="no adaptation: the policy's own numbers are configured")
    if calibration is None:
        return Adaptation(
            refusal=f"no adaptation: model {model.name!r} has no {CALIBRATION}; "
            "`calibrate` writes one"
        )
    settings = AdapterSettings(
        epsilon=policy.max_disagreement,
        audit_rate=config.adaptation.audit_rate,
        seed=config.seed,
    )
    try:
        settings.controller(calibration)
    except DataError as error:
        return Adaptation(refusal=f"no adaptation: {error}")
    return Adaptation(settings, calibration)


def build_policy(config: PolicyConfig, model: ModelInfo, stored: dict[str, Any] | None) -> Policy:
    """The policy of a run, version 1.

    Raises:
        ConfigError: The mode needs thresholds and neither the configuration nor the model has any.
        PolicyError: The values do not fit the model.
    """
    body = {"kind": "full"} if config.mode == "full" else _threshold_body(config, model, stored)
    policy = policy_from_dict(
        body, num_exits=model.num_exits, num_classes=len(model.classes), version=1
    )
    return with_always_full(policy, always_full_classes(config, model))


def always_full_classes(config: PolicyConfig, model: ModelInfo) -> tuple[int, ...]:
    """Numbers of the classes that run to full depth, rising.

    Raises:
        ConfigError: The model does not know one.
    """
    for name in config.always_full:
        if name not in model.classes:
            raise ConfigError(
                f"policy.always_full: expected classes of model {model.name!r}, got {name!r}; "
                f"it knows {', '.join(model.classes[:20])}"
            )
    return tuple(sorted({model.classes.index(name) for name in config.always_full}))


def _threshold_body(
    config: PolicyConfig, model: ModelInfo, stored: dict[str, Any] | None
) -> dict[str, Any]:
    thresholds = config.thresholds or _stored_thresholds(stored)
    if thresholds is None:
        raise ConfigError(
            f"policy.thresholds: mode {config.mode!r} needs them, and model {model.name!r} "
            "has no policy.json with any; give policy.thresholds or mode 'full'"
        )
    if config.mode == "fixed":
        return {"kind": "fixed", "thresholds": thresholds}
    if config.mode == "paper":
        beta = _PAPER_SENSITIVITY if config.sensitivity is None else config.sensitivity
        return {"kind": "dart-paper", "thresholds": thresholds, "beta": beta}
    return _dart_body(config, thresholds, (stored or {}).get("chosen", {}))


def _dart_body(
    config: PolicyConfig, thresholds: list[float | None], chosen: dict[str, Any]
) -> dict[str, Any]:
    """What the model's certificate is about, unless the configuration says otherwise."""
    if config.thresholds is not None:
        return {"kind": "dart", "thresholds": thresholds, "beta": config.sensitivity or 0.0}
    kind = chosen.get("kind")
    if kind not in _STORED_KINDS:  # a fixed one is a dart policy that leaves difficulty out
        raise ConfigError(
            f"policy.json: expected a policy of kind dart or fixed, got {kind!r}; give "
            "policy.thresholds or another policy.mode"
        )
    body = {**chosen, "kind": "dart"}
    return body if config.sensitivity is None else body | {"beta": config.sensitivity}


def _stored_thresholds(stored: dict[str, Any] | None) -> list[float | None] | None:
    chosen = (stored or {}).get("chosen", {})
    thresholds: list[float | None] | None = chosen.get("thresholds")
    return thresholds


def _credits_of(config: PipelineConfig, drawn: AbstractSet[str] = frozenset()) -> dict[str, int]:
    """Frames that each source may have in the pipeline; a drawn one's lie in shared memory."""
    if config.runtime.credits is not None:
        return dict.fromkeys(config.sources, config.runtime.credits)
    waiting = {name for name, source in config.sources.items() if traits_of(source).can_wait}
    share = _WAITING_FRAMES // (1 if len(waiting) <= 2 else len(waiting))
    each = max(share, CREDITS)
    return {
        name: min(each, _DRAWN if name in drawn else each) if name in waiting else CREDITS
        for name in config.sources
    }


def patience_s(source: SourceConfig) -> float:
    """How long the reader of a camera may hang: its own time-outs one after the other, and more."""
    return 2 * source.open_timeout + source.stall_after + _GRACE_S


def _check_smoothing(smooth: SmoothConfig) -> None:
    if not smooth.of < 2 * smooth.needed <= 2 * smooth.of:
        raise ConfigError(
            f"labels.smooth: expected `needed` to be more than half of `of` and at most all of it, "
            f"got {smooth.needed} of {smooth.of}"
        )


def check_named_source(name: str, source: SourceConfig) -> None:
    """Look whether a source can work, as far as that shows before it is read.

    Raises:
        UserError: It cannot.
    """
    if is_remote(source):
        check_remote_source(name, source)
    else:
        _check_own_source(name, source)
    _check_perturbation(name, source.perturb)
    try:
        build_region_finder(source.regions)
    except UserError as error:
        raise ConfigError(f"sources.{name}: {error}") from error
    except Exception as error:  # of a class of the user's own
        said = hearsay(f"{type(error).__name__}: {error}")
        raise ConfigError(f"sources.{name}.regions: cannot be built ({said})") from error


def _check_own_source(name: str, source: SourceConfig) -> None:
    try:
        check_source(source)
    except ConfigError as error:  # of a setting, where errors of a source name its URI
        raise ConfigError(f"sources.{name}: {error}") from error


def _check_perturbation(name: str, schedule: str | None) -> None:
    if schedule is None:
        return
    try:
        Perturbation.parse(schedule)
    except ConfigError as error:
        raise ConfigError(f"sources.{name}: {error}") from error
    except ValueError as error:  # a count of thousands of digits
        raise ConfigError(f"sources.{name}.perturb: {hearsay(str(error))}") from error
