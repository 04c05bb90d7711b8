"""REDCap: raw and label exports of one project are one registry; its API gives the same."""

from __future__ import annotations

import builtins
import csv
import http.server
import io
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vpstats.errors import DataError, MappingError, UsageError, VpstatsError
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource
from vpstats.registry.read import read_registry
from vpstats.registry.redcap import read_dictionary
from vpstats.registry.registry import Registry
from vpstats.registry.sources import read_source

DICTIONARY = """\
"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",\
"Choices, Calculations, OR Slider Labels"
record_id,patient,,text,"Record ID",
sex,patient,,radio,"<b>Sex</b>","1, Female | 2, Male"
dob,patient,,text,"Date of birth",
immuno,patient,,checkbox,"Reasons","1, Chemotherapy | 2, Steroids | -9, Not known"
note,patient,,descriptive,"Read this",
proc_date,procedure,,text,Date,
smoker,procedure,,yesno,Smoker?,
lvl,treated_level,,text,Level,
lvl_date,treated_level,,text,"Treated on",
cement,treated_level,,text,"Cement, mL",
leak,treated_level,,dropdown,Date,"1, Yes | 0, No"
"""
RAW = """\
record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,\
redcap_data_access_group,sex,dob,immuno___1,immuno___2,immuno____9,patient_complete,proc_date,\
smoker,procedure_complete,lvl,lvl_date,cement,leak,treated_level_complete
7,base_arm_1,,,north,1,1948-02-11,1,1,0,2,,,,,,,,
7,base_arm_1,procedure,1,north,,,,,,,2023-03-14,1,2,,,,,
7,base_arm_1,treated_level,1,north,,,,,,,,,,T12,2023-03-14,4.5,1,2
7,base_arm_1,treated_level,2,north,,,,,,,,,,L1,2023-03-14,3,0,2
8,base_arm_1,,,south,2,1950-01-01,0,0,0,0,,,,,,,,
9,base_arm_1,,,south,2,1950-01-02,0,0,0,2,,,,,,,,
"""
LABELS = """\
"Record ID","Event Name","Repeat Instrument","Repeat Instance","Data Access Group","Sex",\
"Date of birth","Reasons (choice=Chemotherapy)","Reasons (choice=Steroids)",\
"Reasons (choice=Not known)","Complete?","Date","Smoker?","Complete?","Level","Treated on",\
"Cement, mL","Date","Complete?"
7,Base,,,north,Female,1948-02-11,Checked,Checked,Unchecked,Complete,,,,,,,,
7,Base,Procedure,1,north,,,,,,,2023-03-14,Yes,Complete,,,,,
7,Base,"Treated Level",1,north,,,,,,,,,,T12,2023-03-14,4.5,Yes,Complete
7,Base,"Treated Level",2,north,,,,,,,,,,L1,2023-03-14,3,No,Complete
8,Base,,,south,Male,1950-01-01,Unchecked,Unchecked,Unchecked,Incomplete,,,,,,,,
9,Base,,,south,Male,1950-01-02,Unchecked,Unchecked,Unchecked,Complete,,,,,,,,
"""
TABLES = """
center = { column = "redcap_data_access_group", codes = { north = "N", south = "S" } }
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "record_id"
birth_date = "dob"
sex = { column = "sex", codes = { 1 = "f", 2 = "m" } }
immuno_reasons = { checkbox = "immuno", codes = { 1 = "chemo", 2 = "steroid", -9 = "unknown" } }
[[source.table]]
name = "procedures"
where = { redcap_repeat_instrument = "procedure" }
[source.table.columns]
patient_id = "record_id"
proc_date = "proc_date"
[[source.table]]
name = "levels"
where = { redcap_repeat_instrument = "treated_level" }
[source.table.columns]
patient_id = "record_id"
proc_date = "lvl_date"
level = "lvl"
cement_ml = "cement"
leak_any_ct = { column = "leak", codes = { 1 = "yes", 0 = "no" } }
"""
FILE = 'format = "redcap"\nfile = "export.csv"\ndictionary = "dictionary.csv"\n'


