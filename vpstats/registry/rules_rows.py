"""Rules across fields and tables, each with the example that tests it."""

from __future__ import annotations

from vpstats.registry.rule import Rows, Rule

_BOTH = "Look both values up and correct the wrong one in the source."
_DATES = "Look the dates up and correct the wrong one in the source."
_IDS = "Find out whether they are one person, and give one identifier."

_ONE = "patients: patient_id center_id\nA/1 A\n"
_SESSION = (
    "procedures: procedure_id patient_id center_id proc_date indication ct_post_done\n"
    "A/1/s A/1 A 2020-03-01 osteoporotic no\n"
)


def _patients(columns: str, *rows: str) -> str:
    return f"patients: patient_id center_id {columns}\n" + "\n".join(rows)


def _sessions(columns: str, *rows: str) -> str:
    head = f"{_ONE}procedures: procedure_id patient_id center_id proc_date {columns}\n"
    return head + "\n".join(rows)


def _levels(columns: str, *rows: str) -> str:
    return f"{_ONE}{_SESSION}levels: level_id procedure_id level {columns}\n" + "\n".join(rows)


def _events(columns: str, *rows: str, levels: str = "L1") -> str:
    one = f"levels: level_id procedure_id level\nA/1/s/{levels} A/1/s {levels}\n"
    return f"{_ONE}{_SESSION}{one}events: event_id patient_id event_type {columns}\n" + "\n".join(
        rows
    )


def _copies(n: int, line: str) -> str:
    return "\n".join(line.format(i=i) for i in range(1, n + 1))


PATIENT_RULES = (
    Rule(
        "tscore.sign",
        "finding",
        "error",
        "A T-score is positive where it is expected to be negative; it was set missing.",
        Rows(_patients("osteoporosis_dx bmd_tscore", "A/1 A yes 2.8", "A/2 A yes -2.8"), ("A/1",)),
        _BOTH,
    ),
    Rule(
        "tscore.swapped",
        "finding",
        "error",
        "The attenuation looks like a T-score and was set missing.",
        Rows(_patients("ct_hu", "A/1 A -2.5", "A/2 A 110"), ("A/1",)),
        _BOTH,
    ),
    Rule(
        "patient.contradiction",
        "finding",
        "warning",
        "A diagnosis is denied although its kind or start is given.",
        Rows(
            _patients("malignancy_hist primary_tumour", "A/1 A no breast", "A/2 A yes breast"),
            ("A/1",),
        ),
        _BOTH,
    ),
    Rule(
        "patient.treated_after",
        "finding",
        "warning",
        "Treatment of osteoporosis began after a new fracture.",
        Rows(
            "patients: patient_id center_id antiosteo_start\nA/1 A 2020-09-01\n"
            "events: event_id patient_id event_type event_date event_levels\n"
            "e1 A/1 nonadjacent_fx 2020-06-01 T4",
            ("A/1",),
        ),
        "Use treatment as time-dependent, or leave it out of models of new fractures.",
    ),
    Rule(
        "birth.year",
        "finding",
        "warning",
        "Year and date of birth differ.",
        Rows(_patients("birth_date birth_year", "A/1 A 1950-02-01 1951"), ("A/1",)),
        _BOTH,
    ),
    Rule(
        "duplicate.id_spelling",
        "finding",
        "warning",
        "Two identifiers differ in case, punctuation or leading zeros alone.",
        Rows(_patients("sex", "A/P001 A f", "A/p1 A m", "A/p2 A m"), ("A/P001", "A/p1")),
        _IDS,
    ),
    Rule(
        "duplicate.person",
        "finding",
        "warning",
        "Two identifiers may be one person: birth, sex and session or height are equal.",
        Rows(
            _patients(
                "sex birth_date height_cm",
                "A/1 A f 1950-02-01 160",
                "A/9 A f 1950-02-01 160",
                "A/3 A f 1951-02-01 160",
            ),
            ("A/1", "A/9"),
        ),
        _IDS,
    ),
    Rule(
        "death.before_contact",
        "finding",
        "error",
        "The last contact is after the death.",
        Rows(_patients("death_date last_contact_date", "A/1 A 2020-01-01 2021-01-01"), ("A/1",)),
        _DATES,
    ),
    Rule(
        "death.status",
        "finding",
        "warning",
        "Vital status and date of death contradict one another.",
        Rows(
            _patients(
                "death_date status", "A/1 A 2020-01-01 alive", "A/2 A - dead", "A/3 A - alive"
            ),
            ("A/1", "A/2"),
        ),
        _BOTH,
    ),
    Rule(
        "contact.same_day",
        "finding",
        "warning",
        "Most patients of a center share their day of last contact, which may be the day of the "
        "export and no contact.",
        Rows(
            _patients(
                "last_contact_date",
                _copies(10, "A/{i} A 2025-12-31"),
                _copies(12, "B/{i} B 2024-01-{i:02d}"),
            ),
            tuple(f"A/{i}" for i in range(1, 11)),
        ),
        "Ask the center when these patients were last seen.",
    ),
)

