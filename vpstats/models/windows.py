"""One hazard ratio per window of follow-up, and whether they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.formula import parse_formula
from vpstats.models.hazards import CoxFit, fit_cox
from vpstats.models.rates import incidence_rates
from vpstats.models.splitting import SAME_UNIT
from vpstats.models.window_plan import (
    ROW,
    WINDOW,
    Asked,
    EventFloors,
    Floors,
    Plan,
    judge,
    other_terms,
    plan_windows,
)
from vpstats.results import Caveat, Result, TableResult

__all__ = ["EventFloors", "WindowEffects", "fit_cox_by_window"]

_GROUP = "window, exposure"
_CODES = {"too few events": "event_floor", "not identified": "constant_within"}
_FEW_LEVELS = 6
"""Up to so many distinct values of an exposure have a rate each; of more, each window has one."""


@dataclass(frozen=True, kw_only=True)
class WindowEffects(Result):
    """Hazard ratios of an exposure in each window of follow-up.

    Parameters
    ----------
    fit : CoxFit
        The model of all windows that could be estimated; coefficients are named
        ``"exposure, window"``.
    windows : DataFrame
        One row per window: ``window, n_events, person_time, status, reason``.
    effects : DataFrame
        One row per coefficient of the exposure and window: ``window, term`` and the name of the
        coefficient in the fit.
    equality : DataFrame
        One row: ``term, statistic, df, df_residual, p_value, method``: the Wald test that the
        hazard ratios are equal in all windows, with the covariance of the fit.
    rates : TableResult
        Events per person-time in each window, by exposure where it has few values.
    """

    fit: CoxFit
    windows: pd.DataFrame
    effects: pd.DataFrame
    equality: pd.DataFrame
    rates: TableResult = field(default_factory=lambda: TableResult(title=""))
    measure: str = "hazard_ratio"

    def tidy(self, *, exponentiate: bool = False, level: float | None = None) -> pd.DataFrame:
        """One row per window and coefficient of the exposure.

        Parameters
        ----------
        exponentiate : bool
            Report hazard ratios and their limits; `std_error` stays on the log scale.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            ``window, term, n_events, person_time, estimate, std_error, statistic, p_value,
            conf_low, conf_high, status``; NaN in a window that was refused, whose reason stands
            in `windows` and whose rates in `rates`.
        """
        found = self.fit.tidy(exponentiate=exponentiate, level=level).set_index("term")
        numbers = found.reindex(self.effects["name"]).reset_index(drop=True)
        table = self.effects[["window", "term"]].merge(
            self.windows[["window", "n_events", "person_time", "status"]], on="window", how="left"
        )
        return pd.concat([table.drop(columns="status"), numbers, table[["status"]]], axis=1)

    def glance(self) -> pd.DataFrame:
        """One row: the counts, and the test that hazard ratios are equal in all windows.

        Returns
        -------
        DataFrame
            ``n, n_events, n_clusters, statistic, df, p_value, ties, vcov, penalty, unit, status,
            reason``.
        """
        test = self.equality.iloc[0]
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "statistic": [float(test["statistic"])],
                "df": [int(test["df"])],
                "p_value": [float(test["p_value"])],
                "ties": [self.fit.ties],
                "vcov": [self.fit.vcov],
                "penalty": [self.fit.penalty or "none"],
                "unit": [self.unit],
                "status": [self.status],
                "reason": [self.reason],
            }
        )


def fit_cox_by_window(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    exposure: str,
    at: Sequence[float],
    duration: str,
    event: str,
    cause: int = 1,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    offset: str | None = None,
    penalty: Literal["firth"] | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    level: float = 0.95,
    independent: str | None = None,
    vcov: Literal["model", "HC0", "CR0", "CR1"] | None = None,
    floors: Floors | None = None,
) -> WindowEffects:
    """Fit a Cox model in which the effect of one exposure differs between windows of follow-up.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows, one per unit; unchanged.
    formula : str
        The adjustment set, whose effects are the same in all windows; ``"1"`` for none. It may
        name the exposure too.
    exposure : str
        Term whose effect differs: a column or a transform of one.
    at : sequence of float
        Times that part the windows, in the unit of the duration column; an event at one of them
        lies in the window before it.
    duration, event, cause, entry, strata, cluster, weights, offset, ties, level, independent
        As in `fit_cox`.
    vcov : {"model", "HC0", "CR0", "CR1"}, optional
        As in `fit_cox`; "HC0" is the sandwich of the rows as given, not of their parts.
    penalty : {None, "firth"}
        "firth" for all windows; it is used in any case where a window has few events.
    floors : object, optional
        With ``events, events_per_parameter, single_parameter_events``; 10, 5 and 5 if None.

    Returns
    -------
    WindowEffects
        A window with fewer events than the floors ask for is refused in words and has rates with
        exact intervals instead; the others are estimated without it. From 5 to 9 events an
        exposure of one coefficient is estimated with Firth's penalty.

    Raises
    ------
    UsageError
        If the exposure interacts with other terms, or a request is wrong as in `fit_cox`.

    Notes
    -----
    The test of equality is a Wald test with the covariance of the fit, which is robust where rows
    are clustered. It has little power with few events: that hazard ratios do not differ clearly is
    no proof that they are equal.

    References
    ----------
    Therneau TM, Grambsch PM (2000), section 6.5. Peduzzi P, Concato J, Feinstein AR, Holford TR.
    Importance of events per independent variable in proportional hazards regression analysis. J
    Clin Epidemiol 1995;48:1503-1510.

    Examples
    --------
    >>> import numpy as np
    >>> rows = pd.DataFrame({"days": np.arange(1.0, 41), "event": 1, "x": [0, 1, 1, 0] * 10})
    >>> found = fit_cox_by_window(rows, "1", exposure="x", at=[20], duration="days", event="event")
    >>> found.tidy()[["window", "term", "n_events", "status"]]
      window term  n_events status
    0   0-20    x        20     ok
    1    20+    x        20     ok
    """
    options: dict[str, Any] = {
        "duration": duration,
        "event": event,
        "cause": cause,
        "strata": strata,
        "weights": weights,
        "offset": offset,
        "ties": ties,
        "level": level,
        "vcov": vcov,
    }
    asked = Asked(
        exposure, other_terms(formula, exposure), tuple(at), entry, options, floors or EventFloors()
    )
    copies = tuple(data) if isinstance(data, Imputations) else (data,)
    opened = [open_data(copy, cluster=cluster, independent=independent) for copy in copies]
    plans = [plan_windows(frame, asked, penalty) for frame in opened]
    return _fit(plans, asked)


def _fit(plans: list[Plan], asked: Asked) -> WindowEffects:
    plan = plans[0]
    effects = pd.DataFrame(
        [
            {"window": name, "term": term, "name": f"{term}, {name}"}
            for name in plan.windows["window"]
            for term in plan.columns or (asked.exposure,)  # one that is constant has no column
        ]
    )
    fit, status, reason = _estimate(plans, asked, effects)
    frame = plan.frame
    return WindowEffects(
        title=f"{fit.title}: {asked.exposure} by window of follow-up",
        unit=frame.unit,
        n=plan.n,
        n_events=int(plan.windows["n_events"].sum()),
        n_clusters=frame.n_clusters,
        caveats=_caveats(plan, fit),
        status=status,
        reason=reason,
        level=asked.options["level"],
        fit=fit,
        windows=plan.windows,
        effects=effects,
        equality=_equality(fit, effects, plan, asked.exposure),
        rates=_rates(plan, asked),
    )


def _estimate(plans: list[Plan], asked: Asked, effects: pd.DataFrame) -> tuple[CoxFit, str, str]:
    """The model of the windows that have events enough, and why there is none."""
    plan = plans[0]
    wanted = effects[effects["window"].isin(plan.allowed)]
    formula = " + ".join([*(f"`{name}`" for name in wanted["name"]), *asked.others]) or "1"
    events = int(plan.windows.loc[plan.windows["status"] == "ok", "n_events"].sum())
    parameters = len(wanted) + plan.n_others
    frames = [_keep_windows(p.frame, plan.allowed) for p in plans]
    given = frames[0] if len(frames) == 1 else Imputations(tuple(frames))
    status, reason = "too few events", ""
    if wanted.empty:
        refused = plan.windows["status"]
        status = status if (refused == status).any() else str(refused.iloc[0])
        reason = "no window tells of a hazard ratio; see the reasons in `windows`, and the rates."
    elif parameters > 1:
        reason, _ = judge(events, parameters, asked.floors)
        reason = reason and f"all windows together: {reason}"
    if reason:
        blank = fit_cox(_keep_windows(plan.frame, []), formula, **_how(plan, asked))
        return replace(blank, status=status, reason=reason), status, reason
    fit = fit_cox(given, formula, **_how(plan, asked))
    fit = _of_rows(fit) if plan.by_row else fit
    return fit, fit.status, fit.reason


def _of_rows(fit: CoxFit) -> CoxFit:
    """A fit whose clusters are single rows, named as what it is."""
    caveats = tuple(c for c in fit.caveats if c.code not in ("few_clusters", "few_event_clusters"))
    return replace(fit, vcov="HC0", cluster=None, n_clusters=None, caveats=caveats)


def _how(plan: Plan, asked: Asked) -> dict[str, Any]:
    how = asked.options | {"entry": plan.frame.entry, "penalty": plan.penalty}
    return how | {"cluster": ROW, "vcov": "CR0"} if plan.by_row else how


def _keep_windows(frame: Frame, names: list[str]) -> Frame:
    return replace(frame, data=frame.data[frame.data[WINDOW].isin(names).to_numpy()])


def _caveats(plan: Plan, fit: CoxFit) -> tuple[Caveat, ...]:
    said = [
        Caveat(_CODES[str(row.status)], f"Window {row.window}: {row.reason}", str(row.window))
        for row in plan.windows.itertuples()
        if row.status != "ok"
    ]
    dropped = []
    if plan.n_missing:
        message = f"{plan.n_missing:,} rows with a missing value were left out."
        dropped.append(Caveat("dropped_rows", message))
    # that the parts of one row are independent is no assumption of the analyst's
    ours = plan.frame.independent == SAME_UNIT
    known = [c for c in fit.caveats if not (ours and c.code == "independent")]
    return (*dropped, *said, *known)


def _equality(fit: CoxFit, effects: pd.DataFrame, plan: Plan, exposure: str) -> pd.DataFrame:
    """Wald test that each coefficient of the exposure is the same in all windows."""
    here = effects[effects["name"].isin(fit.terms) & effects["window"].isin(plan.allowed)]
    contrasts = []
    for _, own in here.groupby("term", sort=False):
        place = [fit.terms.index(name) for name in own["name"]]
        for other in place[1:]:
            row = np.zeros(len(fit.terms))
            row[place[0]], row[other] = 1.0, -1.0
            contrasts.append(row)
    C, df = np.array(contrasts).reshape(len(contrasts), len(fit.terms)), len(contrasts)
    statistic, residual = np.nan, float(np.min(fit.df))
    if df and fit.ok:
        gap = C @ fit.coefficients
        statistic = float(gap @ np.linalg.solve(C @ fit.covariance @ C.T, gap))
    if np.isinf(residual):
        p_value, method = stats.chi2.sf(statistic, df), "Wald chi-squared"
    else:
        statistic = statistic / max(df, 1)
        p_value, method = stats.f.sf(statistic, df, residual), "Wald F"
    return pd.DataFrame(
        {
            "term": [f"{exposure}: equal in all windows"],
            "statistic": [statistic],
            "df": [df],
            "df_residual": [residual],
            "p_value": [float(p_value)],
            "method": [method],
        }
    )


def _rates(plan: Plan, asked: Asked) -> TableResult:
    """Events per person-time by window, and by exposure where it has few values."""
    table, by = plan.frame.data, WINDOW
    if table.empty:
        return TableResult(title="Incidence rates", unit=plan.frame.unit, status="no rows",
                           reason="no row has a value in every column.")  # fmt: skip
    column = parse_formula(f"~ {asked.exposure}").columns[0]
    values = table[column]
    if values.nunique() <= _FEW_LEVELS:
        pairs = pd.DataFrame({"w": table[WINDOW].cat.codes, "x": values.to_numpy()})
        known = pairs.drop_duplicates().sort_values(["w", "x"])
        names = list(table[WINDOW].cat.categories)
        words = [f"{names[w]}, {column} {x}" for w, x in known.to_numpy(object)]
        code = pd.MultiIndex.from_frame(known).get_indexer(pd.MultiIndex.from_frame(pairs))
        table, by = table.assign(**{_GROUP: pd.Categorical.from_codes(code, words)}), _GROUP
    return incidence_rates(
        replace(plan.frame, data=table),
        duration=asked.options["duration"],
        event=asked.options["event"],
        cause=asked.options["cause"],
        entry=plan.frame.entry,
        by=by,
        level=asked.options["level"],
    )