def mapping(origin: str, tables: str = TABLES) -> str:
    head = 'version = 1\n[registry]\nname = "r"\ndata_cut = 2025-12-31\n[[source]]\nname = "s"\n'
    return head + origin + tables


def registry(folder: Path, export: str, dictionary: str = DICTIONARY, toml: str = "") -> Registry:
    folder.mkdir(exist_ok=True)
    (folder / "export.csv").write_text(export)
    (folder / "dictionary.csv").write_text(dictionary)
    (folder / "registry.toml").write_text(toml or mapping(FILE))
    return read_registry(folder)


def tables(found: Registry) -> list[pd.DataFrame]:
    return [found.patients, found.procedures, found.levels, found.leaks]


def test_a_raw_export(tmp_path: Path) -> None:
    found = registry(tmp_path, RAW)
    people = found.patients.set_index("patient_id")
    assert people["immuno_reasons"].fillna("-").to_dict() == {
        "N/7": "chemo;steroid",
        "S/8": "-",
        "S/9": "-",
    }
    assert people["center_id"].tolist() == ["N", "S", "S"]
    assert found.levels["level"].tolist() == ["T12", "L1"]
    assert found.levels["procedure_id"].tolist() == ["N/7/2023-03-14"] * 2
    incomplete = found.corrections[found.corrections["rule"] == "redcap.incomplete"]
    assert incomplete["row"].tolist() == [6]
    assert not found.findings["rule"].str.startswith("redcap.").any()


SITES = """\
record_id,redcap_data_access_group,dob,day,level,ct,site___1,site___2,site___0,site___9,form_complete
1,north,1950-01-01,2023-03-14,T12,1,1,0,0,0,2
2,north,1950-01-02,2023-03-15,T12,1,0,0,1,0,2
3,north,1950-01-03,2023-03-16,T12,1,0,0,0,0,2
4,north,1950-01-04,2023-03-17,T12,1,0,0,0,1,2
"""
WITH_SITES = """
center = { column = "redcap_data_access_group", codes = { north = "N" } }
[[source.table]]
name = "patients"
columns = { patient_id = "record_id", birth_date = "dob" }
[[source.table]]
name = "procedures"
columns = { patient_id = "record_id", proc_date = "day", ct_post_done = "ct" }
[[source.table]]
name = "levels"
[source.table.columns]
patient_id = "record_id"
proc_date = "day"
level = "level"
leak_sites_ct = { checkbox = "site", codes = { 1 = "epidural", 2 = "venous"%s, 9 = "missing" } }
"""


@pytest.mark.parametrize(
    ("box", "third", "rows"), [(', 0 = "none"', "not_assessed", [4]), ("", "absent", [])]
)
def test_without_a_tick_a_form_with_a_box_for_none_says_nothing(
    tmp_path: Path, box: str, third: str, rows: list[int]
) -> None:
    toml = mapping('format = "redcap"\nfile = "export.csv"\n', WITH_SITES % box)
    found = registry(tmp_path, SITES, toml=toml)
    leaks = found.leaks[(found.leaks["site"] == "venous") & (found.leaks["modality"] == "ct")]
    states = leaks["state"].astype(str).tolist()
    assert states[0] == "absent"
    assert states[2:] == [third, "not_assessed"]
    said = found.corrections[found.corrections["rule"] == "redcap.incomplete"]
    assert said["row"].tolist() == rows
    if box:
        assert states[1] == "absent"


def test_a_box_for_none_of_these_is_an_empty_set(tmp_path: Path) -> None:
    toml = mapping(FILE).replace('-9 = "unknown"', '-9 = "none"')
    found = registry(tmp_path, RAW.replace(",0,0,0,2", ",0,0,1,2"), toml=toml)
    people = found.patients.set_index("patient_id")
    assert people["immuno_reasons"].isna().to_dict() == {"N/7": False, "S/8": True, "S/9": True}
    assert set(found.corrections.loc[found.corrections["row"] == 7, "rule"]) >= {"word.empty_set"}
    assert not found.findings["severity"].eq("error").any()


