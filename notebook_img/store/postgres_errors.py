"""What PostgreSQL and its driver say, as a sentence that tells what to do. No sentence holds a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.errors import StoreError

if TYPE_CHECKING:
    from notebook_img.settings import DatabaseURL

_BY_STATE = {
    "55P03": "is locked: another program has been writing for more than {waited:g} s. Nothing was changed; try again",
    "53100": "has no room left on its disk. Nothing was changed; free some space there",
    "53300": "takes no more connections. Nothing was changed; close programs that use it, or raise max_connections",
    "25006": "can only be read there (it is a copy of another server, or in recovery). Nothing was changed; "
    "name the server that takes writes in NOTEBOOK_IMG_HOME",
    "42501": "refuses this user the right to do that ({said}). Ask the person who runs the server for it",
    "28P01": "does not accept the user or its password. Check NOTEBOOK_IMG_HOME, or the file ~/.pgpass",
    "28000": "does not let this user in ({said}). Check NOTEBOOK_IMG_HOME, and pg_hba.conf on the server",
    "3D000": "is no database of that server. Check the name, or create it there (CREATE DATABASE)",
}
"""SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html): what follows the address."""
_LOST = ("57P01", "57P02", "57P03", "25P03", "08")
"""Shut down, crashed, starting up, idle for too long in a transaction, and connection exceptions."""


def no_driver() -> StoreError:
    """Return the error for a machine without the driver."""
    return StoreError("A home in PostgreSQL needs the extra team: pip install 'notebook-img[team]'.")


def bad_address() -> StoreError:
    """Return the error for an address the driver cannot read."""
    return StoreError(
        "NOTEBOOK_IMG_HOME is no address that PostgreSQL reads (postgresql://USER@HOST:PORT/DATABASE). "
        "Letters such as @, : and / in a password are written %40, %3A and %2F."
    )


def as_store_error(error: BaseException | None, url: DatabaseURL, *, waited: float, lost: bool) -> StoreError:
    """Return an error of the driver as one of the store's.

    Parameters
    ----------
    error : BaseException
        As psycopg raised it.
    url : DatabaseURL
        The database it is about.
    waited : float
        Seconds that another program's writing was waited for.
    lost : bool
        Whether the connection was found to be gone.
    """
    state, said = getattr(error, "sqlstate", None) or "", _said(error, url)
    if words := _BY_STATE.get(state):
        return StoreError(f"The store at {url} {words.format(waited=waited, said=said)}.")
    if lost or state.startswith(_LOST):
        found = StoreError(f"The connection to the store at {url} was lost ({said}); nothing was changed. Try again.")
        found.lost_connection = True
        return found
    for code, words in _BY_STATE.items():  # of a connection that was refused the driver tells the words only
        if not state and (hint := _WORDS.get(code)) and hint in said:
            return StoreError(f"The store at {url} {words.format(waited=waited, said=said)}.")
    if not state and type(error).__name__ in ("OperationalError", "ConnectionTimeout"):
        found = StoreError(
            f"The store at {url} cannot be reached ({said}). Nothing was sent or changed; check the address and the network."
        )
        found.lost_connection = True
        return found
    return StoreError(f"The store at {url} failed ({said}); nothing was changed. The server's log says more.")


_WORDS = {
    "28P01": "password authentication failed",
    "28000": "no pg_hba.conf entry",
    "3D000": "does not exist",
    "53300": "too many clients",
}


def _said(error: BaseException | None, url: DatabaseURL) -> str:
    """Return the first line of what the driver says, without what is secret."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given").rstrip(".")
    for secret in sorted(url.secrets, key=len, reverse=True):
        said = said.replace(secret, "...")
    return said[:300]
