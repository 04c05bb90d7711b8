"""A PostgreSQL server of Debian's, started for a test on loopback and gone after it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIRED = os.environ.get("VPSTATS_REQUIRE_POSTGRES") == "1"


def programs() -> Path:
    """Folder of initdb and pg_ctl; a test without them is skipped unless the server is required."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if found:
        return found[-1].parent
    if REQUIRED:
        pytest.fail("VPSTATS_REQUIRE_POSTGRES=1, but no PostgreSQL under /usr/lib/postgresql")
    pytest.skip("no PostgreSQL server on this machine (Debian: apt-get install postgresql)")


def plain_user() -> pwd.struct_passwd | None:
    """Whom to start the server as: it refuses to run as root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    reason = "running as root, and no other user to start PostgreSQL as"
    if REQUIRED:
        pytest.fail(f"{reason}, and VPSTATS_REQUIRE_POSTGRES=1 asks for one")
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def server(password: str) -> Iterator[int]:
    """Run a server with the user "registry"; yields its port."""
    bin_folder, user = programs(), plain_user()
    folder = Path(tempfile.mkdtemp(prefix="vpstats-pg-"))
    port = free_port()
    (folder / "password").write_text(password)
    if user is not None:
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)

    def run(*command: str | Path) -> None:
        ids = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}
        subprocess.run(
            [str(part) for part in command],
            check=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
            **({**ids, "extra_groups": []} if ids else {}),
        )

    data = folder / "data"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    try:
        run(
            bin_folder / "initdb", "-D", data, "-U", "registry", "-A", "scram-sha-256",
            f"--pwfile={folder / 'password'}", "-E", "UTF8", "--no-sync",
        )  # fmt: skip
        run(
            bin_folder / "pg_ctl", "-D", data, "-w", "-l", folder / "log",
            "-o", f"{options} -c fsync=off", "start",
        )  # fmt: skip
        try:
            yield port
        finally:
            run(bin_folder / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
