"""Rules across fields of patients and sessions, each with the example that tests it."""

from __future__ import annotations

from vpstats.registry.rule import Cells, Export, Rows, Rule
from vpstats.registry.rule_texts import (
    BOTH,
    CELL,
    DATES,
    IDS,
    ONE,
    SESSION,
    copies,
    patients,
    sessions,
)

PATIENT_RULES = (
    Rule(
        "tscore.sign",
        "finding",
        "error",
        "A T-score is positive where it is expected to be negative; it was set missing.",
        Rows(patients("osteoporosis_dx bmd_tscore", "A/1 A yes 2.8", "A/2 A yes -2.8"), ("A/1",)),
        BOTH,
    ),
    Rule(
        "tscore.swapped",
        "finding",
        "error",
        "The attenuation looks like a T-score and was set missing.",
        Rows(patients("ct_hu", "A/1 A -2.5", "A/2 A 110"), ("A/1",)),
        BOTH,
    ),
    Rule(
        "patient.contradiction",
        "finding",
        "warning",
        "A diagnosis is denied although its kind or start is given.",
        Rows(
            patients("malignancy_hist primary_tumour", "A/1 A no breast", "A/2 A yes breast"),
            ("A/1",),
        ),
        BOTH,
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
        "death.before_session",
        "finding",
        "error",
        "A session is after the death.",
        Rows(
            f"patients: patient_id center_id death_date\nA/1 A 2019-03-01\n{SESSION}",
            ("A/1",),
        ),
        DATES,
    ),
    Rule(
        "patient.treated_late",
        "finding",
        "warning",
        "Treatment of osteoporosis began after the death or the last contact.",
        Rows(
            patients(
                "antiosteo_start death_date", "A/1 A 2021-03-01 2020-03-01", "A/2 A 2019-03-01 -"
            ),
            ("A/1",),
        ),
        DATES,
    ),
    Rule(
        "contact.before_session",
        "finding",
        "warning",
        "The last contact is before a session.",
        Rows(
            f"patients: patient_id center_id last_contact_date\nA/1 A 2019-03-01\n{SESSION}",
            ("A/1",),
        ),
        DATES,
    ),
    Rule(
        "birth.year",
        "finding",
        "warning",
        "Year and date of birth differ.",
        Rows(patients("birth_date birth_year", "A/1 A 1950-02-01 1951"), ("A/1",)),
        BOTH,
    ),
    Rule(
        "duplicate.id_spelling",
        "finding",
        "warning",
        "Two identifiers differ in case, punctuation or leading zeros alone, or one is the other "
        "with something behind it, or without what nearly all have before it.",
        Rows(patients("sex", "A/P001 A f", "A/p1 A m", "A/p2 A m"), ("A/P001", "A/p1")),
        IDS,
    ),
    Rule(
        "patient.id_unlike",
        "finding",
        "warning",
        "An identifier lacks the letters or digits that nearly all others of its file have, such "
        "as a name among numbers.",
        Rows(
            patients("sex", copies(20, "A/VP-{i:03} A f"), "A/Novak A f", "A/77 A m"),
            ("A/Novak", "A/77"),
        ),
        "Look up who it is, and give the identifier that the patient has elsewhere.",
    ),
    Rule(
        "duplicate.person",
        "finding",
        "warning",
        "Two identifiers may be one person: birth, sex and session or height are equal, or birth "
        "and sex where one has no session.",
        Rows(
            patients(
                "sex birth_date height_cm",
                "A/1 A f 1950-02-01 160",
                "A/9 A f 1950-02-01 160",
                "A/3 A f 1951-02-01 160",
            ),
            ("A/1", "A/9"),
        ),
        IDS,
    ),
    Rule(
        "patient.no_session",
        "finding",
        "warning",
        "No session is of the patient, whose identifier may be mistyped.",
        Rows("patients: patient_id center_id\nA/1 A\nA/2 A\n" + SESSION, ("A/2",)),
        "Correct the identifier, or add the patient's session to the source.",
    ),
    Rule(
        "patient.untaken",
        "finding",
        "info",
        "The mapping takes none of the sessions of some patients, who have none therefore.",
        Export(
            "patient_id;proc_date;technique\n1;2022-03-01;vertebroplasty\n2;2022-03-02;kyphoplasty\n",
            "procedures",
            (0,),
            {"where": {"technique": "vertebroplasty"}, "beside": {"patients": {"patient_id": "*"}}},
        ),
        "Compare where = { … } with the source, if these sessions should be there.",
    ),
    Rule(
        "death.before_contact",
        "finding",
        "error",
        "The last contact is after the death.",
        Rows(patients("death_date last_contact_date", "A/1 A 2020-01-01 2021-01-01"), ("A/1",)),
        DATES,
    ),
    Rule(
        "death.status",
        "finding",
        "warning",
        "Vital status and date of death contradict one another.",
        Rows(
            patients(
                "death_date status", "A/1 A 2020-01-01 alive", "A/2 A - dead", "A/3 A - alive"
            ),
            ("A/1", "A/2"),
        ),
        BOTH,
    ),
    Rule(
        "contact.earlier",
        "finding",
        "warning",
        "A visit or an event is later than the last contact; follow-up then ends on its day.",
        Rows(
            "patients: patient_id center_id last_contact_date\nA/1 A 2020-05-01\nA/2 A 2020-05-01\n"
            "A/3 A 2020-05-01\n"
            "visits: visit_id patient_id visit_date\nv A/2 2020-06-01\n"
            "events: event_id patient_id event_type event_date\n"
            "e A/1 infection 2020-05-20\nf A/3 infection 2020-04-20",
            ("A/1", "A/2"),
        ),
        DATES,
    ),
    Rule(
        "contact.same_day",
        "finding",
        "warning",
        "Most patients of a center share their day of last contact, which may be the day of the "
        "export and no contact.",
        Rows(
            patients(
                "last_contact_date",
                copies(10, "A/{i} A 2025-12-31"),
                copies(12, "B/{i} B 2024-01-{i:02d}"),
            ),
            tuple(f"A/{i}" for i in range(1, 11)),
        ),
        "Ask the center when these patients were last seen.",
    ),
)

