"""Checks of sessions, treated levels and leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.checks import Case, Doubt, check, days_between, is_code, where
from vpstats.registry.checks_scales import names_several

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_BENIGN = ("osteoporotic", "trauma")
_FEWEST = 10
_LARGE_DOSE = 5.0  # mL in one vertebra; equal doses above it suggest a total that was copied
_CT_WINDOW = 30
_CRP_WINDOW = 365  # days before the session; an older CRP has the year of another, most likely


@check
def session_dates(case: Case) -> Iterator[Doubt]:
    """Dates around a session, in the order in which they have to be."""
    procedures = case["procedures"]
    day = procedures["proc_date"]
    born = case.along("procedures", "patient_id", "patients", "birth_date")["birth_date"]
    yield Doubt(
        "date.born_after",
        "procedures",
        "proc_date",
        where(day < born),
        note="the session is before the birth of the patient",
    )
    yield Doubt(
        "session.fracture_later",
        "procedures",
        "fracture_date",
        where(procedures["fracture_date"] > day),
        erase=True,
        note="the fracture is after the session that treated it",
    )
    yield Doubt(
        "session.crp_later",
        "procedures",
        "crp_date",
        where(procedures["crp_date"] > day),
        note="the CRP was taken after the session",
    )
    before = days_between(day, procedures["crp_date"])
    yield Doubt(
        "session.crp_earlier",
        "procedures",
        "crp_date",
        where(before > _CRP_WINDOW),
        note=f"the CRP was taken more than {_CRP_WINDOW} days before the session",
    )
    yield Doubt(
        "session.entry_earlier",
        "procedures",
        "entry_date",
        where(procedures["entry_date"] < day),
        note="the session was entered before it was done",
    )
    after = days_between(procedures["ct_post_date"], day)
    yield Doubt(
        "session.ct_date",
        "procedures",
        "ct_post_date",
        where((after < 0) | (after > _CT_WINDOW)),
        note=f"the CT is before the session or more than {_CT_WINDOW} days after it",
    )


@check
def session_contradictions(case: Case) -> Iterator[Doubt]:
    """Two fields of a session that cannot both be."""
    rows = case["procedures"]
    no_ct = is_code(rows["ct_post_done"], "no", "not_done")
    told = rows["ct_post_date"].notna() | rows["ct_post_reason"].notna()
    yield Doubt(
        "session.contradiction",
        "procedures",
        "ct_post_done",
        where(no_ct & told),
        note="no CT was made, although its date or reason is given",
    )
    result = is_code(rows["biopsy_result"], "negative", "tumour", "infection")
    yield Doubt(
        "session.contradiction",
        "procedures",
        "biopsy_done",
        where(is_code(rows["biopsy_done"], "no") & result),
        note="no biopsy was taken, although its result is given",
    )
    yield Doubt(
        "session.contradiction",
        "procedures",
        "biopsy_result",
        where(is_code(rows["biopsy_done"], "yes") & is_code(rows["biopsy_result"], "none")),
        note="a biopsy was taken, although the result says that there was none",
    )
    yield Doubt(
        "session.contradiction",
        "procedures",
        "mri_pre",
        where(is_code(rows["mri_pre"], "no") & is_code(rows["mri_stir_edema"], "yes", "no")),
        note="no MRI was made, although what it showed is given",
    )
    azygos = is_code(rows["azygos_or_ivc_leak_fluoro"], "yes")
    yield Doubt(
        "session.contradiction",
        "procedures",
        "venous_leak_fluoro",
        where(azygos & is_code(rows["venous_leak_fluoro"], "no")),
        note="no venous leak, although cement was seen in the azygos or caval vein",
    )


@check
def sessions_of_one_day(case: Case) -> Iterator[Doubt]:
    """Two sessions of one patient on one day are most likely one."""
    rows = case["procedures"]
    again = rows.duplicated(["patient_id", "proc_date"], keep=False) & rows["proc_date"].notna()
    yield Doubt(
        "session.same_day",
        "procedures",
        "proc_date",
        where(again),
        note="the patient has another session on this day; they may be one",
    )


@check
def operators(case: Case) -> Iterator[Doubt]:
    """An operator at two centers on one day, and two operators in one cell."""
    rows = case["procedures"]
    each = rows[["operator_id", "proc_date", "center_id"]].astype({"operator_id": object})
    each = each[each["operator_id"].notna()]
    # a comma may stand between a name and a first name
    each = each.assign(operator_id=each["operator_id"].str.split(r"\s*[/+&;]\s*", regex=True))
    known = each.explode("operator_id")
    centers = known.groupby(["operator_id", "proc_date"], observed=True)["center_id"]
    several = known.index[centers.transform("nunique") > 1]
    yield Doubt(
        "operator.two_centers",
        "procedures",
        "operator_id",
        np.unique(several.to_numpy(np.int64)),
        note="the operator is at two centers on one day",
    )
    shared = rows["operator_id"].isin(
        [n for n in rows["operator_id"].dropna().unique() if names_several(n)]
    )
    yield Doubt(
        "operator.several",
        "procedures",
        "operator_id",
        where(shared),
        note="several operators in one cell; they are counted as one of their own",
    )


@check
def declared_levels(case: Case) -> Iterator[Doubt]:
    """The declared number of levels has to be the number of level rows."""
    rows, levels = case["procedures"], case["levels"]
    # a vertebra that cannot be read is a finding at its own row, of which this would follow
    left_out = rows["procedure_id"].map(case.cut_short).fillna(0).astype("Int64")
    counts = levels["procedure_id"].value_counts()
    counted = rows["procedure_id"].map(counts).fillna(0).astype("Int64")
    declared = rows["n_levels_declared"]
    wrong = where(declared.notna() & ~declared.between(counted, counted + left_out))
    yield Doubt(
        "session.level_count",
        "procedures",
        "n_levels_declared",
        wrong,
        note=_pairs("declared {}, found {}", declared, counted, wrong),
    )
    none = where(declared.isna() & (counted == 0) & (left_out == 0))
    yield Doubt(
        "session.no_levels",
        "procedures",
        "procedure_id",
        none,
        note="the session has no level that could be read",
    )


def _pairs(pattern: str, first: pd.Series, second: pd.Series, positions: Array) -> Array:
    out = np.empty(len(positions), dtype=object)
    pairs = zip(first.iloc[positions], second.iloc[positions], strict=True)
    out[:] = [pattern.format(a, b) for a, b in pairs]
    return out


@check
def retreated(case: Case) -> Iterator[Doubt]:
    """The same vertebra cemented in two sessions: a re-treatment, or a duplicate."""
    levels = case["levels"]
    patient = case.along("levels", "procedure_id", "procedures", "patient_id")["patient_id"]
    keys = pd.DataFrame({"patient": patient, "level": levels["level"].astype(object)})
    again = keys.dropna().duplicated(keep=False).reindex(keys.index, fill_value=False)
    yield Doubt(
        "level.twice",
        "levels",
        "level",
        where(again),
        note="the vertebra is cemented in another session too: a re-treatment or a duplicate",
    )


@check
def neoplastic_fields(case: Case) -> Iterator[Doubt]:
    """Fields of neoplastic levels filled for an osteoporotic or traumatic fracture."""
    levels = case["levels"]
    indication = case.along("levels", "procedure_id", "procedures", "indication")["indication"]
    benign = is_code(indication, *_BENIGN)
    unknown = indication.isna().to_numpy(bool) | is_code(indication, "other")
    for field in ("epidural_mass", "soft_tissue_mass"):
        mass = is_code(levels[field], "yes")
        yield Doubt(
            "level.neoplastic_field",
            "levels",
            field,
            where(benign & mass),
            note="a mass is recorded although the indication is not neoplastic",
        )
        yield Doubt(
            "level.neoplastic_field",
            "levels",
            field,
            where(unknown & mass),
            note="a mass is recorded, and the indication names no tumour",
        )
    yield Doubt(
        "level.neoplastic_field",
        "levels",
        "fracture_type",
        where(benign & is_code(levels["fracture_type"], "none")),
        note="no fracture, although the indication is a fracture",
    )


@check
def height_loss(case: Case) -> Iterator[Doubt]:
    """A height loss below one percent is most likely a fraction, and so is a center of ones."""
    levels = case["levels"]
    loss = levels["height_loss_pct"]
    center = case.along("levels", "procedure_id", "procedures", "center_id")["center_id"]
    small = (loss <= 1).astype("Float64").groupby(center).transform("mean") > 0.5
    fraction = (loss > 0) & ((loss < 1) | ((loss == 1) & small))
    yield Doubt(
        "unit.fraction",
        "levels",
        "height_loss_pct",
        where(fraction),
        erase=True,
        note="0 to 1 in a column of percent: it may be a fraction",
    )


@check
def copied_totals(case: Case) -> Iterator[Doubt]:
    """The same large dose in every level of a session may be the total of the session."""
    levels = case["levels"]
    doses = levels.groupby("procedure_id", observed=True)["cement_ml"]
    same = (doses.transform("nunique") == 1) & (doses.transform("count") > 1)
    large = same & (levels["cement_ml"] > _LARGE_DOSE)
    yield Doubt(
        "cement.copied",
        "levels",
        "cement_ml",
        where(large),
        note="the same large dose in every level; it may be the total of the session",
    )
    center = case.along("levels", "procedure_id", "procedures", "center_id")["center_id"]
    several = doses.transform("count") > 1
    for name, share in same[several].groupby(center[several], observed=True):
        if len(share) >= 2 * _FEWEST and share.mean() > 0.8:
            copied = share.index[share].to_numpy(np.int64)
            yield Doubt(
                "cement.copied",
                "levels",
                "cement_ml",
                copied,
                note=f"center {name} has the same dose in all levels of most sessions",
            )


# ------------------------------------------------------------------ leaks


@check
def leak_summary(case: Case) -> Iterator[Doubt]:
    """No leak at all beside a leak at a site."""
    leaks = case["leaks"]
    named = leaks[(leaks["site"] != "any") & (leaks["state"] == "present")]
    somewhere = pd.MultiIndex.from_frame(named[["level_id", "modality"]].astype(object))
    summary = leaks[(leaks["site"] == "any") & (leaks["state"] == "absent")]
    keys = pd.MultiIndex.from_frame(summary[["level_id", "modality"]].astype(object))
    yield Doubt(
        "leak.any_no",
        "leaks",
        "state",
        summary.index[keys.isin(somewhere)].to_numpy(np.int64),
        note="no leak at all, although a site has one; the summary counts as not assessed",
        erase=True,
        put="not_assessed",
    )


@check
def leak_consequences(case: Case) -> Iterator[Doubt]:
    """Symptoms of, or an intervention for, a leak that nothing shows."""
    levels, leaks = case["levels"], case["leaks"]
    assessed = leaks.loc[leaks["state"] != "not_assessed", "level_id"].unique()
    leaking = leaks.loc[leaks["state"] == "present", "level_id"].unique()
    dry = (levels["level_id"].isin(assessed) & ~levels["level_id"].isin(leaking)).to_numpy(bool)
    yield Doubt(
        "leak.consequence",
        "levels",
        "leak_symptomatic",
        where(dry & is_code(levels["leak_symptomatic"], "yes")),
        note="symptoms of a leak, although no leak was seen",
    )
    acted = levels["leak_intervention"].notna() & (levels["leak_intervention"] != "none")
    yield Doubt(
        "leak.consequence",
        "levels",
        "leak_intervention",
        where(acted & dry),
        note="an intervention for a leak, although no leak was seen",
    )


@check
def yeom_without_ct(case: Case) -> Iterator[Doubt]:
    """A Yeom type needs a CT."""
    levels = case["levels"]
    done = case.along("levels", "procedure_id", "procedures", "ct_post_done")["ct_post_done"]
    typed = levels[["yeom_b", "yeom_s", "yeom_c"]].eq("yes").any(axis=1).to_numpy(bool)
    yield Doubt(
        "leak.without_ct",
        "levels",
        "yeom_b",
        where(typed & is_code(done, "no")),
        note="a type of leak on CT, although no CT was made",
    )


@check
def clear_on_unrecorded_ct(case: Case) -> Iterator[Doubt]:
    """A CT without a leak, where the session does not say that there was a CT.

    A leak that was seen proves its CT; "none" may as well be what a form is filled with. A center
    that never says whether a CT was made is left alone: then nothing sets its rows apart.
    """
    leaks = case["leaks"]
    sessions = case["procedures"].set_index("procedure_id")
    usual = sessions["ct_post_done"].notna().groupby(sessions["center_id"]).transform("mean") > 0.5
    unsaid = sessions.index[(sessions["ct_post_done"].isna() & usual).to_numpy(bool)]
    levels = case["levels"]
    of_unsaid = levels.loc[levels["procedure_id"].isin(unsaid), "level_id"]
    on_ct = leaks[is_code(leaks["modality"], "ct") & leaks["level_id"].isin(of_unsaid)]
    seen = on_ct.loc[is_code(on_ct["state"], "present"), "level_id"]
    clear = on_ct[is_code(on_ct["state"], "absent") & ~on_ct["level_id"].isin(seen)]
    yield Doubt(
        "leak.ct_unrecorded",
        "leaks",
        "state",
        clear.index[~clear["level_id"].duplicated()].to_numpy(np.int64),
        note="no leak on a CT, and nothing says that a CT was made",
    )


@check
def orphans(case: Case) -> Iterator[Doubt]:
    """Rows whose patient, session or level is not in the registry."""
    for table, key, of in (
        ("procedures", "patient_id", "patients"),
        ("visits", "patient_id", "patients"),
        ("events", "patient_id", "patients"),
        ("levels", "procedure_id", "procedures"),
        ("events", "procedure_id", "procedures"),
        ("leaks", "level_id", "levels"),
    ):
        rows = case[table][key]
        lost = where(rows.notna() & ~rows.isin(case[of][key]))
        yield Doubt(
            "key.orphan",
            table,
            key,
            lost,
            note=f"no row of {of} is about the one that this row names",
            # an event can do without its session, and is better off than with a dangling one
            erase=(table, key) == ("events", "procedure_id"),
        )
