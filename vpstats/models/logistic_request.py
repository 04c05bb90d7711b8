"""What may be asked of a logistic regression, checked before any number is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.penalties import PENALTIES
from vpstats.results import require_level

VCOVS = ("model", "HC1", "CR0", "CR1", "CR2")


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    Parameters
    ----------
    formula, penalty, vcov, intervals, weights, offset, level
        As in `fit_logistic`.
    clusters : tuple of str
        No, one or two columns.
    """

    formula: str
    penalty: str | None
    clusters: tuple[str, ...]
    vcov: str
    intervals: str
    weights: str | None
    offset: str | None
    level: float


def read_request(frame: Frame, formula: str, options: dict[str, Any]) -> Request:
    """Check the options of a fit.

    Raises
    ------
    UsageError
        For unknown options and combinations without theory, with what to use instead.
    """
    penalty, vcov, intervals = options["penalty"], options["vcov"], options["intervals"]
    one_of("penalty", penalty, (None, *PENALTIES))
    one_of("vcov", vcov, (None, *VCOVS))
    one_of("intervals", intervals, ("wald", "profile"))
    clusters = _cluster_columns(frame, options["cluster"])
    vcov = vcov or ("CR1" if clusters else "model")
    _check_covariance(vcov, clusters, penalty)
    if intervals == "profile" and (clusters or vcov != "model"):
        raise UsageError(
            "a profile likelihood assumes independent rows and a right model, so it is not valid "
            "with clusters or a robust covariance; use intervals='wald' with a robust vcov."
        )
    level = require_level(options["level"])
    weights, offset = options["weights"], options["offset"]
    return Request(formula, penalty, clusters, vcov, intervals, weights, offset, level)


def one_of(name: str, value: object, allowed: Sequence[object]) -> None:
    """Check that an option has one of its values.

    Raises
    ------
    UsageError
        Naming them.
    """
    if value not in allowed:
        raise UsageError(f"{name} is {value!r}; expected one of {', '.join(map(repr, allowed))}.")


def first_cluster(cluster: str | tuple[str, ...] | None) -> str | None:
    """The column that rows are clustered in, the first of two.

    Raises
    ------
    UsageError
        Unless a tuple has two different columns.
    """
    if not isinstance(cluster, tuple):
        return cluster
    if len(cluster) != 2 or cluster[0] == cluster[1]:
        raise UsageError("cluster= takes one column, or a tuple of two different columns.")
    return cluster[0]


def _cluster_columns(frame: Frame, cluster: Any) -> tuple[str, ...]:
    if isinstance(cluster, tuple):
        return cluster
    return () if frame.cluster is None else (frame.cluster,)


def _check_covariance(vcov: str, clusters: tuple[str, ...], penalty: str | None) -> None:
    if clusters and not vcov.startswith("CR"):
        raise UsageError(
            f"vcov='{vcov}' ignores that rows of one {clusters[0]} are not independent; use 'CR1', "
            "or give independent='the reason' instead of cluster=."
        )
    if not clusters and vcov.startswith("CR"):
        raise UsageError(f"vcov='{vcov}' needs cluster=; for independent rows use 'HC1'.")
    if len(clusters) == 2 and vcov != "CR1":
        raise UsageError(f"there is no two-way {vcov}; use vcov='CR1'.")
    if penalty is not None and (vcov == "CR2" or len(clusters) == 2):
        raise UsageError(
            "there is no theory for CR2 or two-way clusters with Firth's penalty; use vcov='CR1' "
            "with one cluster."
        )