SESSION_RULES = (
    Rule(
        "date.born_after",
        "finding",
        "error",
        "A session or death is before the birth.",
        Rows(
            "patients: patient_id center_id birth_date\nA/1 A 2021-01-01\n" + _SESSION, ("A/1/s",)
        ),
        _DATES,
    ),
    Rule(
        "session.fracture_later",
        "finding",
        "error",
        "The fracture is after the session that treated it; its date was set missing.",
        Rows(_sessions("fracture_date", "s A/1 A 2020-03-01 2020-04-01"), ("s",)),
        _DATES,
    ),
    Rule(
        "session.crp_later",
        "finding",
        "warning",
        "The CRP was taken after the session.",
        Rows(_sessions("crp_mg_l crp_date", "s A/1 A 2020-03-01 4 2020-03-05"), ("s",)),
        _DATES,
    ),
    Rule(
        "session.ct_date",
        "finding",
        "warning",
        "The CT is before the session or long after it.",
        Rows(_sessions("ct_post_date", "s A/1 A 2020-03-01 2020-08-01"), ("s",)),
        _DATES,
    ),
    Rule(
        "session.contradiction",
        "finding",
        "warning",
        "Two fields of the session cannot both be.",
        Rows(
            _sessions(
                "biopsy_done biopsy_result",
                "s A/1 A 2020-03-01 no tumour",
                "t A/1 A 2021-03-01 no none",
            ),
            ("s",),
        ),
        _BOTH,
    ),
    Rule(
        "session.level_count",
        "finding",
        "warning",
        "The declared number of levels is not the number found.",
        Rows(
            _sessions("n_levels_declared", "s A/1 A 2020-03-01 2")
            + "\nlevels: level_id procedure_id level\ns/L1 s L1",
            ("s",),
        ),
        _BOTH,
    ),
    Rule(
        "session.no_levels",
        "finding",
        "warning",
        "No treated level of the session could be read.",
        Rows(_sessions("operator_id", "s A/1 A 2020-03-01 x"), ("s",)),
        _BOTH,
    ),
    Rule(
        "operator.two_centers",
        "finding",
        "warning",
        "An operator is at two centers on one day.",
        Rows(
            _sessions(
                "operator_id",
                "s A/1 A 2020-03-01 x",
                "t A/1 B 2020-03-01 x",
                "u A/1 B 2020-03-02 x",
            ),
            ("s", "t"),
        ),
        _BOTH,
    ),
    Rule(
        "operator.several",
        "finding",
        "info",
        "Several operators stand in one cell.",
        Rows(_sessions("operator_id", "s A/1 A 2020-03-01 DD/TŽ"), ("s",)),
        "Decide who is responsible, or leave operators out of the analysis.",
    ),
    Rule(
        "unit.center_scale",
        "finding",
        "warning",
        "The median of a center is several times that of the others, so its unit may differ; "
        "nothing was converted.",
        Rows(
            _sessions(
                "crp_mg_l",
                _copies(10, "s{i} A/1 A 2020-03-01 0.5"),
                _copies(10, "t{i} A/1 B 2020-03-01 5"),
            ),
            ("s1", "t1"),
        ),
        "Ask for the unit and declare it in registry.toml.",
    ),
    Rule(
        "key.orphan",
        "finding",
        "error",
        "The row names a patient, session or level that no row is about.",
        Rows(f"{_ONE}visits: visit_id patient_id visit_date\nv A/2 2020-01-01", ("v",)),
        _IDS,
    ),
)

