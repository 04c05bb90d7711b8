"""Two data cuts beside one another: every difference once, with the reason that is nearest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from vpstats.errors import DataError, MappingError, UsageError
from vpstats.listing import changes_as_csv, changes_as_data, changes_as_text
from vpstats.registry.against import CHANGE_COLUMNS, WHY, Comparison, compare_registries
from vpstats.registry.history import REWRITES

MAPPING = """
version = 1
[registry]
name = "R"
data_cut = {cut}
[[source]]
name = "s"
file = {file}
center = "A"
decimal = ","
date_order = "dmy"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
sex = "sex"
birth_date = "born"
last_contact_date = "seen"
death_date = "died"
status = "status"
consent_research = "consent"
death_cause = "cause"
height_cm = "height"
weight_kg = "weight"
[[source.table]]
name = "procedures"
columns = {{ patient_id = "id", proc_date = "day", indication = "why", crp_mg_l = "crp" }}
[[source.table]]
name = "levels"
columns = {{ patient_id = "id", proc_date = "day", level = "level", cement_ml = "ml" }}
"""
EVENTS = """
[[source]]
name = "e"
file = "e.csv"
center = "A"
date_order = "dmy"
[[source.table]]
name = "events"
columns = { patient_id = "id", event_type = "what", event_date = "day" }
"""
HEAD = "id;sex;born;seen;died;status;consent;cause;height;weight;day;why;crp;level;ml"
ONE = "1;f;01.02.1950;01.06.2024;;alive;yes;;160;60;01.03.2024;osteoporotic;3;T12;4"
TWO = "2;m;03.04.1945;01.05.2024;01.05.2024;dead;yes;secret-cause;170;80;02.03.2024;trauma;5;L1;5"
THREE = "3;f;05.06.1940;01.07.2024;;alive;yes;;150;50;03.03.2024;trauma;2;L2;3"


@dataclass
class Cuts:
    """Writes two cuts and compares them."""

    folder: Path

    def write(
        self, which: str, *rows: str, cut: str, events: str = "", file: str = "a.csv",
        change: Callable[[str], str] = str,
    ) -> None:  # fmt: skip
        folder = self.folder / which
        folder.mkdir(exist_ok=True)
        mapping = MAPPING.format(cut=cut, file=f'"{file}"') + (EVENTS if events else "")
        (folder / "registry.toml").write_text(change(mapping), "utf-8")
        (folder / file).write_text("\n".join([HEAD, *rows]) + "\n", "utf-8")
        if events:
            (folder / "e.csv").write_text(f"id;what;day\n{events}\n", "utf-8")

    def compare(self) -> Comparison:
        return compare_registries(self.folder / "new", self.folder / "old")


@pytest.fixture
def cuts(tmp_path: Path) -> Cuts:
    return Cuts(tmp_path)


def told(comparison: Comparison, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row) for row in comparison.changes[list(columns)].itertuples(index=False)]


def both(cuts: Cuts, old: list[str], new: list[str]) -> Comparison:
    cuts.write("old", *old, cut="2024-12-31")
    cuts.write("new", *new, cut="2025-12-31")
    return cuts.compare()


def test_the_same_rows_in_another_order_are_no_difference(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO, THREE], [THREE, ONE, TWO])
    assert changed.changes.empty
    assert list(changed.changes.columns) == list(CHANGE_COLUMNS)
    assert changed.to_look_at.empty


def test_a_changed_value_is_told_field_by_field(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO], [ONE.replace("T12;4", "T12;4,5"), TWO])
    assert told(changed, "change", "table", "field", "before", "after", "why", "file", "row") == [
        ("changed", "levels", "cement_ml", "4", "4.5", "source", "a.csv", 2)
    ]
    assert changed.to_look_at.empty


def test_a_row_that_vanished_takes_its_own_with_it_and_is_to_be_looked_at(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO, THREE], [ONE, TWO])
    assert set(told(changed, "change", "table", "why")) == {
        ("vanished", "patients", "unexplained"),
        ("vanished", "procedures", "parent"),
        ("vanished", "levels", "parent"),
    }
    assert len(changed.to_look_at) == 1
    assert changed.to_look_at["row"].tolist() == [4]


def test_an_opt_out_explains_what_vanished(cuts: Cuts) -> None:
    out = THREE.replace("alive;yes", "alive;no")
    changed = both(cuts, [ONE, THREE], [ONE, out])
    assert set(told(changed, "change", "why")) == {("vanished", "consent")}
    assert changed.to_look_at.empty
    back = both(cuts, [ONE, out], [ONE, THREE])
    assert set(told(back, "change", "why")) == {("appeared", "consent")}


@pytest.mark.parametrize(("day", "why"), [("04.02.2025", "since"), ("04.02.2024", "late")])
def test_what_appeared_is_new_or_was_entered_late(cuts: Cuts, day: str, why: str) -> None:
    fresh = THREE.replace("03.03.2024", day).replace("01.07.2024", "01.07.2025")
    changed = both(cuts, [ONE], [ONE, fresh])
    assert ("appeared", "patients", why) in told(changed, "change", "table", "why")
    assert changed.to_look_at.empty


def test_what_lies_after_an_earlier_cut_is_not_there_yet(cuts: Cuts) -> None:
    later = THREE.replace("03.03.2024", "04.02.2025").replace("01.07.2024", "01.07.2025")
    cuts.write("old", ONE, later, cut="2025-12-31")
    cuts.write("new", ONE, cut="2024-12-31")
    assert ("vanished", "patients", "after_cut") in told(cuts.compare(), "change", "table", "why")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (TWO, TWO.replace("01.05.2024;dead", ";alive"), "death_undone"),
        (TWO, TWO.replace("01.05.2024;01.05.2024", "09.05.2024;09.05.2024"), "death_moved"),
        (ONE, ONE.replace("01.06.2024", "01.05.2024"), "follow_up_shorter"),
        (ONE, ONE.replace("1;f;", "1;m;"), "person"),
        (ONE, ONE.replace("01.02.1950", "01.02.1960"), "person"),
        (ONE, ONE.replace("01.03.2024", "02.03.2024"), "session_moved"),
    ],
)
def test_history_that_was_rewritten_is_named(cuts: Cuts, old: str, new: str, code: str) -> None:
    changed = both(cuts, [THREE, old], [THREE, new])
    assert code in set(changed.to_look_at["rewrites"])
    assert set(changed.changes["rewrites"]) <= {"", *REWRITES}


@pytest.mark.parametrize(
    "new",
    [
        ONE.replace("01.06.2024", "01.06.2025"),
        ONE.replace("1;f;", "1;;"),
        ONE.replace(";3;T", ";4;T"),
    ],
)  # fmt: skip
def test_what_time_and_corrections_bring_is_no_rewriting(cuts: Cuts, new: str) -> None:
    changed = both(cuts, [ONE, TWO], [new, TWO])
    assert len(changed.changes) >= 1
    assert changed.to_look_at.empty


def test_a_session_that_moved_keeps_its_levels(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO], [ONE.replace("01.03.2024", "02.03.2024"), TWO])
    fields = told(changed, "change", "table", "field")
    assert ("changed", "procedures", "proc_date") in fields
    assert not [row for row in fields if row[0] != "changed"]


def test_identifying_values_are_masked(cuts: Cuts) -> None:
    new = TWO.replace("secret-cause", "other-secret").replace("03.04.1945", "04.04.1945")
    changed = both(cuts, [ONE, TWO], [ONE, new])
    shown = told(changed, "field", "before", "after")
    assert ("death_cause", "(masked)", "(masked)") in shown
    assert ("birth_date", "(masked)", "(masked)") in shown
    text = changes_as_text(changed) + changes_as_csv(changed) + str(changes_as_data(changed))
    for canary in ("secret", "1945", "A/2"):
        assert canary not in text


def test_a_rule_that_spoke_in_one_cut_only_explains(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO], [ONE.replace(";3;T12", ";5000;T12"), TWO])
    row = changed.changes.iloc[0]
    assert (row["field"], row["after"], row["why"]) == ("crp_mg_l", "", "rule")
    assert row["rule"].startswith("range.")


def test_a_doubt_that_changes_nothing_explains_nothing(cuts: Cuts) -> None:
    new = ONE.replace(";160;60;", ";160;135;")
    changed = both(cuts, [ONE, TWO], [new, TWO])
    reasons = dict(told(changed, "field", "why"))
    assert reasons["weight_kg"] == "source"
    assert reasons["bmi"] == "recomputed"


def test_a_change_of_the_mapping_explains(cuts: Cuts) -> None:
    cuts.write("old", ONE, TWO, cut="2024-12-31")
    cuts.write(
        "new", ONE, TWO, cut="2024-12-31",
        change=lambda text: text.replace('"crp"', '{ column = "crp", unit = "mg/dL" }'),
    )  # fmt: skip
    changed = cuts.compare()
    assert told(changed, "field", "before", "after", "why") == [
        ("crp_mg_l", "3", "30", "mapping"),
        ("crp_mg_l", "5", "50", "mapping"),
    ]
    assert [(c.source, c.table, c.field) for c in changed.mapping] == [
        ("s", "procedures", "crp_mg_l")
    ]


def test_a_table_no_longer_mapped_explains(cuts: Cuts) -> None:
    cuts.write("old", ONE, TWO, cut="2024-12-31")
    cuts.write(
        "new", ONE, TWO, cut="2024-12-31",
        change=lambda text: text[: text.index('[[source.table]]\nname = "levels"')],
    )  # fmt: skip
    assert set(told(cuts.compare(), "change", "table", "why")) == {
        ("vanished", "levels", "mapping")
    }


def test_a_source_that_came_or_went_explains(cuts: Cuts) -> None:
    cuts.write("old", ONE, TWO, cut="2024-12-31")
    cuts.write("new", ONE, TWO, cut="2024-12-31", events="1;infection;05.03.2024")
    assert told(cuts.compare(), "change", "table", "why") == [("appeared", "events", "source_new")]
    reverse = compare_registries(cuts.folder / "old", cuts.folder / "new")
    assert told(reverse, "change", "table", "why") == [("vanished", "events", "source_gone")]
    assert set(reverse.sources["state"]) == {"same", "gone"}


def test_events_named_by_their_row_are_matched_by_what_they_are(cuts: Cuts) -> None:
    events = "1;infection;05.03.2024\n2;pce;02.03.2024"
    cuts.write("old", ONE, TWO, cut="2024-12-31", events=events)
    cuts.write(
        "new", ONE, TWO, cut="2024-12-31",
        events="2;pce;02.03.2024\n1;infection;06.03.2024\n1;adjacent_fx;01.06.2024",
    )  # fmt: skip
    assert told(cuts.compare(), "change", "field", "before", "after", "why") == [
        ("appeared", "", "", "", "late"),
        ("changed", "event_date", "2024-03-05", "2024-03-06", "source"),
    ]


def test_a_renamed_file_is_not_a_source_that_went(cuts: Cuts) -> None:
    cuts.write("old", ONE, TWO, cut="2024-12-31", file="2024.csv")
    cuts.write("new", ONE, cut="2025-12-31", file="2025.csv")
    changed = cuts.compare()
    assert ("patients", "unexplained") in told(changed, "table", "why")
    assert dict(zip(changed.sources["file"], changed.sources["state"], strict=True)) == {
        "2025.csv": "new",
        "2024.csv": "gone",
    }


def test_every_reason_has_a_sentence_and_the_listing_says_it(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO, THREE], [ONE.replace("T12;4", "T12;4,5"), TWO])
    text = changes_as_text(changed)
    for why in set(changed.changes["why"]):
        assert WHY[why] in text
    assert "R, data cut 2025-12-31 against 2024-12-31" in text
    assert "To look at: 1" in text
    tally = changes_as_data(changed)["tables"]["patients"]
    assert tally == {
        "then": 3, "now": 2, "appeared": 0, "vanished": 1, "changed": 0, "fields": 0,
    }  # fmt: skip


def test_a_cell_that_starts_a_formula_does_not_start_one_in_the_list(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO], [ONE.replace("T12;4", "T12;4,5"), TWO])
    changed.changes.loc[0, "after"] = "=cmd|' /C calc'!A0"
    assert ",'=cmd" in changes_as_csv(changed)


def test_another_registry_is_refused(cuts: Cuts) -> None:
    with pytest.raises(UsageError, match="no patient in common"):
        both(cuts, [TWO], [ONE])


def test_an_empty_earlier_cut_is_compared(cuts: Cuts) -> None:
    changed = both(cuts, [], [ONE])
    assert set(changed.changes["change"]) == {"appeared"}


def test_what_cannot_be_read_says_which_cut_it_is(cuts: Cuts) -> None:
    cuts.write("new", ONE, cut="2024-12-31")
    with pytest.raises(MappingError, match=r"the cut to compare with, .*no such file"):
        cuts.compare()
    cuts.write(
        "old", ONE, cut="2024-12-31", change=lambda t: t.replace("version = 1", "version = 2")
    )
    with pytest.raises(MappingError, match=r"the cut to compare with, .*version"):
        cuts.compare()
    cuts.write("old", ONE, cut="2024-12-31")
    (cuts.folder / "old" / "a.csv").unlink()
    with pytest.raises((DataError, MappingError), match="the cut to compare with"):
        cuts.compare()


def test_each_row_of_either_cut_is_accounted_for(cuts: Cuts) -> None:
    changed = both(cuts, [ONE, TWO, THREE], [TWO, THREE.replace("3;f", "4;f"), ONE])
    counts = changed.changes.groupby(["table", "change"]).size()
    for table in ("patients", "procedures", "levels"):
        then = len(changed.old.registry.tables[table])
        now = len(changed.new.registry.tables[table])
        assert now - then == counts.get((table, "appeared"), 0) - counts.get((table, "vanished"), 0)
    assert pd.api.types.is_object_dtype(changed.changes["key"])


def _wide(text: str) -> str:
    return text.replace('patient_id = "id"', 'patient_id = { column = "id", width = 3 }')


def _padded(row: str) -> str:
    return f"00{row}"


def test_a_change_of_the_mapping_explains_no_row_that_it_leaves_alone(cuts: Cuts) -> None:
    # the later export lost the zeros in front, which a width gives back; one patient was deleted
    cuts.write("old", *map(_padded, [ONE, TWO, THREE]), cut="2024-12-31")
    fresh = "4" + THREE[1:].replace("03.03.2024", "04.02.2025").replace("01.07.2024", "01.07.2025")
    cuts.write("new", ONE, TWO, fresh, cut="2025-12-31", change=_wide)
    changed = cuts.compare()
    assert set(told(changed, "change", "table", "why")) == {
        ("vanished", "patients", "unexplained"),
        ("vanished", "procedures", "parent"),
        ("vanished", "levels", "parent"),
        ("appeared", "patients", "since"),
        ("appeared", "procedures", "parent"),
        ("appeared", "levels", "parent"),
    }
    assert len(changed.to_look_at) == 1


def test_a_change_of_the_mapping_explains_the_rows_that_it_names_otherwise(cuts: Cuts) -> None:
    cuts.write("old", _padded(ONE), TWO, THREE, cut="2024-12-31")
    cuts.write("new", _padded(ONE), TWO, THREE, cut="2024-12-31", change=_wide)
    patients = told(cuts.compare(), "table", "change", "why")[:4]
    assert sorted(patients) == [
        ("patients", "appeared", "mapping"),
        ("patients", "appeared", "mapping"),
        ("patients", "vanished", "mapping"),
        ("patients", "vanished", "mapping"),
    ]


def test_a_value_that_the_source_changed_is_not_laid_to_the_mapping(cuts: Cuts) -> None:
    cuts.write("old", ONE, TWO, cut="2024-12-31")
    cuts.write(
        "new", ONE.replace("osteoporotic;3", "osteoporotic;7"), TWO, cut="2024-12-31",
        change=lambda text: text.replace('"crp"', '{ column = "crp", unit = "mg/L" }'),
    )  # fmt: skip
    assert told(cuts.compare(), "field", "before", "after", "why") == [
        ("crp_mg_l", "3", "7", "source")
    ]


def test_where_the_earlier_export_does_not_fit_the_later_mapping_nobody_can_tell(
    cuts: Cuts,
) -> None:
    cuts.write("old", ONE, TWO, THREE, cut="2024-12-31")
    cuts.write(
        "new", ONE, TWO, cut="2024-12-31",
        change=lambda text: text.replace('patient_id = "id"', 'patient_id = "number"'),
    )  # fmt: skip
    export = cuts.folder / "new" / "a.csv"
    export.write_text(export.read_text("utf-8").replace("id;sex", "number;sex"), "utf-8")
    changed = cuts.compare()
    assert ("vanished", "patients", "mapping_perhaps") in told(changed, "change", "table", "why")
    assert len(changed.to_look_at) == 1


def test_a_day_that_was_blank_was_given_by_the_source(cuts: Cuts) -> None:
    cuts.write("old", ONE, TWO, cut="2024-12-31", events="1;infection;")
    cuts.write("new", ONE, TWO, cut="2024-12-31", events="1;infection;05.03.2024")
    assert ("event_date", "", "2024-03-05", "source") in told(
        cuts.compare(), "field", "before", "after", "why"
    )


def test_what_nobody_typed_was_worked_out_anew(cuts: Cuts) -> None:
    later = TWO.replace("03.04.1945", "03.04.1946").replace("02.03.2024", "03.03.2024")
    changed = both(cuts, [ONE, TWO], [ONE, later])
    reasons = dict(told(changed, "field", "why"))
    assert reasons["birth_date"] == reasons["proc_date"] == "source"
    assert reasons["age_at_proc"] == "recomputed"


def test_events_that_are_numbered_afresh_are_matched_by_what_they_are(cuts: Cuts) -> None:
    numbered = EVENTS.replace("patient_id", 'event_id = "no", patient_id')

    def mapped(text: str) -> str:
        return text.replace(EVENTS, numbered)

    def write(which: str, cut: str, *events: str) -> None:
        cuts.write(which, ONE, TWO, cut=cut, events="-", change=mapped)
        lines = "".join(f"{line}\n" for line in ("no;id;what;day", *events))
        (cuts.folder / which / "e.csv").write_text(lines, "utf-8")

    write("old", "2024-12-31", "1;1;infection;05.04.2024", "2;2;infection;06.03.2024")
    write(
        "new", "2025-12-31",
        "1;1;pce;01.02.2025", "2;1;infection;05.04.2024", "3;2;infection;06.03.2024",
    )  # fmt: skip
    changed = cuts.compare()
    assert told(changed, "change", "table", "why", "row") == [("appeared", "events", "since", 2)]
