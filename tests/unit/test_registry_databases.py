"""Databases: the same rows from SQLite, DuckDB and PostgreSQL; nothing written, nothing leaked."""

from __future__ import annotations

import builtins
import os
import runpy
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from vpstats.errors import DataError, MappingError, UsageError, VpstatsError
from vpstats.registry.mapping import SourceMap, parse_mapping
from vpstats.registry.raw import RawSource
from vpstats.registry.read import read_registry
from vpstats.registry.sources import read_source

server = runpy.run_path(str(Path(__file__).parent / "postgres.py"))["server"]
PASSWORD = "s3cret:p@ss/word"  # noqa: S105  # signs that a URL has to escape; of a server that lives as long as the test
TABLE = """
create table patients (
  id varchar(10) primary key, sex varchar(10), born date, crp numeric(8,3), weight double precision,
  opted {boolean}, seen timestamp, big bigint
)
"""
ROWS = """
insert into patients values
 ('P2', 'f', '1948-02-11', 4.500, 0.1, {yes}, '2023-03-14 08:30:00', 9007199254740993),
 ('P1', 'm: ž %', null, 0.125, 70.0, {no}, '2023-03-14 00:00:00', null),
 ('P3', '', '1950-12-31', null, 1e-7, null, null, 0)
"""
KINDS = ("sqlite", "duckdb", "postgresql")
SERVED = [kind for kind in KINDS if kind != "sqlite"]
"""Databases with a SELECT that writes, and with casts that fail; SQLite has neither."""


@dataclass(frozen=True)
class Database:
    """One database with its registry folder and mapping keys."""

    kind: str
    folder: Path
    url: str
    keys: dict[str, Any]

    def run(self, *statements: str) -> None:
        """Change it behind vpstats' back."""
        if self.kind == "sqlite":
            with sqlite3.connect(self.folder / "r.db") as connection:
                for statement in statements:
                    connection.execute(statement)
            connection.close()
        elif self.kind == "duckdb":
            with duckdb.connect(str(self.folder / "r.db")) as connection:
                for statement in statements:
                    connection.execute(statement)
        else:
            with psycopg.connect(self.url.replace("+psycopg", ""), password=PASSWORD) as connection:
                for statement in statements:
                    connection.execute(statement)

    def read(self, **options: Any) -> RawSource:
        return read_source(source(url=self.url, **self.keys, **options), self.folder)


def source(**options: Any) -> SourceMap:
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given = {"name": "s", "center": "A", "format": "sql", "table": [table], **options}
    return SourceMap.model_validate(given)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server(PASSWORD) as port:
        yield f"postgresql+psycopg://registry@127.0.0.1:{port}/postgres"


@pytest.fixture(params=KINDS)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Database:
    kind = request.param
    if kind == "postgresql":
        monkeypatch.setenv("REGISTRY_PASSWORD", PASSWORD)
        url = request.getfixturevalue("postgres")
        found = Database(kind, tmp_path, url, {"password_env": "REGISTRY_PASSWORD"})
        found.run("drop schema public cascade", "create schema public")
    else:
        found = Database(kind, tmp_path, f"{kind}:///r.db", {})
    words = {"boolean": "boolean", "yes": "true", "no": "false"}
    found.run(TABLE.format(**words), ROWS.format(**words))
    return found


def texts(raw: RawSource) -> dict[str, list[str]]:
    return {name: column.texts().tolist() for name, column in raw.columns.items()}


@pytest.mark.parametrize("way", ["table", "query"])
def test_types_become_text_without_loss(database: Database, way: str) -> None:
    query = "select * from patients where sex like '%' or id::text = ':x' order by id"
    if database.kind == "sqlite":
        query = query.replace("::text", "")
    given = {"from_table": "patients"} if way == "table" else {"query": query}
    raw = database.read(**given)
    found = texts(raw)
    # SQLite stores fixed-point numbers in binary, and of dates what was put in
    sqlite = database.kind == "sqlite"
    midnight = "2023-03-14 00:00:00" if sqlite else "2023-03-14"
    assert found == {
        "id": ["P1", "P2", "P3"],
        "sex": ["m: ž %", "f", ""],
        "born": ["", "1948-02-11", "1950-12-31"],
        "crp": ["0.125", "4.5" if sqlite else "4.500", ""],
        "weight": ["70", "0.1", "0.0000001"],
        "opted": ["0", "1", ""],
        "seen": [midnight, "2023-03-14 08:30:00", ""],
        "big": ["", "9007199254740993", "0"],
    }
    assert raw.row.tolist() == [1, 2, 3]
    assert set(raw.meta[0]["typed"]) == {"crp", "weight", "big"} | ({"opted"} if sqlite else set())


