"""Exit policies: immutable, numbered, numpy only. One file a kind, one registry."""

from dart_stream.policies.always_full import AlwaysFullPolicy, with_always_full
from dart_stream.policies.dart import DartPolicy
from dart_stream.policies.dart_paper import DartPaperPolicy
from dart_stream.policies.entropy import EntropyPolicy
from dart_stream.policies.fixed import FixedPolicy
from dart_stream.policies.full import FullDepthPolicy
from dart_stream.policies.patience import PatiencePolicy
from dart_stream.policies.policy import ExitObservation, Policy
from dart_stream.policies.registry import POLICY_KINDS, policy_from_dict
from dart_stream.policies.replay import replay
from dart_stream.policies.watching_first import WatchingFirst

__all__ = [
    "POLICY_KINDS",
    "AlwaysFullPolicy",
    "DartPaperPolicy",
    "DartPolicy",
    "EntropyPolicy",
    "ExitObservation",
    "FixedPolicy",
    "FullDepthPolicy",
    "PatiencePolicy",
    "Policy",
    "WatchingFirst",
    "policy_from_dict",
    "replay",
    "with_always_full",
]
