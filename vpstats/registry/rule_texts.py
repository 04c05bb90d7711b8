"""Words and small tables that the examples of the rules share."""

from __future__ import annotations

BOTH = "Look both values up and correct the wrong one in the source."
DATES = "Look the dates up and correct the wrong one in the source."
CODES = "Add the code to codes = { … } of the field in registry.toml, or correct the cell."
CELL = "Look the value up and correct the cell in the source."
IDS = "Find out whether they are one person, and give one identifier."

ONE = "patients: patient_id center_id\nA/1 A\n"
SESSION = (
    "procedures: procedure_id patient_id center_id proc_date indication ct_post_done\n"
    "A/1/s A/1 A 2020-03-01 osteoporotic no\n"
)


def patients(columns: str, *rows: str) -> str:
    """Patients with some columns."""
    return f"patients: patient_id center_id {columns}\n" + "\n".join(rows)


def sessions(columns: str, *rows: str) -> str:
    """Sessions of one patient with some columns."""
    head = f"{ONE}procedures: procedure_id patient_id center_id proc_date {columns}\n"
    return head + "\n".join(rows)


def levels(columns: str, *rows: str) -> str:
    """Levels of one session with some columns."""
    return f"{ONE}{SESSION}levels: level_id procedure_id level {columns}\n" + "\n".join(rows)


def events(columns: str, *rows: str, levels: str = "L1") -> str:
    """Events of a patient with one treated level."""
    one = f"levels: level_id procedure_id level\nA/1/s/{levels} A/1/s {levels}\n"
    return f"{ONE}{SESSION}{one}events: event_id patient_id event_type {columns}\n" + "\n".join(
        rows
    )


def copies(n: int, line: str) -> str:
    """The same line n times, numbered."""
    return "\n".join(line.format(i=i) for i in range(1, n + 1))
