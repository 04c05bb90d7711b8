"""Rules for levels, leaks, visits, events and derived fields, each with its example."""

from __future__ import annotations

from vpstats.registry.rule import Export, Rows, Rule
from vpstats.registry.rule_texts import (
    BOTH,
    DATES,
    ONE,
    SESSION,
    events,
    levels,
    patients,
    sessions,
)

LEVEL_ROW_RULES = (
    Rule(
        "level.twice",
        "finding",
        "warning",
        "A vertebra is cemented in two sessions: a re-treatment or a duplicate.",
        Rows(
            sessions("operator_id", "s A/1 A 2020-03-01 x", "t A/1 A 2020-09-01 x")
            + "\nlevels: level_id procedure_id level\ns/L1 s L1\nt/L1 t L1\nt/L2 t L2",
            ("s/L1", "t/L1"),
        ),
        BOTH,
    ),
    Rule(
        "level.files_differ",
        "finding",
        "warning",
        "Exports do not name the same treated vertebrae of a session, as they do of others; all "
        "were kept.",
        Export(
            "patient_id;proc_date;level;other\n1;2020-01-01;L1;L1\n2;2020-01-02;L2;L3\n"
            "3;2020-01-03;T9;T9\n",
            "levels",
            (3,),
            {"again": {"level": "other"}},
        ),
        "Look up which vertebrae were treated, and correct the other file.",
    ),
    Rule(
        "level.neoplastic_field",
        "finding",
        "warning",
        "A field of neoplastic levels is filled for another indication, or without any.",
        Rows(levels("epidural_mass", "A/1/s/L1 A/1/s L1 yes"), ("A/1/s/L1",)),
        BOTH,
    ),
    Rule(
        "unit.fraction",
        "finding",
        "error",
        "A height loss of at most one percent may be a fraction; it was set missing.",
        Rows(
            levels("height_loss_pct", "A/1/s/L1 A/1/s L1 0.35", "A/1/s/L2 A/1/s L2 35"),
            ("A/1/s/L1",),
        ),
        'Declare unit = "fraction" for the field in registry.toml.',
    ),
    Rule(
        "unit.fraction_odi",
        "finding",
        "error",
        "A disability index of at most one percent may be a fraction; it was set missing.",
        Rows(
            f"{ONE}visits: visit_id patient_id visit_date odi_pct\n"
            "v A/1 2020-05-01 0.45\nw A/1 2020-06-01 45",
            ("v",),
        ),
        'Declare unit = "fraction" for the field in registry.toml.',
    ),
    Rule(
        "cement.copied",
        "finding",
        "warning",
        "Every level of the session has the same large dose, which may be the session's total.",
        Rows(
            levels("cement_ml", "A/1/s/L1 A/1/s L1 8", "A/1/s/L2 A/1/s L2 8"),
            ("A/1/s/L1", "A/1/s/L2"),
        ),
        BOTH,
    ),
    Rule(
        "leak.any_no",
        "finding",
        "error",
        "No leak at all is recorded beside a leak at a site.",
        Rows(
            levels("cement_ml", "A/1/s/L1 A/1/s L1 4")
            + "\nleaks: level_id modality site state\nA/1/s/L1 fluoro any absent\n"
            "A/1/s/L1 fluoro venous present",
            ("A/1/s/L1",),
        ),
        BOTH,
    ),
    Rule(
        "leak.consequence",
        "finding",
        "warning",
        "Symptoms of, or an intervention for, a leak that was not seen.",
        Rows(
            levels("leak_symptomatic", "A/1/s/L1 A/1/s L1 yes")
            + "\nleaks: level_id modality site state\nA/1/s/L1 fluoro venous absent",
            ("A/1/s/L1",),
        ),
        BOTH,
    ),
    Rule(
        "leak.without_ct",
        "finding",
        "warning",
        "A CT finding is recorded although no CT was made; leaks then count as not assessed.",
        Rows(levels("yeom_b", "A/1/s/L1 A/1/s L1 yes"), ("A/1/s/L1",)),
        BOTH,
    ),
    Rule(
        "leak.ct_unrecorded",
        "finding",
        "warning",
        "No leak on CT is recorded where the session, unlike most of its center, does not say "
        "whether a CT was made.",
        Rows(
            sessions(
                "ct_post_done",
                "s A/1 A 2020-03-01 yes",
                "t A/1 A 2021-03-01 yes",
                "u A/1 A 2022-03-01 -",
            )
            + "\nlevels: level_id procedure_id level\ns/L1 s L1\nu/L2 u L2\n"
            "leaks: level_id modality site state\ns/L1 ct venous absent\nu/L2 ct venous absent",
            ("u/L2",),
        ),
        "Say in the source whether a CT was made; without one, leave its leaks empty.",
    ),
)