def test_a_label_export_is_the_same_registry(tmp_path: Path) -> None:
    raw, labels = registry(tmp_path / "a", RAW), registry(tmp_path / "b", LABELS)
    for one, other in zip(tables(raw), tables(labels), strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert not labels.findings["rule"].str.startswith("redcap.").any()
    assert labels.sources["sha256"].iloc[0] != raw.sources["sha256"].iloc[0]


def test_a_label_export_without_its_dictionary(tmp_path: Path) -> None:
    words = """
center = { column = "redcap_data_access_group" }
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "Record ID"
sex = { column = "Sex", codes = { Female = "f", Male = "m" } }
immuno_reasons = { checkbox = "Reasons", codes = { Chemotherapy = "chemo", Steroids = "steroid" } }
"""
    bare = mapping('format = "redcap"\nfile = "export.csv"\n', words)
    people = registry(tmp_path, LABELS, toml=bare).patients.set_index("patient_id")
    assert people["sex"].tolist() == ["f", "m", "m"]
    assert people["immuno_reasons"].fillna("-").tolist() == ["chemo;steroid", "-", "-"]


MARKED = """\
field_name,form_name,field_type,field_label,select_choices_or_calculations
record_id,base,text,Record,
bmi,base,calc,"BMI (kg/m<sup>2</sup>)",
crp,base,text,"CRP <5 &amp; >2 mg/L",
size,base,radio,"<p>Largest&nbsp;<b>defect</b></p>",\
"1, &lt; 2 cm<sup>2</sup> | 2, &ge; 2 cm<sup>2</sup>"
"""


def test_labels_are_told_without_their_markup(tmp_path: Path) -> None:
    """REDCap leaves it out of an export, and no blank in its place."""
    export = (
        '"Record","BMI (kg/m2)","CRP <5 & >2 mg/L","Largest defect","Complete?"\n'
        "7,24.5,3,< 2 cm2,Complete\n8,25,4,≥ 2 cm2,Complete\n"
    )
    raw = labelled(tmp_path, export, MARKED)
    assert list(raw.columns) == ["record_id", "bmi", "crp", "size", "base_complete"]
    assert raw.columns["size"].texts().tolist() == ["1", "2"]
    assert raw.notes == ()


EVENTS_RAW = """\
record_id,redcap_event_name,redcap_data_access_group,sex,immuno___1,immuno___2,immuno____9,\
patient_complete,proc_date,procedure_complete
7,first_visit_arm_1,st_marys,1,1,0,0,2,,
7,operation__repeats_arm_1,st_marys,,,,,,2023-03-14,2
8,first_visit_arm_2,north,2,0,0,0,2,,
8,operation__repeats_arm_2,north,,,,,,2023-04-15,2
"""
EVENTS_LABELS = """\
"Record ID","Event Name","Data Access Group",Sex,"Reasons (choice=Chemotherapy)",\
"Reasons (choice=Steroids)","Reasons (choice=Not known)",patient_complete,proc_date,\
procedure_complete
7,"First visit (Arm 1: Main)","St. Mary's",Female,Checked,Unchecked,Unchecked,Complete,,
7,"Operation, / repeat(s) (Arm 1: Main)","St. Mary's",,,,,,2023-03-14,Complete
8,"First visit (Arm 2: Late)",North,Male,Unchecked,Unchecked,Unchecked,Complete,,
8,"Operation, / repeat(s) (Arm 2: Late)",North,,,,,,2023-04-15,Complete
"""
EVENTS = """
center = { column = "redcap_data_access_group", codes = { north = "N", st_marys = "M" } }
[[source.table]]
name = "patients"
where = { redcap_event_name = ["first_visit_arm_1", "first_visit_arm_2"] }
[source.table.columns]
patient_id = "record_id"
sex = { column = "sex", codes = { 1 = "f", 2 = "m" } }
immuno_reasons = { checkbox = "immuno", codes = { 1 = "chemo", 2 = "steroid", -9 = "unknown" } }
[[source.table]]
name = "procedures"
where = { redcap_event_name = ["operation__repeats_arm_1", "operation__repeats_arm_2"] }
[source.table.columns]
patient_id = "record_id"
proc_date = "proc_date"
"""


def test_events_and_groups_of_a_label_export_are_those_of_the_raw_one(tmp_path: Path) -> None:
    toml = mapping(FILE, EVENTS)
    one = registry(tmp_path / "raw", EVENTS_RAW, toml=toml)
    other = registry(tmp_path / "labels", EVENTS_LABELS, toml=toml)
    assert one.patients["patient_id"].tolist() == ["M/7", "N/8"]
    assert len(one.procedures) == 2
    for raw, labels in zip(tables(one), tables(other), strict=True):
        pd.testing.assert_frame_equal(raw, labels)
    # a mapping of the labels themselves stays one of labels
    there = toml.replace("first_visit_arm_1", "First visit (Arm 1: Main)")
    assert len(registry(tmp_path / "own", EVENTS_LABELS, toml=there).patients) == 2


def test_two_labels_of_one_name_are_not_told_apart(tmp_path: Path) -> None:
    export = EVENTS_LABELS.replace("Arm 2: Late", "Arm 1: Late")
    found = registry(tmp_path, export, toml=mapping(FILE, EVENTS))
    assert len(found.patients) == 0


def labelled(folder: Path, export: str, dictionary: str = DICTIONARY) -> RawSource:
    (folder / "export.csv").write_text(export, "utf-8")
    (folder / "dictionary.csv").write_text(dictionary, "utf-8")
    given = {"format": "redcap", "file": "export.csv", "dictionary": "dictionary.csv"}
    return read_source(source(**given, url=None, token_env=None, center="A"), folder)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        # the forms of the operation and of the level both have a Date
        ("Record ID,Smoker?,Complete?", ["record_id", "smoker", "Complete?"]),
        ("Record ID,Date,Smoker?", ["record_id", "proc_date", "smoker"]),
        ("Record ID,Level,Date,Complete?", ["record_id", "lvl", "leak", "treated_level_complete"]),
        ("Record ID,Date,Smoker?,Level,Date", ["record_id", "proc_date", "smoker", "lvl", "leak"]),
        ("Record ID,Date,Complete?", ["record_id", "Date", "Complete?"]),
    ],
)
def test_labels_that_two_fields_share_in_an_export_of_some_forms(
    tmp_path: Path, header: str, names: list[str]
) -> None:
    raw = labelled(tmp_path, f"{header}\n{','.join('1' * len(names))}\n")
    assert list(raw.columns) == names


