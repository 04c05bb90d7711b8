"""A REDCap project through its API: records and data dictionary as the export page gives them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from vpstats.errors import DataError, MappingError, UsageError
from vpstats.registry.delimited import read_text
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource
from vpstats.registry.redcap import as_raw, read_dictionary
from vpstats.registry.secrets import secret

_SECURE = re.compile(r"https://|http://(?:127\.0\.0\.1|localhost|\[::1\])[:/]", re.IGNORECASE)
_TOKEN = re.compile(r"[0-9A-Fa-f]{32}")
_SECONDS = (20, 600)


def read_project(mapping: SourceMap) -> tuple[RawSource, str]:
    """Export a project: all records, raw, with access groups, and its data dictionary.

    Parameters
    ----------
    mapping : SourceMap
        Names the address and the environment variable with the token.

    Returns
    -------
    source : RawSource
        As of a raw export; rows counted as in the CSV that the server sent.
    digest : str
        SHA-256 of that CSV.

    Raises
    ------
    DataError
        If the server cannot be reached, refuses, or answers with something else.
    MappingError
        If the address would send the token unencrypted.
    UsageError
        If PyCap is not installed or the token is not set.
    """
    shown = f"redcap:{mapping.name}"
    records, metadata = _fetch(mapping, shown)
    fields = read_dictionary(metadata.encode(), f"{shown}:dictionary")
    content = records.encode()
    first = records.split("\n", 1)[0].replace('"', "").strip().split(",")[0]
    if not fields or first != fields[0].name:
        raise _refused(shown, "the answer is no export of records")
    comma = mapping.model_copy(update={"delimiter": ",", "encoding": "utf-8"})
    source = as_raw(read_text(content, comma, shown), fields, mapping)
    return source, hashlib.sha256(content).hexdigest()


def _fetch(mapping: SourceMap, shown: str) -> tuple[str, str]:
    address, token = _address(mapping), _token(mapping)
    package = _pycap(shown)
    import requests

    try:
        # a redirect would carry the token to whatever address it names
        project = package.Project(address, token, timeout=_SECONDS, allow_redirects=False)
        metadata = project.export_metadata(format_type="csv")
        records = project.export_records(
            format_type="csv",
            raw_or_label="raw",
            raw_or_label_headers="raw",
            event_name="unique",
            export_data_access_groups=True,
        )
    except (requests.RequestException, ValueError) as error:
        raise _refused(shown, _said(error)) from None
    return str(records), str(metadata)


def _said(error: Exception) -> str:
    """What went wrong, without the message: it may hold the address and what was sent."""
    kinds = {
        "ConnectionError": "it cannot be reached",
        "ConnectTimeout": "it does not answer",
        "ReadTimeout": "it does not answer",
        "SSLError": "its certificate is not trusted",
        "RequestException": "it refused the request",
        "JSONDecodeError": "the answer is not what its API documents",
    }
    return kinds.get(type(error).__name__, type(error).__name__)


def _refused(shown: str, why: str) -> DataError:
    return DataError(
        f"the REDCap server did not give the project: {why}. Look at url, at the token and at its "
        "right to export.",
        file=shown,
    )


def _address(mapping: SourceMap) -> str:
    url = str(mapping.url)
    if not _SECURE.match(url):
        raise MappingError(
            f"source '{mapping.name}': url would send the token unencrypted; expected https://…"
        )
    return f"{url.rstrip('/')}/"


def _token(mapping: SourceMap) -> str:
    token = secret(str(mapping.token_env), mapping.name)
    if not _TOKEN.fullmatch(token):
        raise UsageError(
            f"source '{mapping.name}': {mapping.token_env} holds no REDCap token; expected 32 "
            "hexadecimal digits."
        )
    return token


def _pycap(shown: str) -> Any:
    try:
        import redcap
    except ImportError:
        raise UsageError(
            "format = 'redcap_api' needs a package that is not installed; "
            "run: pip install 'vpstats[redcap]'",
            file=shown,
        ) from None
    return redcap