COURSE_RULES = (
    Rule(
        "visit.before_session",
        "finding",
        "warning",
        "A visit is before the first session.",
        Rows(f"{ONE}{SESSION}visits: visit_id patient_id visit_date\nv A/1 2020-01-01", ("v",)),
        DATES,
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
        DATES,
    ),
    Rule(
        "visit.twice",
        "finding",
        "info",
        "A patient has two visits of one kind on one day.",
        Rows(
            f"{ONE}visits: visit_id patient_id visit_date\nv A/1 2020-01-01\nw A/1 2020-01-01",
            ("v", "w"),
        ),
        BOTH,
    ),
    Rule(
        "visit.timing",
        "finding",
        "warning",
        "A visit is far from the time after a session that its kind names.",
        Rows(
            f"{ONE}{SESSION}visits: visit_id patient_id visit_date visit_type\n"
            "v A/1 2022-03-01 month_3\nw A/1 2020-06-01 month_3",
            ("v",),
        ),
        "Look date and kind of the visit up, and correct the wrong one in the source.",
    ),
    Rule(
        "event.other_patient",
        "finding",
        "error",
        "An event names a session of another patient; it was kept without it.",
        Rows(
            "patients: patient_id center_id\nA/1 A\nA/2 A\n" + SESSION + "events: event_id "
            "patient_id procedure_id event_type event_date\ne A/2 A/1/s rib_fx 2020-03-02",
            ("e",),
        ),
        "Look up whose event it is, and correct its patient or its session.",
    ),
    Rule(
        "event.twice",
        "finding",
        "warning",
        "A patient has the same event twice on one day, or twice without a day after one session; "
        "it may be counted twice.",
        Rows(
            events(
                "event_date event_levels",
                "e A/1 infection 2020-06-01 -",
                "f A/1 infection 2020-06-01 -",
                "g A/1 nonadjacent_fx 2020-06-01 T4",
                "h A/1 nonadjacent_fx 2020-06-01 T6",
            ),
            ("e", "f"),
        ),
        "Delete one of them in the source, unless there were two. Where the export repeats it on "
        "purpose, map event_id to what numbers it.",
    ),
    Rule(
        "event.again",
        "finding",
        "warning",
        "A patient has the same event on an earlier day: a fracture of a vertebra that was not "
        "treated since, cement in the lungs, or another event within a year and without a session "
        "or a contact without it since; a known one may be written again.",
        Rows(
            events(
                "event_date event_levels",
                "e A/1 adjacent_fx 2020-06-01 L2",
                "f A/1 adjacent_fx 2021-06-01 L2",
                "g A/1 infection 2020-06-01 -",
                "h A/1 infection 2020-09-01 -",
                "i A/1 infection 2023-09-01 -",
            ),
            ("f", "h"),
        ),
        "Keep the first of them in the source, or take rows of new events alone by where, unless "
        "there were two.",
    ),
    Rule(
        "event.repeated",
        "correction",
        "warning",
        "An event of the session that its rows of levels repeat was counted once.",
        Export(
            "patient_id;proc_date;level;event_type\n1;2020-01-01;L1;infection\n"
            "1;2020-01-01;L2;infection\n",
            "events",
            (3,),
            {"beside": {"levels": {"level": "*"}}},
        ),
    ),
    Rule(
        "event.preexisting",
        "finding",
        "warning",
        "An infection was found before the first session, or before the one that it names: it may "
        "have been there, and it was kept.",
        Rows(events("event_date", "e A/1 infection 2020-02-01"), ("e",)),
        DATES,
    ),
    Rule(
        "event.before_session",
        "finding",
        "warning",
        "An event is before the first session, or before the one that it names.",
        Rows(events("event_date", "e A/1 rib_fx 2020-02-01"), ("e",)),
        DATES,
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
        DATES,
    ),
    Rule(
        "event.undated",
        "finding",
        "warning",
        "An event has no date that could be read.",
        Rows(events("event_date", "e A/1 rib_fx -", "f A/1 rib_fx 2020-04-01"), ("e",)),
        DATES,
    ),
    Rule(
        "event.interval",
        "finding",
        "error",
        "The days between which an event happened are not in order.",
        Rows(
            events("event_left_date event_right_date", "e A/1 rib_fx 2020-06-01 2020-05-01"),
            ("e",),
        ),
        DATES,
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
        DATES,
    ),
    Rule(
        "event.pce_unseen",
        "finding",
        "warning",
        "An embolism is recorded without imaging of the chest that could have shown it.",
        Rows(
            events(
                "event_date detected_by", "e A/1 pce 2020-03-02 clinical", "f A/1 pce 2020-03-02 ct"
            ),
            ("e",),
        ),
        BOTH,
    ),
    Rule(
        "fracture.cemented",
        "finding",
        "warning",
        "A new fracture is at a vertebra that was already cemented.",
        Rows(events("event_date event_levels", "e A/1 adjacent_fx 2020-06-01 L1"), ("e",)),
        BOTH,
    ),
    Rule(
        "fracture.unchecked",
        "finding",
        "warning",
        "Not every vertebra treated before the fracture is known, so its kind is not proved.",
        Rows(
            f"{ONE}{SESSION}events: event_id patient_id event_type event_date event_levels\n"
            "e A/1 adjacent_fx 2020-06-01 L2",
            ("e",),
        ),
        "Look the session and its treated levels up.",
    ),
    Rule(
        "fracture.not_adjacent",
        "finding",
        "warning",
        "An adjacent fracture is at a vertebra that is no neighbour of a treated one.",
        Rows(
            events(
                "event_date event_levels",
                "e A/1 adjacent_fx 2020-06-01 T4",
                "f A/1 adjacent_fx 2020-06-01 L2",
            ),
            ("e",),
        ),
        BOTH,
    ),
    Rule(
        "fracture.adjacent",
        "finding",
        "warning",
        "A remote fracture is at a neighbour of a treated vertebra.",
        Rows(events("event_date event_levels", "e A/1 nonadjacent_fx 2020-06-01 T12"), ("e",)),
        BOTH,
    ),
    Rule(
        "fracture.not_treated",
        "finding",
        "warning",
        "A refracture is at a vertebra that was not treated before.",
        Rows(events("event_date event_levels", "e A/1 refracture_same 2020-06-01 T4"), ("e",)),
        BOTH,
    ),
    Rule(
        "fracture.no_level",
        "finding",
        "warning",
        "A new fracture has no vertebra that could be read.",
        Rows(events("event_date event_levels", "e A/1 adjacent_fx 2020-06-01 -"), ("e",)),
        BOTH,
    ),
)

