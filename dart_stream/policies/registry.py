"""Every kind of policy under its name, and the way from a body to a policy."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dart_stream.errors import PolicyError
from dart_stream.policies.always_full import AlwaysFullPolicy
from dart_stream.policies.dart import DartPolicy
from dart_stream.policies.dart_paper import DartPaperPolicy
from dart_stream.policies.entropy import EntropyPolicy
from dart_stream.policies.fixed import FixedPolicy
from dart_stream.policies.full import FullDepthPolicy
from dart_stream.policies.patience import PatiencePolicy
from dart_stream.policies.policy import Policy

_CLASSES: tuple[type[Policy], ...] = (
    FullDepthPolicy,
    FixedPolicy,
    EntropyPolicy,
    PatiencePolicy,
    DartPolicy,
    DartPaperPolicy,
    AlwaysFullPolicy,
)

POLICY_KINDS: Mapping[str, type[Policy]] = MappingProxyType({cls.kind: cls for cls in _CLASSES})


def policy_from_dict(
    body: Mapping[str, Any], *, num_exits: int, num_classes: int, version: int = 0
) -> Policy:
    """Read a policy's body, as it stands in `policy.json` and travels to workers.

    Args:
        body: {"kind": ..., and what that kind needs}.
        num_exits: of the model, the last included.
        num_classes: of the model.
        version: number to give the policy.

    Raises:
        PolicyError: unknown kind or key, a value out of range, or a count that does not fit.
    """
    kind = body.get("kind") if isinstance(body, Mapping) else None
    policy_class = POLICY_KINDS.get(kind) if isinstance(kind, str) else None
    if policy_class is None:
        raise PolicyError(f"policy: expected kind {' | '.join(POLICY_KINDS)}, got {kind!r}")
    policy = policy_class.from_dict(body)
    policy.require_fit(num_exits, num_classes)
    return policy.with_version(version)