LEVEL_ROW_RULES = (
    Rule(
        "level.twice",
        "finding",
        "warning",
        "A vertebra is cemented in two sessions: a re-treatment or a duplicate.",
        Rows(
            _sessions("operator_id", "s A/1 A 2020-03-01 x", "t A/1 A 2020-09-01 x")
            + "\nlevels: level_id procedure_id level\ns/L1 s L1\nt/L1 t L1\nt/L2 t L2",
            ("s/L1", "t/L1"),
        ),
        _BOTH,
    ),
    Rule(
        "level.neoplastic_field",
        "finding",
        "warning",
        "A field of neoplastic levels is filled for another indication.",
        Rows(_levels("epidural_mass", "A/1/s/L1 A/1/s L1 yes"), ("A/1/s/L1",)),
        _BOTH,
    ),
    Rule(
        "unit.fraction",
        "finding",
        "error",
        "A height loss of at most one percent may be a fraction; it was set missing.",
        Rows(
            _levels("height_loss_pct", "A/1/s/L1 A/1/s L1 0.35", "A/1/s/L2 A/1/s L2 35"),
            ("A/1/s/L1",),
        ),
        'Declare unit = "fraction" for the field in registry.toml.',
    ),
    Rule(
        "cement.copied",
        "finding",
        "warning",
        "Every level of the session has the same large dose, which may be the session's total.",
        Rows(
            _levels("cement_ml", "A/1/s/L1 A/1/s L1 8", "A/1/s/L2 A/1/s L2 8"),
            ("A/1/s/L1", "A/1/s/L2"),
        ),
        _BOTH,
    ),
    Rule(
        "leak.any_no",
        "finding",
        "error",
        "No leak at all is recorded beside a leak at a site.",
        Rows(
            _levels("cement_ml", "A/1/s/L1 A/1/s L1 4")
            + "\nleaks: level_id modality site state\nA/1/s/L1 fluoro any absent\n"
            "A/1/s/L1 fluoro venous present",
            ("A/1/s/L1",),
        ),
        _BOTH,
    ),
    Rule(
        "leak.consequence",
        "finding",
        "warning",
        "Symptoms of, or an intervention for, a leak that was not seen.",
        Rows(
            _levels("leak_symptomatic", "A/1/s/L1 A/1/s L1 yes")
            + "\nleaks: level_id modality site state\nA/1/s/L1 fluoro venous absent",
            ("A/1/s/L1",),
        ),
        _BOTH,
    ),
    Rule(
        "leak.without_ct",
        "finding",
        "warning",
        "A CT finding is recorded although no CT was made; leaks then count as not assessed.",
        Rows(_levels("yeom_b", "A/1/s/L1 A/1/s L1 yes"), ("A/1/s/L1",)),
        _BOTH,
    ),
)

