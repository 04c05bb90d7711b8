"""Tables and queries of a database to text, in a transaction that only reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from vpstats.errors import DataError, MappingError, UsageError
from vpstats.registry.fields import nearest
from vpstats.registry.mapping import SourceMap
from vpstats.registry.opening import regular_size
from vpstats.registry.raw import RawSource, SourceNote, TextColumn, text_column
from vpstats.registry.secrets import secret
from vpstats.registry.typed_values import value_text

_CHUNK = 20_000
_MOST_BYTES = 1024**4
_READS = re.compile(r"\s*(?:select|with|values|table)\b", re.IGNORECASE)
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
# comments, quoted text and quoted names: words in them are not words of the query
_QUOTED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_FILE_BASED = ("sqlite", "duckdb")
_HARMLESS = re.compile(
    r"no such (?:table|column)|does not exist|syntax error|permission denied"
    r"|password authentication failed|no password supplied|connection refused|could not translate"
    r"|unable to open database|read-?only|not a database",
    re.IGNORECASE,
)
"""What of a driver's message may be shown: the rest can hold addresses, names and values."""


def read_database(mapping: SourceMap, folder: Path) -> tuple[RawSource, str]:
    """Read the rows of a query or table as text, streamed, in one order.

    Parameters
    ----------
    mapping : SourceMap
        Names url, query or table, and the environment variable with the password.
    folder : Path
        Where registry.toml lies; the file of an SQLite or DuckDB database is relative to it.

    Returns
    -------
    source : RawSource
        Rows counted from 1, in the order of the query.
    digest : str
        SHA-256 over the names of the columns and every cell in order.

    Raises
    ------
    MappingError
        If the rows have no order, or the query does more than read.
    DataError
        If the database cannot be reached or the query fails.
    UsageError
        If SQLAlchemy or the database's driver is not installed.
    """
    sql = _sqlalchemy()
    url = _url(sql, mapping, folder)
    shown = _shown(url, mapping)
    try:
        with _connection(sql, url, shown) as connection:
            return _read(sql, connection, mapping, shown)
    except sql.exc.SQLAlchemyError as error:
        raise DataError(_said(error), file=shown) from None
    # a driver that cannot hold a value, a date beyond the year 9999 say, raises what it likes
    except (ValueError, OverflowError, TypeError) as error:
        raise DataError(
            f"holds a value that Python cannot ({type(error).__name__}); cast its column to text "
            "in the query.",
            file=shown,
        ) from None


def table_names(mapping: SourceMap, folder: Path) -> list[str]:
    """Names of the tables and views of a database's own schema, sorted.

    Parameters
    ----------
    mapping : SourceMap
        Names url and the environment variable with the password.
    folder : Path
        Where registry.toml lies.

    Returns
    -------
    list of str
        Without their schema.

    Raises
    ------
    DataError
        If the database cannot be reached.
    UsageError
        If SQLAlchemy or the database's driver is not installed.
    """
    sql = _sqlalchemy()
    url = _url(sql, mapping, folder)
    shown = Path(url.database or "").name or url.get_backend_name()
    try:
        with _connection(sql, url, shown) as connection:
            return sorted(_tables_and_key(sql, connection, "", None)[0])
    except sql.exc.SQLAlchemyError as error:
        raise DataError(_said(error), file=shown) from None


def _sqlalchemy() -> Any:
    try:
        import sqlalchemy
    except ImportError:
        raise UsageError(
            "format = 'sql' needs a package that is not installed; run: pip install 'vpstats[sql]'"
        ) from None
    return sqlalchemy