def test_the_hash_is_that_of_the_rows(database: Database) -> None:
    first = database.read(from_table="patients").meta[0]["sha256"]
    assert first == database.read(from_table="patients").meta[0]["sha256"]
    database.run("update patients set sex = null where id = 'P3'")
    second = database.read(from_table="patients").meta[0]["sha256"]
    database.run("update patients set sex = 'm' where id = 'P3'")
    assert len({first, second, database.read(from_table="patients").meta[0]["sha256"]}) == 3


@pytest.mark.parametrize(
    "query",
    [
        "delete from patients",
        "select 1; delete from patients order by 1",
        "update patients set sex = 'x' order by id",
        "/* select */ drop table patients",
        "-- select\ninsert into patients values ('x') order by 1",
    ],
)
def test_nothing_but_one_select_is_run(database: Database, query: str) -> None:
    with pytest.raises(MappingError, match="not a single SELECT"):
        database.read(query=query)
    assert len(database.read(from_table="patients")) == 3


@pytest.mark.parametrize("database", SERVED, indirect=True)
def test_the_database_itself_refuses_to_write(database: Database) -> None:
    database.run("create sequence counter")
    with pytest.raises(DataError, match=r"cannot be read: .*read-?only"):
        database.read(query="select nextval('counter') as id order by 1")
    if database.kind == "postgresql":
        writes = "with gone as (delete from patients returning id) select id from gone order by id"
        with pytest.raises(DataError, match="cannot be read"):
            database.read(query=writes)
    assert len(database.read(from_table="patients")) == 3


def test_rows_need_an_order(database: Database) -> None:
    for query in (
        "select * from patients",
        "select * from (select * from patients order by id) as x",
        "select ' order by ' as id -- order by 1",
    ):
        with pytest.raises(MappingError, match="no ORDER BY"):
            database.read(query=query)
    given = database.read(query="select id, sex from patients", order_by=["sex desc", "id"])
    assert texts(given)["id"] == ["P1", "P2", "P3"]
    database.run("create view people as select sex, id from patients")
    raw = database.read(from_table="people")
    assert texts(raw)["id"] == ["P3", "P2", "P1"]
    assert [note.rule for note in raw.notes] == ["database.no_key"]
    assert texts(database.read(from_table="people", order_by="id"))["id"] == ["P1", "P2", "P3"]
    with pytest.raises(MappingError, match="order_by names a column"):
        database.read(from_table="people", order_by="idd")
    with pytest.raises(MappingError, match=r"order_by names a column .* Did you mean 'id'"):
        database.read(query="select id, sex from patients", order_by=["idd"])


def test_names_to_order_by_may_need_quotes(database: Database) -> None:
    named = 'select id as "Fall-Nr", id as "Order", id from patients -- of all years'
    for name in ("Fall-Nr", "Order", "Fall-Nr desc"):
        found = texts(database.read(query=named, order_by=[name]))["id"]
        assert found == sorted(found, reverse="desc" in name)


def test_errors_say_what_and_nothing_more(database: Database) -> None:
    with pytest.raises(MappingError, match=r"no table or view 'patient'\..*'patients'"):
        database.read(from_table="patient")
    for query in ("select nothing from patients order by 1", "select select order by 1"):
        with pytest.raises(DataError, match="cannot be read") as caught:
            database.read(query=query)
        assert "nothing" not in str(caught.value)
    with pytest.raises(MappingError, match="two columns of the query have one name"):
        database.read(query="select id, id from patients order by 1")


@pytest.mark.parametrize("database", SERVED, indirect=True)
def test_a_cell_in_an_error_of_the_database_stays_there(database: Database) -> None:
    with pytest.raises(VpstatsError) as caught:
        database.read(query="select cast(sex as integer) as id from patients order by 1")
    assert "ž" not in str(caught.value)


def test_no_password_in_the_mapping_and_none_in_messages(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"url": postgres, "password_env": "REGISTRY_PASSWORD", "from_table": "patients"}
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    with pytest.raises(UsageError, match="REGISTRY_PASSWORD is not set"):
        read_source(source(**keys), tmp_path)
    monkeypatch.setenv("REGISTRY_PASSWORD", "wr0ng-word")
    with pytest.raises(DataError, match="password authentication failed") as caught:
        read_source(source(**keys), tmp_path)
    assert "wr0ng-word" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@h/db",
        "mysql+pymysql://h/db?password=hunter2",
        "mssql+pyodbc:///?odbc_connect=DRIVER=x;PWD=hunter2",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_shown(url: str) -> None:
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given = {"name": "s", "center": "A", "format": "sql", "table": [table], "url": url}
    content = {
        "version": 1,
        "registry": {"name": "r", "data_cut": "2025-12-31"},
        "source": [{**given, "from_table": "t"}],
    }
    with pytest.raises(MappingError, match="holds a password") as caught:
        parse_mapping(content)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite:///none.db", "duckdb:///none.db", "sqlite://"])