SESSION_RULES = (
    Rule(
        "date.month_ambiguous",
        "finding",
        "error",
        "The name of the month is of one month in Croatian and of the next in Polish and Czech, "
        "and no other date proves the language.",
        Cells("procedures.proc_date", ("12 listopada 2021",), ("",)),
        CELL,
    ),
    Rule(
        "date.born_after",
        "finding",
        "error",
        "A session or death is before the birth.",
        Rows("patients: patient_id center_id birth_date\nA/1 A 2021-01-01\n" + SESSION, ("A/1/s",)),
        DATES,
    ),
    Rule(
        "session.fracture_later",
        "finding",
        "error",
        "The fracture is after the session that treated it; its date was set missing.",
        Rows(sessions("fracture_date", "s A/1 A 2020-03-01 2020-04-01"), ("s",)),
        DATES,
    ),
    Rule(
        "session.crp_later",
        "finding",
        "warning",
        "The CRP was taken after the session.",
        Rows(sessions("crp_mg_l crp_date", "s A/1 A 2020-03-01 4 2020-03-05"), ("s",)),
        DATES,
    ),
    Rule(
        "session.crp_earlier",
        "finding",
        "warning",
        "The CRP was taken more than a year before the session.",
        Rows(sessions("crp_mg_l crp_date", "s A/1 A 2020-03-01 4 2012-02-29"), ("s",)),
        DATES,
    ),
    Rule(
        "session.entry_earlier",
        "finding",
        "warning",
        "The session was entered before it was done.",
        Rows(sessions("entry_date", "s A/1 A 2020-03-01 2019-03-02"), ("s",)),
        DATES,
    ),
    Rule(
        "session.ct_date",
        "finding",
        "warning",
        "The CT is before the session or long after it.",
        Rows(sessions("ct_post_date", "s A/1 A 2020-03-01 2020-08-01"), ("s",)),
        DATES,
    ),
    Rule(
        "session.contradiction",
        "finding",
        "warning",
        "Two fields of the session cannot both be.",
        Rows(
            sessions(
                "biopsy_done biopsy_result",
                "s A/1 A 2020-03-01 no tumour",
                "t A/1 A 2021-03-01 no none",
            ),
            ("s",),
        ),
        BOTH,
    ),
    Rule(
        "session.same_day",
        "finding",
        "warning",
        "A patient has two sessions on one day; they may be one.",
        Rows(
            sessions(
                "operator_id",
                "s A/1 A 2020-03-01 x",
                "t A/1 A 2020-03-01 x",
                "u A/1 A 2020-03-02 x",
            ),
            ("s", "t"),
        ),
        BOTH,
    ),
    Rule(
        "visit.repeated",
        "correction",
        "info",
        "A visit that the rows of levels of its session repeat was counted once.",
        Export(
            "patient_id;proc_date;level;visit_date\n1;2020-01-01;L1;2020-03-01\n"
            "1;2020-01-01;L2;2020-03-01\n",
            "visits",
            (3,),
            {"beside": {"levels": {"level": "*"}}},
        ),
    ),
    Rule(
        "session.age_once",
        "finding",
        "warning",
        "The patient's row states one age, which was taken for the first session; that at a later "
        "one is not known.",
        Export(
            "patient_id;age_at_proc;proc_date;form\n1;70;;p\n1;;2020-03-01;s\n1;;2022-03-01;s\n",
            "patients",
            (4,),
            {"where": {"form": "p"}, "beside": {"procedures": {"form": "s"}}},
        ),
        "Export the birth, or the age in the row of each session.",
    ),
    Rule(
        "session.level_count",
        "finding",
        "warning",
        "The declared number of levels is not the number found.",
        Rows(
            sessions("n_levels_declared", "s A/1 A 2020-03-01 2")
            + "\nlevels: level_id procedure_id level\ns/L1 s L1",
            ("s",),
        ),
        BOTH,
    ),
    Rule(
        "session.no_levels",
        "finding",
        "warning",
        "No treated level of the session could be read.",
        Rows(sessions("operator_id", "s A/1 A 2020-03-01 x"), ("s",)),
        BOTH,
    ),
    Rule(
        "operator.two_centers",
        "finding",
        "warning",
        "An operator is at two centers on one day.",
        Rows(
            sessions(
                "operator_id",
                "s A/1 A 2020-03-01 x",
                "t A/1 B 2020-03-01 x",
                "u A/1 B 2020-03-02 x",
            ),
            ("s", "t"),
        ),
        BOTH,
    ),
    Rule(
        "operator.spelling",
        "finding",
        "warning",
        "Two names of operators of a center differ in spelling alone; they were kept apart.",
        Rows(
            sessions(
                "operator_id",
                "s A/1 A 2020-03-01 DD",
                "t A/1 A 2020-04-01 DD",
                "u A/1 A 2020-05-01 D.D.",
            ),
            ("u",),
        ),
        "Give one spelling with codes = { … } of the field in registry.toml.",
    ),
    Rule(
        "event.other_field",
        "finding",
        "warning",
        "A field that only one kind of event has is filled for another kind.",
        Rows(
            "events: event_id patient_id event_type event_date fx_symptomatic\n"
            "e A/1 pce 2020-03-01 yes\nf A/1 adjacent_fx 2020-03-01 yes",
            ("e",),
        ),
        "If one column serves several kinds of event, map a table for each kind, with where.",
    ),
    Rule(
        "operator.several",
        "finding",
        "info",
        "Several operators stand in one cell.",
        Rows(sessions("operator_id", "s A/1 A 2020-03-01 DD/TŽ"), ("s",)),
        "Decide who is responsible, or leave operators out of the analysis.",
    ),
    Rule(
        "unit.center_scale",
        "finding",
        "warning",
        "The median of a center is several times that of the others, so its unit may differ; "
        "nothing was converted.",
        Rows(
            sessions(
                "crp_mg_l",
                copies(10, "s{i} A/1 A 2020-03-01 0.5"),
                copies(10, "t{i} A/1 B 2020-03-01 5"),
            ),
            tuple(f"{s}{i}" for s in "st" for i in range(1, 11)),
        ),
        "Ask for the unit and declare it in registry.toml.",
    ),
    Rule(
        "unit.part_scale",
        "finding",
        "warning",
        "The values of a file, or of a time of a center, are several times above or below the "
        "rest, so their unit may differ; nothing was converted.",
        Rows(
            sessions(
                "crp_mg_l",
                copies(12, "s{i} A/1 A 2020-03-{i:02d} 5"),
                copies(12, "t{i} A/1 A 2021-03-{i:02d} 0.5"),
            ),
            tuple(f"t{i}" for i in range(1, 13)),
        ),
        "Ask for the unit and declare it in registry.toml; a source of its own has its own.",
    ),
    Rule(
        "key.orphan",
        "finding",
        "error",
        "The row names a patient, session or level that no row is about.",
        Rows(f"{ONE}visits: visit_id patient_id visit_date\nv A/2 2020-01-01", ("v",)),
        "Add the row that it names to the source, or correct the identifier or day by which it "
        "names it.",
    ),
)