DERIVED_RULES = (
    Rule(
        "derived.differs",
        "finding",
        "warning",
        "A typed value is not what its parts give.",
        Rows(patients("height_cm weight_kg bmi", "A/1 A 160 64 30", "A/2 A 160 64 25"), ("A/1",)),
        BOTH,
    ),
    Rule(
        "derived.replaced",
        "correction",
        "warning",
        "A typed value that its parts contradict was replaced by the recomputed one.",
        Rows(patients("height_cm weight_kg bmi", "A/1 A 160 64 30", "A/2 A 160 64 25"), ("A/1",)),
    ),
    Rule(
        "derived.impossible",
        "finding",
        "error",
        "The parts of a derived field give an impossible value.",
        Rows(levels("cement_ml vb_volume_ml", "A/1/s/L1 A/1/s L1 9 6"), ("A/1/s/L1",)),
        BOTH,
    ),
    Rule(
        "derived.implausible",
        "finding",
        "warning",
        "The parts of a derived field give a value that is possible but not plausible; kept.",
        Rows(patients("height_cm weight_kg", "A/1 A 150 110", "A/2 A 160 64"), ("A/1",)),
        BOTH,
    ),
    Rule(
        "derived.death_date",
        "correction",
        "info",
        "A death that only the events know of was given to the patient.",
        Rows(events("event_date", "e A/1 death 2020-06-01"), ("A/1",)),
    ),
)