def test_a_database_file_that_is_not_there_is_not_made(tmp_path: Path, url: str) -> None:
    with pytest.raises(DataError, match="not there"):
        read_source(source(url=url, from_table="t"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_an_empty_database_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    (tmp_path / "r.db").touch()
    with pytest.raises(DataError, match=r"^r\.db: the file of the database is empty"):
        read_source(source(url=f"{kind}:///r.db", from_table="t"), tmp_path)


def test_urls_and_drivers_that_are_unknown(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="none that SQLAlchemy understands"):
        read_source(source(url="not a url", from_table="t"), tmp_path)
    with pytest.raises(UsageError, match="needs a driver for oracle"):
        read_source(source(url="oracle+nothing://h/db", from_table="t"), tmp_path)
    (tmp_path / "r.db").write_bytes(b"no database at all, just some text" * 99)
    with pytest.raises(DataError, match="cannot be read: "):
        read_source(source(url="sqlite:///r.db", from_table="t"), tmp_path)


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "sqlalchemy":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'vpstats\[sql\]'"):
        read_source(source(url="sqlite:///r.db", from_table="t"), tmp_path)


def test_a_registry_from_a_database(database: Database) -> None:
    keys = "".join(f'{key} = "{value}"\n' for key, value in database.keys.items())
    (database.folder / "registry.toml").write_text(
        f"""version = 1
[registry]
name = "r"
data_cut = 2025-12-31
[[source]]
name = "s"
format = "sql"
url = "{database.url}"
{keys}from_table = "patients"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
sex = "sex"
birth_date = "born"
"""
    )
    registry = read_registry(database.folder)
    assert registry.patients["patient_id"].tolist() == ["A/P1", "A/P2", "A/P3"]
    assert registry.patients["birth_date"].dropna().dt.year.tolist() == [1948, 1950]
    row = registry.sources.iloc[0]
    name = "postgres" if database.kind == "postgresql" else "r.db"
    assert row["file"] == f"{database.kind}:{name}:patients"
    assert PASSWORD not in registry.sources.to_csv()
    found = registry.findings[registry.findings["rule"] == "word.unknown"]
    assert found["row"].tolist() == [1]


def test_many_rows_are_taken_in_parts(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "r.db") as connection:
        connection.execute("create table t (id integer primary key, x text)")
        connection.executemany(
            "insert into t values (?, ?)", [(i, f"v{i % 7}") for i in range(45_001)]
        )
    connection.close()
    raw = read_source(source(url="sqlite:///r.db", from_table="t"), tmp_path)
    assert raw.row.tolist() == list(range(1, 45_002))
    assert raw.columns["x"].texts().tolist() == [f"v{i % 7}" for i in range(45_001)]


ZONES = """
import sys
from pathlib import Path
from vpstats.registry.mapping import SourceMap
from vpstats.registry.sources import read_source

table = {"name": "patients", "columns": {"patient_id": "id"}}
given = {"name": "s", "center": "A", "format": "sql", "url": "duckdb:///r.db", "from_table": "t"}
raw = read_source(SourceMap.model_validate({**given, "table": [table]}), Path(sys.argv[1]))
print(raw.columns["seen"].spellings, raw.meta[0]["sha256"])
"""


def test_moments_do_not_follow_the_clock_of_the_machine(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "r.db")) as connection:
        connection.execute("create table t (id varchar primary key, seen timestamptz)")
        connection.execute("insert into t values ('1', '2023-03-13 23:00:00+00')")
    said = set()
    for zone in ("UTC", "Europe/Zagreb", "America/New_York"):
        arguments = [sys.executable, "-c", ZONES, str(tmp_path)]
        environment = {**os.environ, "TZ": zone}
        answer = subprocess.run(arguments, capture_output=True, check=True, env=environment)
        said.add(answer.stdout.decode())
    assert len(said) == 1
    assert "2023-03-13 23:00:00+00:00" in said.pop()


QUERIES = """
[[source]]
name = "?"
format = "sql"
url = "sqlite:///r.db"
query = "select * from t order by id"
center = "?"
[[source.table]]
name = "patients"
columns = { patient_id = "id", weight_kg = "weight" }
"""


def test_two_queries_of_one_database_are_told_apart(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "r.db") as connection:
        connection.execute("create table t (id text, weight text)")
        connection.execute("insert into t values ('P1', '700')")
    connection.close()
    text = 'version = 1\n[registry]\nname = "x"\ndata_cut = 2024-12-31\n'
    for name in ("north", "south"):
        text += QUERIES.replace("?", name)
    (tmp_path / "registry.toml").write_text(text)
    found = read_registry(tmp_path).findings
    files = found.loc[found["rule"] == "range.hard", "file"]
    assert sorted(files) == ["sqlite:r.db:query of north", "sqlite:r.db:query of south"]
