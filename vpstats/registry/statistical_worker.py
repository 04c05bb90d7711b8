"""Program that reads one Stata, SPSS or SAS file and writes down what it found.

It is run by `vpstats.registry.statistical` as a process of its own: the library reads these files
in C, and a damaged one may bring its process down.
"""

from __future__ import annotations

import json
import sys

import joblib
import pyreadstat


def main(reader: str, path: str, options: str, out: str) -> None:
    """Read a file, and write its data and what it says of them.

    Parameters
    ----------
    reader : str
        Function of pyreadstat.
    path : str
        The file.
    options : str
        Options of the reader, as JSON.
    out : str
        Where to.
    """
    joblib.dump(getattr(pyreadstat, reader)(path, **json.loads(options)), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