def test_answers_that_the_dictionary_does_not_list(tmp_path: Path) -> None:
    export = RAW.replace("8,base_arm_1,,,south,2", "8,base_arm_1,,,south,Male")
    findings = registry(tmp_path, export).findings
    unlisted = findings[findings["rule"] == "redcap.unlisted"]
    assert (unlisted["row"].tolist(), unlisted["column"].tolist()) == ([6], ["sex"])


def test_one_label_for_two_codes_is_not_guessed(tmp_path: Path) -> None:
    twice = DICTIONARY.replace("1, Female | 2, Male", "1, Female | 2, Male | 3, Male")
    found = registry(tmp_path, LABELS, twice)
    assert set(found.findings["rule"]) >= {"redcap.unlisted"}
    assert found.findings.loc[found.findings["rule"] == "redcap.unlisted", "row"].tolist() == [6]


def test_codes_are_held_against_the_dictionary(tmp_path: Path) -> None:
    swapped = DICTIONARY.replace("1, Female | 2, Male", "1, Male | 2, Female")
    found = registry(tmp_path / "a", RAW, swapped).findings
    said = found.loc[found["rule"] == "redcap.codes", "message"].tolist()
    assert len(said) == 2
    assert "choice 1, 'Male', is read as f; is it m?" in said[0]

    fewer = DICTIONARY.replace(" | -9, Not known", "")
    found = registry(tmp_path / "b", RAW, fewer).findings
    said = found.loc[found["rule"] == "redcap.codes", "message"].tolist()
    assert len(said) == 1
    assert "the mapping translates -9" in said[0]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", 'field_name,"form_name\n', "PK\x03\x04"])
def test_what_is_no_dictionary_says_so(text: str) -> None:
    with pytest.raises(DataError, match=r"d\.csv: "):
        read_dictionary(text.encode(), "d.csv")


