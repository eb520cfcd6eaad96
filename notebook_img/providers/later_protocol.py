"""What a service's own batch processing is: a part of interface.py, where authors of providers import it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from notebook_img.errors import NotebookImgError
    from notebook_img.providers.interface import Emit, Reply, Request


@dataclass(frozen=True)
class LaterTerms:
    """What a service's own batch processing takes and costs."""

    factor: float
    """What a request costs there, against the price of one that is answered at once."""
    hours: float
    """How long a job may take; what is not done by then is not done at all, and not billed."""
    most: int = 100
    """Pictures in one job. Services take more, but cannot hand over the results (503, googleapis/python-genai issue 2519)."""
    most_bytes: int = 190_000_000
    """Bytes of one job's input."""
    source: str = ""


@dataclass(frozen=True)
class Standing:
    """How a job stands."""

    ended: bool
    """Whether there is something to fetch, and nothing more will come."""
    state: str
    """The service's own word, in lower case: ``running``, ``expired`` ..."""
    done: int | None = None
    total: int | None = None


@runtime_checkable
class Later(Protocol):
    """A service's own batch processing: requests are handed in together and fetched when they are done, by any process.

    What has to be kept between the two is the `state` that `submit` returns, which is JSON, and the requests, without their past turns.
    """

    terms: LaterTerms

    def group(self, request: Request) -> str:
        """Return a text that is equal for requests which may share a job. Raises `UnsupportedError` for one that cannot be done later."""

    def weight(self, request: Request) -> int:
        """Return about how many bytes of a job's input a request takes."""

    async def submit(self, name: str, requests: Mapping[str, Request], emit: Emit) -> Mapping[str, Any]:
        """Hand in a job and return its state. The service keeps `name` with it, so that `find` finds it.

        Raises
        ------
        ProviderError
            With `billed` other than ``"no"`` the service may have taken the job all the same: see `find`.
        """

    async def find(self, name: str) -> Mapping[str, Any] | None:
        """Return the state of the job of that name, None where the service has none."""

    async def look(self, state: Mapping[str, Any]) -> Standing:
        """Return how a job stands."""

    def fetch(self, state: Mapping[str, Any], requests: Mapping[str, Request]) -> AsyncIterator[tuple[str, Reply | NotebookImgError]]:
        """Yield the reply to each request of a job that has ended, or why it has none; costs are those of doing it later."""

    async def cancel(self, state: Mapping[str, Any]) -> None:
        """Ask the service to stop a job. What was done by then can be fetched."""
