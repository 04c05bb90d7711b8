"""Rules for dates."""

from __future__ import annotations

from vpstats.registry.rule import Cells, Export, Rule
from vpstats.registry.rule_texts import CELL

DATE_RULES = (
    Rule(
        "date.format",
        "correction",
        "info",
        "A date was rewritten as year, month and day; one row stands for all written that way.",
        Cells("procedures.proc_date", ("25.08.2023.",), ("2023-08-25",)),
        quiet=True,
    ),
    Rule(
        "date.serial",
        "correction",
        "info",
        "The serial number of a spreadsheet was turned into its day.",
        Cells("procedures.proc_date", ("45163",), ("2023-08-25",)),
        quiet=True,
    ),
    Rule(
        "date.two_digit_year",
        "correction",
        "info",
        "A two-digit year was taken as the latest one not after the data cut; for dates of birth "
        "as the latest that makes an adult.",
        Cells("procedures.proc_date", ("25.8.23",), ("2023-08-25",)),
        quiet=True,
    ),
    Rule(
        "date.order",
        "finding",
        "info",
        "The order of day and month was inferred from the cells of the column.",
        Export("patient_id;proc_date\n1;25/08/2020\n2;03/04/2020\n", "procedures", (2,)),
        "Declare date_order in registry.toml if it is another.",
    ),
    Rule(
        "date.order_assumed",
        "finding",
        "warning",
        "The date is written with another separator than its column's and was read in the "
        "declared order; nothing proves it.",
        Cells(
            "procedures.proc_date",
            ("25.08.2023.", "05.09.2023.", "05/08/2023"),
            ("2023-08-25", "2023-09-05", "2023-08-05"),
            {"date_order": "dmy"},
        ),
        CELL,
    ),
    Rule(
        "date.order_ambiguous",
        "finding",
        "error",
        "Day and month, or day and a year of two digits, cannot be told apart, in the cell or in "
        "its column.",
        Cells("procedures.proc_date", ("05/08/2023",), ("",)),
        "Declare date_order for the field or source in registry.toml.",
    ),
    Rule(
        "date.order_conflict",
        "finding",
        "error",
        "The cell contradicts the order of day and month of its column.",
        Cells("procedures.proc_date", ("25/08/2023", "08/26/2023"), ("2023-08-25", "2023-08-26")),
        CELL,
    ),
    Rule(
        "date.partial",
        "finding",
        "warning",
        "Only a month or year is known; for events it became the interval of possible days.",
        Cells("events.event_date", ("06/2022", "2022"), ("", "")),
        CELL,
    ),
    Rule(
        "date.rounded",
        "finding",
        "warning",
        "Almost all days of a column are one day of the year or of the month, as where only the "
        "year or month was known; they were kept.",
        Export(
            "patient_id;birth_date\n" + "".join(f"{i};{1930 + i}-01-01\n" for i in range(20)),
            "patients",
            (0,),
        ),
        "Ask whether these days are exact; where they are not, write the year or the month alone.",
    ),
    Rule(
        "date.impossible",
        "finding",
        "error",
        "The calendar has no such day.",
        Cells("procedures.proc_date", ("31.02.2022.",), ("",)),
        CELL,
    ),
    Rule(
        "date.unreadable",
        "finding",
        "error",
        "The cell is no date that can be read.",
        Cells("procedures.fracture_date", ("prije 3 tj",), ("",)),
        CELL,
    ),
    Rule(
        "date.outside",
        "finding",
        "error",
        "The day is after the data cut or before the first vertebroplasty, and was set missing.",
        Export("patient_id;visit_date\n1;01.01.1950\n", "visits", (2,)),
        CELL,
    ),
    Rule(
        "optout.placeholder",
        "finding",
        "warning",
        "The day of the opt-out stands for none, as the zero of a way of counting or the end of a "
        "year that never comes; the patient stayed.",
        Export("patient_id;optout_date\n1;31.12.2099\n2;01.01.1970\n3;\n", "patients", (2, 3)),
        "Ask whether it means that nobody opted out. If it means an opt-out without its day, write "
        "consent_research = no in the source.",
    ),
    Rule(
        "optout.no_day",
        "finding",
        "warning",
        "Patients left the registry for an opt-out that is no exact day of its time; who, is not "
        "said.",
        Export("patient_id;optout_date\n1;05/2022\n2;31.02.2022\n3;\n", "patients", (0,)),
        "Look through the column in the source, and correct what is no opt-out.",
    ),
    Rule(
        "date.zone",
        "correction",
        "info",
        "Moments that state their zone were turned into days of the hospital's zone, which the "
        "mapping names; one row stands for the column.",
        Export(
            "patient_id;proc_date\n1;2022-03-13T23:00:00Z\n2;2022-07-05T07:30:00Z\n",
            "procedures",
            (2,),
            {"timezone": "Europe/Zagreb"},
        ),
        quiet=True,
    ),
)