# ------------------------------------------------------------------ the API

TOKEN = "0123456789ABCDEF0123456789abcdef"  # noqa: S105  # of the server below, and no other
API = 'format = "redcap_api"\nurl = "{url}"\ntoken_env = "REDCAP_TOKEN"\n'
NAMES = (
    "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations\n"
)


class Double(http.server.BaseHTTPRequestHandler):
    """The two documented exports of the API, for one token; or a fixed answer."""

    answers: dict[str, str]
    asked: list[dict[str, str]]
    status = 200
    location = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = dict(urllib.parse.parse_qsl(body))
        self.asked.append(given)
        known = given.get("token") == TOKEN
        text = self.answers[given["content"]] if known else "ERROR: You do not have permissions"
        if known and given.get("format") == "json" and text.startswith(NAMES):
            text = json.dumps(list(csv.DictReader(io.StringIO(text))))
        content = text.encode()
        self.send_response(self.status if known else 403)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing on the screen."""


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[str, list[Any]]]]:
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = []

    def start(**changes: Any) -> tuple[str, list[Any]]:
        asked: list[Any] = []
        answers = {"record": RAW, "metadata": NAMES + DICTIONARY.partition("\n")[2]}
        answers |= changes.pop("answers", {})
        handler = type("Here", (Double,), {"answers": answers, "asked": asked, **changes})
        server = http.server.HTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/api/", asked

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_api_is_the_same_registry(tmp_path: Path, serve: Callable[..., Any]) -> None:
    url, asked = serve()
    found = registry(tmp_path / "b", "", toml=mapping(API.format(url=url)))
    for one, other in zip(tables(registry(tmp_path / "a", RAW)), tables(found), strict=True):
        pd.testing.assert_frame_equal(one, other)
    records = next(given for given in asked if given["content"] == "record")
    assert (records["format"], records["rawOrLabel"]) == ("csv", "raw")
    assert records["exportDataAccessGroups"].lower() == "true"
    assert found.sources["file"].tolist() == ["redcap:s"]
    assert TOKEN not in found.sources.to_csv() + found.findings.to_csv()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answers": {"record": "<html>Maintenance</html>"}}, "no export of records"),
        ({"answers": {"metadata": "<html>Maintenance</html>"}}, "not what its API documents"),
        ({"answers": {"metadata": ""}, "status": 500}, "not what its API documents"),
        ({"answers": {"record": "ERROR: no right to export"}}, "refused the request"),
        ({"status": 302, "location": "http://192.0.2.1/", "answers": {"record": ""}}, "no export"),
    ],
)
def test_what_the_server_may_answer(
    tmp_path: Path, serve: Callable[..., Any], changes: dict[str, Any], words: str
) -> None:
    url, _ = serve(**changes)
    with pytest.raises(DataError, match=words) as caught:
        registry(tmp_path, "", toml=mapping(API.format(url=url)))
    assert TOKEN not in str(caught.value)
    assert url not in str(caught.value)


def test_a_wrong_token_and_no_server(
    tmp_path: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = serve()
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN[::-1])
    with pytest.raises(DataError, match="refused the request") as caught:
        registry(tmp_path, "", toml=mapping(API.format(url=url)))
    assert TOKEN[::-1] not in str(caught.value)
    assert len(asked) == 1
    with pytest.raises(DataError, match="cannot be reached"):
        registry(tmp_path, "", toml=mapping(API.format(url="http://127.0.0.1:9/api/")))


def source(**options: Any) -> SourceMap:
    table = {"name": "patients", "columns": {"patient_id": "record_id"}}
    given = {"name": "s", "format": "redcap_api", "token_env": "REDCAP_TOKEN", "table": [table]}
    return SourceMap.model_validate({**given, "url": "https://redcap.example/api/", **options})


@pytest.mark.parametrize(
    ("token", "url", "words"),
    [
        ("", "https://redcap.example/api/", "REDCAP_TOKEN is not set"),
        ("not-a-token", "https://redcap.example/api/", "holds no REDCap token"),
        (TOKEN, "http://redcap.example/api/", "unencrypted"),
        (TOKEN, "ftp://redcap.example/api/", "unencrypted"),
        (TOKEN, "http://localhost.example/api/", "unencrypted"),
    ],
)
def test_the_token_goes_nowhere_unsafe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, url: str, words: str
) -> None:
    monkeypatch.setenv("REDCAP_TOKEN", token)
    with pytest.raises(VpstatsError, match=words) as caught:
        read_source(source(url=url), tmp_path)
    assert isinstance(caught.value, UsageError | MappingError)
    assert "not-a-token" not in str(caught.value)


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN)

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "redcap":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'vpstats\[redcap\]'"):
        read_source(source(), tmp_path)


def test_a_table_without_an_instrument_where_every_row_has_one(tmp_path: Path) -> None:
    only = "\n".join(line for line in RAW.splitlines() if ",procedure,1" in line or "sex" in line)
    found = registry(tmp_path, only + "\n").findings
    said = found.loc[found["rule"] == "mapping.contradicted", "message"].tolist()
    assert "every row is of a repeating instrument; say in where which patients is." in said


LEAK_BOXES = """\
record_id,proc_date,treated___t12,treated___l1,leak___1,leak___2,leak___3,proc_complete
1,2022-01-03,0,1,1,0,0,2
2,2022-02-03,0,1,0,0,0,2
3,2022-02-05,0,1,0,0,0,0
4,2022-02-06,1,1,0,1,0,2
"""
LEAK_TABLES = """
[[source.table]]
name = "procedures"
columns = { patient_id = "record_id", proc_date = "proc_date" }
[[source.table]]
name = "levels"
ticked = { "treated___t12" = "T12", "treated___l1" = "L1" }
[source.table.columns]
patient_id = "record_id"
proc_date = "proc_date"
leak_sites_ct = { checkbox = "leak", codes = { "1" = "epidural", "2" = "venous", "3" = "THIRD" } }
"""


def boxed(folder: Path, third: str, export: str = LEAK_BOXES) -> Registry:
    """A form with three boxes for the sites of a leak."""
    (folder / "s.csv").write_text(export, encoding="utf-8")
    origin = 'file = "s.csv"\nformat = "redcap"\ncenter = "A"'
    toml = mapping(origin, LEAK_TABLES.replace("THIRD", third))
    (folder / "registry.toml").write_text(toml, encoding="utf-8")
    return read_registry(folder / "registry.toml")


def test_a_site_without_a_box_was_not_asked_for(tmp_path: Path) -> None:
    found = boxed(tmp_path, "disc_sup")
    leaks = found.leaks.astype(str)
    assert set(leaks["site"]) == {"epidural", "disc_sup", "venous", "any"}
    states = leaks.assign(level=leaks["level_id"].str[2:3]).drop_duplicates(["level", "site"])
    wide = states.pivot_table(index="level", columns="site", values="state", aggfunc="first")
    assert wide["epidural"].tolist() == ["present", "absent", "not_assessed", "absent"]
    assert wide["venous"].tolist() == ["absent", "absent", "not_assessed", "present"]
    # a form that was filled in, with no tick, says that there was no leak at all
    assert wide["any"].dropna().to_dict() == {"2": "absent"}


def test_a_box_for_any_other_leak_says_nothing_of_the_boxed(tmp_path: Path) -> None:
    export = LEAK_BOXES.replace("4,2022-02-06,1,1,0,1,0,2", "4,2022-02-06,0,1,0,0,1,2")
    leaks = boxed(tmp_path, "any", export).leaks.astype(str)
    fourth = leaks[leaks["level_id"].str.startswith("A/4")].set_index("site")["state"]
    assert fourth.to_dict() == {
        "epidural": "not_assessed",
        "venous": "not_assessed",
        "any": "present",
    }


def test_boxes_ticked_once_for_two_vertebrae_are_doubted(tmp_path: Path) -> None:
    findings = boxed(tmp_path, "disc_sup").findings
    said = findings[findings["rule"] == "explode.repeated"]
    assert said["row"].tolist() == [5]
    assert said["column"].tolist() == ["leak___*"]
