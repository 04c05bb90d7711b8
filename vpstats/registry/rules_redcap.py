"""Rules for REDCap projects, each with the example that tests it."""

from __future__ import annotations

from vpstats.registry.rule import Export, Rule
from vpstats.registry.rule_texts import CELL, CODES

REDCAP_RULES = (
    Rule(
        "redcap.incomplete",
        "correction",
        "warning",
        "No box was ticked on a form that is not complete, or has a box for none: that is not "
        "recorded, and not a no.",
        Export(
            "record_id,redcap_data_access_group,immuno___1,form_complete\n1,a,0,0\n",
            "patients",
            (2,),
            {
                "format": "redcap",
                "columns": {
                    "patient_id": "record_id",
                    "immuno_reasons": {"checkbox": "immuno", "codes": {"1": "chemo"}},
                },
            },
        ),
    ),
    Rule(
        "redcap.box_unread",
        "finding",
        "error",
        "A box is neither ticked nor not ticked, so nothing is known of its row.",
        Export(
            "record_id,redcap_data_access_group,immuno___1,form_complete\n1,a,0,2\n2,a,perhaps,2\n",
            "patients",
            (3,),
            {
                "format": "redcap",
                "columns": {
                    "patient_id": "record_id",
                    "immuno_reasons": {"checkbox": "immuno", "codes": {"1": "chemo"}},
                },
            },
        ),
        "Export the boxes as 0 and 1, or correct the cell in the source.",
    ),
    Rule(
        "redcap.status_unread",
        "finding",
        "warning",
        "How far a form was filled in is written in words that are not known, so its boxes that "
        "are not ticked are not recorded, and not a no.",
        Export(
            "record_id,redcap_data_access_group,immuno___1,form_complete\n1,a,0,perhaps\n",
            "patients",
            (2,),
            {
                "format": "redcap",
                "columns": {
                    "patient_id": "record_id",
                    "immuno_reasons": {"checkbox": "immuno", "codes": {"1": "chemo"}},
                },
            },
        ),
        "Export the states of the forms as 0, 1 and 2.",
    ),
    Rule(
        "redcap.said_once",
        "finding",
        "warning",
        "A record says once what it has several rows for, and nobody can tell for which: a number "
        "or a day was taken for none of them, a word for each.",
        Export(
            "record_id,redcap_repeat_instrument,redcap_data_access_group,crp,op\n1,,a,48,\n"
            "1,procedure,a,,2022-03-01\n1,procedure,a,,2023-06-15\n",
            "procedures",
            (3, 4),
            {
                "format": "redcap",
                "where": {"redcap_repeat_instrument": "procedure"},
                "columns": {"patient_id": "record_id", "proc_date": "op", "crp_mg_l": "crp"},
            },
        ),
        "Enter it in the rows that it belongs to, in the project.",
    ),
    Rule(
        "redcap.unlisted",
        "finding",
        "error",
        "A cell has an answer that the project's data dictionary does not list, or lists twice.",
        Export(
            "== export.csv\nrecord_id,redcap_data_access_group,sex\n1,a,1\n2,a,7\n"
            "== dictionary.csv\nfield_name,form_name,field_type,select_choices_or_calculations\n"
            'record_id,base,text,\nsex,base,radio,"1, Female | 2, Male"\n',
            "patients",
            (3,),
            {
                "format": "redcap",
                "dictionary": "dictionary.csv",
                "columns": {
                    "patient_id": "record_id",
                    "sex": {"column": "sex", "codes": {"1": "f", "2": "m"}},
                },
            },
            packed="folder",
        ),
        CELL,
    ),
    Rule(
        "redcap.codes",
        "finding",
        "error",
        "The mapping reads a choice otherwise than the project's data dictionary.",
        Export(
            "== export.csv\nrecord_id,redcap_data_access_group,sex\n1,a,1\n"
            "== dictionary.csv\nfield_name,form_name,field_type,select_choices_or_calculations\n"
            'record_id,base,text,\nsex,base,radio,"1, Female | 2, Male"\n',
            "patients",
            (0,),
            {
                "format": "redcap",
                "dictionary": "dictionary.csv",
                "columns": {
                    "patient_id": "record_id",
                    "sex": {"column": "sex", "codes": {"1": "m", "2": "f"}},
                },
            },
            packed="folder",
        ),
        "Correct codes = { … } of the field in registry.toml, or confirm it with the project.",
    ),
    Rule(
        "redcap.unknown_box",
        "finding",
        "error",
        "A ticked box has no code in the mapping, or nobody says what it stands for.",
        Export(
            "record_id,redcap_data_access_group,immuno___1,immuno___2,form_complete\n1,a,0,1,2\n",
            "patients",
            (2,),
            {
                "format": "redcap",
                "columns": {
                    "patient_id": "record_id",
                    "immuno_reasons": {"checkbox": "immuno", "codes": {"1": "chemo"}},
                },
            },
        ),
        CODES,
    ),
)