COURSE_RULES = (
    Rule(
        "visit.before_session",
        "finding",
        "warning",
        "A visit is before the first session.",
        Rows(f"{_ONE}{_SESSION}visits: visit_id patient_id visit_date\nv A/1 2020-01-01", ("v",)),
        _DATES,
    ),
    Rule(
        "visit.after_death",
        "finding",
        "error",
        "A visit is after the death.",
        Rows(
            "patients: patient_id center_id death_date\nA/1 A 2020-06-01\n"
            "visits: visit_id patient_id visit_date\nv A/1 2020-07-01",
            ("v",),
        ),
        _DATES,
    ),
    Rule(
        "visit.twice",
        "finding",
        "info",
        "A patient has two visits of one kind on one day.",
        Rows(
            f"{_ONE}visits: visit_id patient_id visit_date\nv A/1 2020-01-01\nw A/1 2020-01-01",
            ("v", "w"),
        ),
        _BOTH,
    ),
    Rule(
        "event.preexisting",
        "finding",
        "warning",
        "An infection was found before the first session: it may have been there, and it was kept.",
        Rows(_events("event_date", "e A/1 infection 2020-02-01"), ("e",)),
        _DATES,
    ),
    Rule(
        "event.before_session",
        "finding",
        "warning",
        "An event is before the first session.",
        Rows(_events("event_date", "e A/1 rib_fx 2020-02-01"), ("e",)),
        _DATES,
    ),
    Rule(
        "event.after_death",
        "finding",
        "error",
        "An event is after the death.",
        Rows(
            "patients: patient_id center_id death_date\nA/1 A 2020-06-01\n"
            "events: event_id patient_id event_type event_date\ne A/1 rib_fx 2020-07-01",
            ("e",),
        ),
        _DATES,
    ),
    Rule(
        "event.undated",
        "finding",
        "warning",
        "An event has no date that could be read.",
        Rows(_events("event_date", "e A/1 rib_fx -", "f A/1 rib_fx 2020-04-01"), ("e",)),
        _DATES,
    ),
    Rule(
        "event.interval",
        "finding",
        "error",
        "The days between which an event happened are not in order.",
        Rows(
            _events("event_left_date event_right_date", "e A/1 rib_fx 2020-06-01 2020-05-01"),
            ("e",),
        ),
        _DATES,
    ),
    Rule(
        "death.differs",
        "finding",
        "warning",
        "The death among the events is on another day than the patient's.",
        Rows(
            "patients: patient_id center_id death_date\nA/1 A 2020-06-01\n"
            "events: event_id patient_id event_type event_date\ne A/1 death 2020-07-01",
            ("e",),
        ),
        _DATES,
    ),
    Rule(
        "event.pce_unseen",
        "finding",
        "warning",
        "A cement embolism is recorded without imaging of the chest that could have shown it.",
        Rows(
            _events(
                "event_date detected_by", "e A/1 pce 2020-03-02 clinical", "f A/1 pce 2020-03-02 ct"
            ),
            ("e",),
        ),
        _BOTH,
    ),
    Rule(
        "fracture.cemented",
        "finding",
        "warning",
        "A new fracture is at a vertebra that was already cemented.",
        Rows(_events("event_date event_levels", "e A/1 adjacent_fx 2020-06-01 L1"), ("e",)),
        _BOTH,
    ),
    Rule(
        "fracture.not_adjacent",
        "finding",
        "warning",
        "An adjacent fracture is at a vertebra that is no neighbour of a treated one.",
        Rows(
            _events(
                "event_date event_levels",
                "e A/1 adjacent_fx 2020-06-01 T4",
                "f A/1 adjacent_fx 2020-06-01 L2",
            ),
            ("e",),
        ),
        _BOTH,
    ),
    Rule(
        "fracture.adjacent",
        "finding",
        "warning",
        "A remote fracture is at a neighbour of a treated vertebra.",
        Rows(_events("event_date event_levels", "e A/1 nonadjacent_fx 2020-06-01 T12"), ("e",)),
        _BOTH,
    ),
    Rule(
        "fracture.not_treated",
        "finding",
        "warning",
        "A refracture is at a vertebra that was not treated before.",
        Rows(_events("event_date event_levels", "e A/1 refracture_same 2020-06-01 T4"), ("e",)),
        _BOTH,
    ),
    Rule(
        "fracture.no_level",
        "finding",
        "warning",
        "A new fracture has no vertebra that could be read.",
        Rows(_events("event_date event_levels", "e A/1 adjacent_fx 2020-06-01 -"), ("e",)),
        _BOTH,
    ),
)

DERIVED_RULES = (
    Rule(
        "derived.differs",
        "finding",
        "warning",
        "A typed value is not what its parts give.",
        Rows(_patients("height_cm weight_kg bmi", "A/1 A 160 64 30", "A/2 A 160 64 25"), ("A/1",)),
        _BOTH,
    ),
    Rule(
        "derived.replaced",
        "correction",
        "warning",
        "A typed value that its parts contradict was replaced by the recomputed one.",
        Rows(_patients("height_cm weight_kg bmi", "A/1 A 160 64 30", "A/2 A 160 64 25"), ("A/1",)),
    ),
    Rule(
        "derived.impossible",
        "finding",
        "error",
        "The parts of a derived field give an impossible value.",
        Rows(_levels("cement_ml vb_volume_ml", "A/1/s/L1 A/1/s L1 9 6"), ("A/1/s/L1",)),
        _BOTH,
    ),
    Rule(
        "derived.death_date",
        "correction",
        "info",
        "A death that only the events know of was given to the patient.",
        Rows(_events("event_date", "e A/1 death 2020-06-01"), ("A/1",)),
    ),
)

ROW_RULES: tuple[Rule, ...] = (
    *PATIENT_RULES,
    *SESSION_RULES,
    *LEVEL_ROW_RULES,
    *COURSE_RULES,
    *DERIVED_RULES,
)
"""Rules that compare fields or tables."""