def _said(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    harmless = _HARMLESS.search(str(cause))
    reason = harmless[0].lower() if harmless else type(cause).__name__
    return f"cannot be read: {reason}. Look at url, query and the rights of the user."


# ------------------------------------------------------------------ connection


def _url(sql: Any, mapping: SourceMap, folder: Path) -> Any:
    try:
        url = sql.engine.make_url(mapping.url)
    except sql.exc.ArgumentError:
        raise MappingError(
            f"source '{mapping.name}': url is none that SQLAlchemy understands; expected "
            "for instance postgresql+psycopg://user@host/database."
        ) from None
    if mapping.password_env is not None:
        url = url.set(password=secret(mapping.password_env, mapping.name))
    if url.get_backend_name() in _FILE_BASED:
        return _file_url(url, folder)
    return url


def _file_url(url: Any, folder: Path) -> Any:
    """A database in a file must be there: opening one that is not would make it."""
    database = url.database or ""
    path = folder / database
    if not database or database == ":memory:" or not path.is_file():
        raise DataError(
            "names a database file that is not there; expected it relative to registry.toml.",
            file=database or "url",
        )
    if not regular_size(path, path.name, most=_MOST_BYTES):
        raise DataError("the file of the database is empty; export it again.", file=path.name)
    return url.set(database=str(path))


def _shown(url: Any, mapping: SourceMap) -> str:
    """Name for messages: kind, database, and table or source; never host and user."""
    name = Path(url.database or "").name
    return f"{url.get_backend_name()}:{name}:{mapping.from_table or f'query of {mapping.name}'}"


@contextmanager
def _connection(sql: Any, url: Any, shown: str) -> Iterator[Any]:
    try:
        engine = sql.create_engine(url, poolclass=sql.pool.NullPool, **_options(url))
    except (ImportError, sql.exc.NoSuchModuleError):
        raise UsageError(
            f"needs a driver for {url.drivername} that is not installed.", file=shown
        ) from None
    try:
        with engine.connect() as connection:
            with _reading(sql, connection, url.get_backend_name()) as reading:
                yield reading
            connection.rollback()
    finally:
        engine.dispose()


def _options(url: Any) -> dict[str, Any]:
    return {"connect_args": {"read_only": True}} if url.get_backend_name() == "duckdb" else {}


@contextmanager
def _reading(sql: Any, connection: Any, backend: str) -> Iterator[Any]:
    """The connection, forbidden to write by the database itself where it can."""
    if backend == "postgresql":
        yield connection.execution_options(
            postgresql_readonly=True, isolation_level="REPEATABLE READ"
        )
        return
    if backend == "sqlite":
        connection.execute(sql.text("PRAGMA query_only = ON"))
    elif backend == "duckdb":  # which else shows moments as the clock of this machine would
        connection.execute(sql.text("SET TimeZone = 'UTC'"))
    elif backend in ("mysql", "mariadb"):
        connection.execute(sql.text("SET TRANSACTION READ ONLY"))
    yield connection


# ------------------------------------------------------------------ statement


def _read(sql: Any, connection: Any, mapping: SourceMap, shown: str) -> tuple[RawSource, str]:
    statement, note = _statement(sql, connection, mapping, shown)
    with connection.execute(statement.execution_options(stream_results=True)) as result:
        rows = _Rows(_distinct(list(result.keys()), mapping, shown))
        for chunk in result.partitions(_CHUNK):
            rows.add(chunk)
    source, digest = rows.source(mapping, shown)
    return (source if note is None else source.noted(note)), digest


def _distinct(names: list[str], mapping: SourceMap, shown: str) -> list[str]:
    if len(set(names)) < len(names):
        raise MappingError(
            f"source '{mapping.name}': two columns of the query have one name; give each its own "
            "with AS.",
            file=shown,
        )
    return names


def _statement(
    sql: Any, connection: Any, mapping: SourceMap, shown: str
) -> tuple[Any, SourceNote | None]:
    if mapping.query is not None:
        return _query(sql, connection, mapping, shown), None
    return _whole_table(sql, connection, mapping, shown)


def _query(sql: Any, connection: Any, mapping: SourceMap, shown: str) -> Any:
    query = str(mapping.query).strip().rstrip(";")
    bare = _QUOTED.sub(" ", query)
    # a colon in the user's text is no parameter
    query = query.replace(":", "\\:")
    if not _READS.match(bare) or ";" in bare:
        raise MappingError(
            f"source '{mapping.name}': query is not a single SELECT; nothing else is run.",
            file=shown,
        )
    if mapping.order_by:
        rows = sql.text(f"(\n{query}\n) AS vpstats_rows")  # its last line may be a comment
        return _ordered(sql, connection, rows, mapping, shown)
    if not _ORDERED.search(_outside_brackets(bare)):
        raise MappingError(
            f"source '{mapping.name}': query has no ORDER BY, so its rows come in any order and "
            "no two readings would be the same. Order it by columns that name each row, or "
            "give order_by.",
            file=shown,
        )
    return sql.text(query)


def _outside_brackets(text: str) -> str:
    """What stands in no bracket: an order inside a subquery does not order the result."""
    depth, kept = 0, []
    for character in text:
        depth += (character == "(") - (character == ")")
        kept.append(character if depth == 0 else " ")
    return "".join(kept)


def _whole_table(
    sql: Any, connection: Any, mapping: SourceMap, shown: str
) -> tuple[Any, SourceNote | None]:
    schema, _, name = str(mapping.from_table).rpartition(".")
    known, key = _tables_and_key(sql, connection, name, schema or None)
    if name not in known:
        raise MappingError(
            f"source '{mapping.name}': the database has no table or view '{name}'."
            f"{nearest(name, known)} Correct from_table in registry.toml.",
            file=shown,
        )
    table = sql.table(name, schema=schema or None)
    statement = _ordered(sql, connection, table, mapping, shown, usual=key)
    if key or mapping.order_by:
        return statement, None
    said = "the table has no primary key; its rows were put in the order of all their columns"
    return statement, SourceNote("database.no_key", shown, said)


def _tables_and_key(
    sql: Any, connection: Any, name: str, schema: str | None
) -> tuple[list[str], list[str]]:
    """Names of tables and views, and the primary key of one."""
    if connection.dialect.name == "duckdb":
        return _tables_and_key_of_duckdb(sql, connection, name, schema)
    inspector = sql.inspect(connection)
    known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    if name not in inspector.get_table_names(schema):
        return known, []
    return known, inspector.get_pk_constraint(name, schema).get("constrained_columns") or []


def _tables_and_key_of_duckdb(
    sql: Any, connection: Any, name: str, schema: str | None
) -> tuple[list[str], list[str]]:
    """As above, from DuckDB's own catalog, which its SQLAlchemy dialect does not read."""
    given = {"schema": schema or "main", "name": name}
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = :schema"
    keys = (
        "SELECT constraint_column_names FROM duckdb_constraints() WHERE table_name = :name "
        "AND schema_name = :schema AND constraint_type = 'PRIMARY KEY'"
    )
    known = connection.execute(sql.text(tables), {"schema": given["schema"]}).scalars().all()
    return list(known), list(connection.execute(sql.text(keys), given).scalar() or [])


def _ordered(
    sql: Any,
    connection: Any,
    rows: Any,
    mapping: SourceMap,
    shown: str,
    *,
    usual: Sequence[str] = (),
) -> Any:
    """All columns of some rows, in the order given, of the primary key, or of all columns."""
    everything = sql.select(sql.text("*")).select_from(rows)
    with connection.execute(everything.where(sql.text("1 = 0"))) as nothing:
        columns = list(nothing.keys())
    return everything.order_by(
        *(_by(sql, name, columns, mapping, shown) for name in mapping.order_by or usual or columns)
    )


def _by(sql: Any, given: str, columns: Sequence[str], mapping: SourceMap, shown: str) -> Any:
    """A column to order by, its name quoted where it has to be; ``desc`` may stand behind it."""
    name, _, way = given.rpartition(" ")
    if given in columns or way.lower() not in ("asc", "desc"):
        name, way = given, "asc"
    # some databases take a quoted name that is no column for a text, which orders nothing
    if name not in columns:
        raise MappingError(
            f"source '{mapping.name}': order_by names a column that the rows have not."
            f"{nearest(name, columns)}",
            file=shown,
            column=name,
        )
    column = sql.column(name)
    return column.desc() if way.lower() == "desc" else column


# ------------------------------------------------------------------ rows


class _Rows:
    """Rows as they come: distinct values by column, a code per row, and a running hash."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.seen: list[dict[Any, int]] = [{} for _ in names]
        self.codes: list[list[Any]] = [[] for _ in names]
        self.typed = [True] * len(names)
        self.spellings: list[list[str]] = [[] for _ in names]
        self.hash = hashlib.sha256("\x1f".join(names).encode())

    def add(self, chunk: Sequence[Sequence[Any]]) -> None:
        """Take some rows."""
        coded = [self._code(i, [row[i] for row in chunk]) for i in range(len(self.names))]
        for i, codes in enumerate(coded):
            self.codes[i].append(codes)
        texts = [
            np.array([*s, ""], dtype=object)[c] for s, c in zip(self.spellings, coded, strict=True)
        ]
        for cells in zip(*texts, coded_nulls(coded), strict=True):
            *row, nulls = cells
            line = "".join(f"{len(text)}:{text}" for text in row)
            self.hash.update(f"{nulls}|{line}\n".encode("utf-8", "surrogatepass"))

    def _code(self, column: int, values: Sequence[Any]) -> Any:
        seen, spellings = self.seen[column], self.spellings[column]
        codes = np.full(len(values), -1, np.int32)
        for row, value in enumerate(values):
            if value is None:
                continue
            text = value_text(value)
            # a number and a text that look alike are one spelling, of a column that is not typed
            self.typed[column] &= _is_number(value)
            if text not in seen:
                seen[text] = len(spellings)
                spellings.append(text)
            codes[row] = seen[text]
        return codes

    def source(self, mapping: SourceMap, shown: str) -> tuple[RawSource, str]:
        """All that came, as a source, and its hash."""
        columns = {
            name: _column(codes, spellings)
            for name, codes, spellings in zip(self.names, self.codes, self.spellings, strict=True)
        }
        n = len(next(iter(columns.values())))
        typed = tuple(
            name
            for name, number, spellings in zip(self.names, self.typed, self.spellings, strict=True)
            if number and spellings
        )
        meta = {"encoding": "", "delimiter": "", "typed": typed}
        rows = np.arange(1, n + 1, dtype=np.int64)
        source = RawSource(mapping.name, columns, np.zeros(n, np.int64), rows, (shown,), (meta,))
        return source, self.hash.hexdigest()


def coded_nulls(coded: Sequence[Any]) -> list[str]:
    """Where each row has no value, as text: a NULL and an empty text are not the same row."""
    width = len(coded)
    absent = np.column_stack(coded) < 0 if width else np.zeros((0, 0), bool)
    return ["".join("0" if cell else "1" for cell in row) for row in absent.tolist()]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _column(codes: Sequence[Any], spellings: Sequence[str]) -> TextColumn:
    joined = np.concatenate(codes) if codes else np.empty(0, np.int32)
    return text_column(joined, spellings)
