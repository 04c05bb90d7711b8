"""Checks of patients: contradictions within a row, and one person under two identifiers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from vpstats.registry.checks import Case, Doubt, check, is_code, where
from vpstats.registry.people import plain_id
from vpstats.schema_tables import TABLES

_SHARE_SAME_DAY = 0.5
_FEWEST = 10


@check
def bone_density(case: Case) -> Iterator[Doubt]:
    """A T-score that lost its sign, and one that changed places with the attenuation."""
    patients = case["patients"]
    score, dense = patients["bmd_tscore"], is_code(patients["osteoporosis_dx"], "yes")
    lost = where((score >= 1) & (dense | (score > 2).fillna(value=False).to_numpy(bool)))
    yield Doubt(
        "tscore.sign",
        "patients",
        "bmd_tscore",
        lost,
        erase=True,
        note="a positive T-score where a negative one is expected; the sign may be lost",
    )
    attenuation = patients["ct_hu"]
    swapped = where((attenuation >= -7) & (attenuation <= 5) & score.isna())
    yield Doubt(
        "tscore.swapped",
        "patients",
        "ct_hu",
        swapped,
        erase=True,
        note="looks like a T-score; the columns may have changed places",
    )


@check
def diagnoses(case: Case) -> Iterator[Doubt]:
    """A reason or kind is given for what is said to be absent."""
    patients = case["patients"]
    for field, kind in (
        ("malignancy_hist", "primary_tumour"),
        ("immunocompromised", "immuno_reasons"),
    ):
        given = patients[kind].notna().to_numpy(bool)
        yield Doubt(
            "patient.contradiction",
            "patients",
            field,
            where(given & is_code(patients[field], "no")),
            note=f"no, although {kind.replace('_', ' ')} is given",
        )
    told = patients["immuno_reasons"].str.contains("steroid", regex=False)
    yield Doubt(
        "patient.contradiction",
        "patients",
        "steroid_chronic",
        where(is_code(patients["steroid_chronic"], "no") & told.fillna(value=False).to_numpy(bool)),
        note="no, although steroids are a reason of immunosuppression",
    )
    yield from _tumour_denied(case)
    treated = is_code(patients["antiosteo_tx"], "none") & patients["antiosteo_start"].notna()
    yield Doubt(
        "patient.contradiction",
        "patients",
        "antiosteo_tx",
        where(treated),
        note="none, although a start of treatment is given",
    )


def _tumour_denied(case: Case) -> Iterator[Doubt]:
    """A session for a tumour of a patient who is said never to have had one."""
    patients, sessions = case["patients"], case["procedures"]
    denied = set(patients["patient_id"][is_code(patients["malignancy_hist"], "no")])
    treated = is_code(sessions["indication"], "metastasis", "myeloma")
    both = treated & sessions["patient_id"].isin(denied).to_numpy(bool)
    found = patients["patient_id"].isin(set(sessions["patient_id"][both]))
    note = "no malignancy, although a session was for a metastasis or myeloma"
    yield Doubt("patient.contradiction", "patients", "malignancy_hist", where(found), note=note)
    yield Doubt("patient.contradiction", "procedures", "indication", where(both), note=note)


@check
def vital_status(case: Case) -> Iterator[Doubt]:
    """Status, date of death and last contact have to agree."""
    patients = case["patients"]
    died = patients["death_date"]
    yield Doubt(
        "death.before_contact",
        "patients",
        "last_contact_date",
        where(patients["last_contact_date"] > died),
        note="the last contact is after the death",
    )
    yield Doubt(
        "death.status",
        "patients",
        "status",
        where(died.notna() & is_code(patients["status"], "alive")),
        note="alive, although a date of death is given",
    )
    yield Doubt(
        "death.status",
        "patients",
        "status",
        where(died.isna() & is_code(patients["status"], "dead")),
        note="dead, but no date of death is given",
    )
    yield Doubt(
        "date.born_after",
        "patients",
        "death_date",
        where(died < patients["birth_date"]),
        note="the death is before the birth",
    )


@check
def sessions_of_the_living(case: Case) -> Iterator[Doubt]:
    """Sessions after the death or the last contact, and treatment that began after them."""
    patients, sessions = case["patients"], case["procedures"]
    last = sessions.groupby("patient_id", observed=True)["proc_date"].max()
    treated = patients["patient_id"].map(last)
    yield Doubt(
        "death.before_session",
        "patients",
        "death_date",
        where(patients["death_date"] < treated),
        note="a session is after the death",
    )
    yield Doubt(
        "contact.before_session",
        "patients",
        "last_contact_date",
        where(patients["last_contact_date"] < treated),
        note="a session is after the last contact",
    )
    began = patients["antiosteo_start"]
    late = (began > patients["death_date"]) | (began > patients["last_contact_date"])
    yield Doubt(
        "patient.treated_late",
        "patients",
        "antiosteo_start",
        where(late),
        note="the treatment began after the death or the last contact",
    )


@check
def seen_later(case: Case) -> Iterator[Doubt]:
    """A visit or an event after the last contact is a later contact."""
    patients = case["patients"]
    seen = pd.concat(
        [
            case[table].groupby("patient_id")[day].max()
            for table, day in (("visits", "visit_date"), ("events", "event_date"))
        ],
        axis=1,
    ).max(axis=1)
    later = patients["patient_id"].map(seen) > patients["last_contact_date"]
    yield Doubt(
        "contact.earlier",
        "patients",
        "last_contact_date",
        where(later),
        note="a visit or an event is later; follow-up ends on its day",
    )


@check
def immortal_follow_up(case: Case) -> Iterator[Doubt]:
    """A last contact on the day of the export for most patients of a center is no contact."""
    patients = case["patients"]
    living = patients[patients["death_date"].isna() & patients["last_contact_date"].notna()]
    for _, rows in living.groupby("center_id", observed=True):
        days = rows["last_contact_date"].value_counts()
        if len(rows) >= _FEWEST and days.iloc[0] > _SHARE_SAME_DAY * len(rows):
            same = rows.index[rows["last_contact_date"] == days.index[0]].to_numpy(np.int64)
            yield Doubt(
                "contact.same_day",
                "patients",
                "last_contact_date",
                same,
                note="most patients of the center have this last contact; it may be the "
                "day of the export",
            )


@check
def same_identifier(case: Case) -> Iterator[Doubt]:
    """Identifiers that differ in case, punctuation or leading zeros alone."""
    patients = case["patients"]
    plain = patients["patient_id"].map(plain_id)
    yield Doubt(
        "duplicate.id_spelling",
        "patients",
        "patient_id",
        where(plain.duplicated(keep=False)),
        note="another patient of the center has an identifier that differs in case, "
        "punctuation or leading zeros alone",
    )


@check
def same_person(case: Case) -> Iterator[Doubt]:
    """Two identifiers with the same birth, sex and session, or the same birth, sex and body.

    One that has no session of its own is doubted for birth and sex alone: it may be mistyped.
    """
    patients, procedures = case["patients"], case["procedures"]
    born = patients[["patient_id", "center_id", "birth_date", "sex", "height_cm"]]
    sessions = procedures[["patient_id", "proc_date"]].merge(born, on="patient_id")
    treated = _shared(sessions, ["birth_date", "sex", "proc_date"])
    readmitted = _shared(born, ["center_id", "birth_date", "sex", "height_cm"])
    known = born[["birth_date", "sex"]].notna().all(axis=1)
    alike = known & born.duplicated(["center_id", "birth_date", "sex"], keep=False)
    probable = patients["patient_id"].isin(treated | readmitted)
    for mask, note in (
        (probable, "another identifier has the same date of birth, sex and session or height"),
        (
            alike & _sessionless(case) & ~probable,
            "another identifier has the same date of birth and sex, and this one has no session",
        ),
    ):
        yield Doubt("duplicate.person", "patients", "patient_id", where(mask), note=note)


def _sessionless(case: Case) -> pd.Series:
    """Patients of centers with sessions who have none, although no row of theirs was left out."""
    patients, sessions = case["patients"], case["procedures"]
    seated = patients["patient_id"].isin(sessions["patient_id"]) | patients["patient_id"].isin(
        case.unread | case.untaken
    )
    return ~seated & patients["center_id"].isin(sessions["center_id"])


@check
def patients_without_session(case: Case) -> Iterator[Doubt]:
    """A patient of whom there is no session: a mistyped identifier, or a row that is no record."""
    yield Doubt(
        "patient.no_session",
        "patients",
        "patient_id",
        where(_sessionless(case)),
        note="no session is of this patient; the identifier may be mistyped",
    )


def _shared(rows: pd.DataFrame, columns: list[str]) -> set[str]:
    known = rows.dropna(subset=columns).drop_duplicates(["patient_id", *columns])
    return set(known["patient_id"][known.duplicated(columns, keep=False)])


@check
def birth(case: Case) -> Iterator[Doubt]:
    """Year and date of birth have to agree."""
    patients = case["patients"]
    year = patients["birth_date"].dt.year.astype("Int64")
    yield Doubt(
        "birth.year",
        "patients",
        "birth_year",
        where((patients["birth_year"] != year) & year.notna()),
        note="differs from the year of the date of birth",
    )


@check
def too_young_for_any_session(case: Case) -> Iterator[Doubt]:
    """A birth so late that the patient is a child at the first contact, or at the export.

    Where a session could be read, the age at it says so; here none could.
    """
    patients, youngest = case["patients"], (TABLES["procedures"]["age_at_proc"].hard or (0, 0))[0]
    alone = ~patients["patient_id"].isin(case["procedures"]["patient_id"]).to_numpy(bool)
    contacts = [
        patients["patient_id"].map(case[table].groupby("patient_id")[day].min())
        for table, day in (("visits", "visit_date"), ("events", "event_date"))
    ]
    days = pd.concat([*contacts, patients["last_contact_date"], patients["death_date"]], axis=1)
    latest = days.min(axis=1).fillna(case.cut) - pd.DateOffset(years=int(youngest))
    young = {
        "birth_date": patients["birth_date"] > latest,
        "birth_year": patients["birth_year"] > latest.dt.year,
    }
    for field, late in young.items():
        yield Doubt(
            "derived.impossible",
            "patients",
            field,
            where(late.fillna(value=False).to_numpy(bool) & alone),
            note=f"younger than {youngest:g} years at the first contact",
        )
