"""The error family: every error a user can meet, each one or two sentences for the person who reads it.

The tree::

    NotebookImgError
    ├── UsageError               the call itself is wrong: an option, a prompt, an argument
    │   ├── UnsupportedError     the chosen model does not take what was asked
    │   └── AmbiguousMaskError   a mask that can be read in two ways (``readings`` has both)
    ├── NotFoundError            a session, turn, model, file that does not exist (near names are given)
    ├── PictureError             bytes that are no usable image, or too large
    ├── OutputError              a file that cannot or must not be written
    ├── StoreError               the store is locked, corrupt, full or newer than this version
    │   └── ItemTakenError       another process has gone on with an item of a batch
    ├── PackError                a pack or export that cannot be trusted or read
    ├── ReplayMissError          replay is "only" and nothing stored fits
    ├── BudgetError              the call would go over the daily budget
    ├── JobPendingError          the service is still working; the job can be resumed
    └── ProviderError            a service said no, or could not be asked
        ├── KeyMissingError      no key is set up
        ├── AuthenticationError  the key was refused
        ├── RateLimitError       too many requests (``daily`` when a day's quota is used up)
        ├── OverloadedError      the service is overloaded or out of order
        ├── RequestRefusedError  the service calls the request invalid
        ├── ModelNotFoundError   no such model there (any more)
        ├── RefusedError         moderation: ``stage`` and ``reason`` say where and why
        ├── NoPictureError       an answer without a picture (``text`` has the model's words)
        ├── BadReplyError        an answer that cannot be understood
        ├── UnreachableError     no connection
        ├── ReplyTimeoutError    no whole answer: too late, or cut off; never repeated automatically
        └── FrameError           an edit came back in another frame (``picture`` has it)

Stopped is a KeyboardInterrupt and stands beside the tree: no ``except Exception`` may hold it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from notebook_img.hints import Hint, worded

if TYPE_CHECKING:
    from collections.abc import Iterable

Billed: TypeAlias = Literal["no", "maybe", "yes"]


class SaidShort(BaseException):
    """What makes an exception one that is said in a sentence or two.

    In a notebook the first rendering is one or two lines; ``%tb`` renders the whole traceback.
    A real ``error`` output is left either way, so that nbclient and nbmake fail
    (IPython's own ``UsageError`` leaves none, measured with nbmake 1.5.5).

    Parameters
    ----------
    message : str
        What happened, and why.
    hint : Hint or tuple of Hint
        What can be done about it; `str` of the error ends with it, in Python's words or in those of the surface that shows it.
    """

    verbose: ClassVar[bool] = False
    """Render whole tracebacks at once (``%config NotebookImg.verbose_errors``)."""

    hints: tuple[Hint, ...] = ()
    shown: str = ""
    """The whole error in the words of the surface that shows it, once one has."""
    _rendered_in: int | None = None

    def __init__(self, message: str = "", *, hint: Hint | tuple[Hint, ...] = ()) -> None:
        super().__init__(message)
        self.hints = (hint,) if isinstance(hint, Hint) else hint

    @property
    def sentence(self) -> str:
        """What happened, without what can be done about it."""
        return super().__str__()

    def __str__(self) -> str:
        return self.shown or worded(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors travel between processes (pools, joblib); the default would call __init__ without the keyword arguments some need.
        return _rebuilt, (type(self), self.args, dict(vars(self)))

    def _render_traceback_(self) -> list[str]:
        # IPython renders an error more than once while its cell runs (for the screen, for its history), and %tb asks
        # again in a later cell: short in the execution that raised it, whole afterwards.
        execution = _execution_count()
        if self._rendered_in is None:
            self._rendered_in = execution
        if self.verbose or self._rendered_in != execution:
            import traceback

            return "".join(traceback.format_exception(self)).splitlines()
        return [self.line]

    @property
    def line(self) -> str:
        """What stands in a cell."""
        return f"{type(self).__name__}: {self}"


def _rebuilt(kind: type[SaidShort], args: tuple[Any, ...], facts: dict[str, Any]) -> SaidShort:
    """Return an error as it was before it was pickled or copied."""
    error = kind.__new__(kind, *args)
    vars(error).update(facts)
    return error


def _execution_count() -> int:
    """Return the number of the cell that runs, -1 outside IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return int(shell.execution_count) if shell else -1


class NotebookImgError(SaidShort, Exception):
    """Base of all errors of this package."""

    pictures: tuple[bytes, ...] = ()
    """What a service had delivered, and is paid for, where it could not become a turn."""
    kept: tuple[str, ...] = ()
    """The files in which those pictures lie."""


class Stopped(SaidShort, KeyboardInterrupt):
    """A call was stopped; the sentence says what that cost, as the books have it."""

    @property
    def line(self) -> str:
        """What stands in a cell: whoever pressed Stop knows what kind of error it is."""
        return str(self)


class UsageError(NotebookImgError):
    """The call itself is wrong: an option, a prompt, an argument."""


class UnsupportedError(UsageError):
    """The chosen model does not take what was asked; the message lists what it takes."""


class AmbiguousMaskError(UsageError):
    """A mask that can be read in two ways.

    Attributes
    ----------
    readings : dict
        ``"painted"`` and ``"transparent"``: what may change by each reading, as pictures in which that is white.
    picture : Picture or None
        What the mask was given for.
    """

    def __init__(
        self, message: str, *, readings: dict[str, Any] | None = None, picture: Any = None, hint: Hint | tuple[Hint, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.readings = readings or {}
        self.picture = picture


class NotFoundError(NotebookImgError):
    """Something named does not exist; the message gives the nearest names."""


class PictureError(NotebookImgError):
    """Bytes that are not a usable image, or exceed the limits."""


class OutputError(NotebookImgError):
    """A file that cannot, or must not, be written."""


class StoreError(NotebookImgError):
    """The store is locked, corrupt, full or written by a newer version.

    Attributes
    ----------
    delivered : tuple of bytes
        Pictures a service had delivered already when they could not be stored.
    lost_index : bool
        The index is missing, empty or damaged, and can be made again from what lies beside it.
    lost_connection : bool
        A database on another machine could not be reached, or went away before anything was changed: it may be tried again.
    """

    delivered: tuple[bytes, ...] = ()
    lost_index: bool = False
    lost_connection: bool = False


class ItemTakenError(StoreError):
    """Another process has gone on with an item of a batch, so this one sends nothing for it."""


class PackError(NotebookImgError):
    """A pack or export that is damaged, newer, or does not match its hashes."""


class ReplayMissError(NotebookImgError):
    """Replay is set to "only" and no stored reply fits the request."""


class BudgetError(NotebookImgError):
    """The call would go over the daily budget; nothing was sent."""


class JobPendingError(NotebookImgError):
    """The service is still working on a paid job.

    Attributes
    ----------
    job : str
        Id of the stored job, by which its pictures can be fetched later.
    cost : float or None
        US dollars that the job cost, where the service has said so.
    """

    def __init__(self, message: str, *, job: str = "", cost: float | None = None) -> None:
        super().__init__(message)
        self.cost = cost
        self.kept_as(job)

    def kept_as(self, job: str) -> None:
        """Name the job that fetches the pictures: the service's until the store has one of its own."""
        self.job = job
        self.hints = (Hint("resume-job", job=job),) if job else ()


class ProviderError(NotebookImgError):
    """A service refused a request, or could not be asked.

    Parameters
    ----------
    message : str
        What happened, and why. Never contains any part of a key.
    hint : Hint or tuple of Hint
        What can be done about it.
    provider, model : str
        Names as in ``provider:model``.
    status : int, optional
        HTTP status, where there was one.
    retry_after : float, optional
        Seconds the service asks to wait.
    usage : mapping, optional
        What the service counted although it refused (a refusal can be billed).
    cost : float, optional
        US dollars billed for the refused call, where known.
    billed : {"no", "maybe", "yes"}, optional
        Whether the call was billed; by default what its kind says. The books follow it (see calls/budget.py).
    """

    usually_billed: ClassVar[Billed] = "maybe"
    """What is known of the bill after an error of this kind, where the error itself says nothing."""
    retryable: ClassVar[bool] = False
    """Whether the one retry policy may send the request again (see providers/retry.py)."""

    def __init__(
        self,
        message: str,
        *,
        hint: Hint | tuple[Hint, ...] = (),
        provider: str = "",
        model: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        usage: dict[str, Any] | None = None,
        cost: float | None = None,
        billed: Billed | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.billed: Billed = billed or self.usually_billed
        self.provider = provider
        self.model = model
        self.status = status
        self.retry_after = retry_after
        self.usage = usage
        self.cost = cost


class KeyMissingError(ProviderError):
    """No key is set up for the service."""

    usually_billed: ClassVar[Billed] = "no"


class AuthenticationError(ProviderError):
    """The service refused the key (401, 403)."""

    usually_billed: ClassVar[Billed] = "no"


class RateLimitError(ProviderError):
    """Too many requests (429).

    Attributes
    ----------
    daily : bool
        A day's quota is used up; waiting a minute does not help, so it is not retried.
    """

    usually_billed: ClassVar[Billed] = "no"

    def __init__(self, message: str, *, daily: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.daily = daily

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """Whether waiting can help."""
        return not self.daily


class OverloadedError(ProviderError):
    """The service says itself that it is overloaded or broken for the moment (503, and 500 where that is known not to be billed)."""

    usually_billed: ClassVar[Billed] = "no"
    retryable: ClassVar[bool] = True


class RequestRefusedError(ProviderError):
    """The service calls the request invalid (other 4xx)."""

    usually_billed: ClassVar[Billed] = "no"


class ModelNotFoundError(ProviderError):
    """The service does not know the model, or no longer does."""

    usually_billed: ClassVar[Billed] = "no"


class RefusedError(ProviderError):
    """Moderation refused the request or its result.

    Attributes
    ----------
    stage : str
        ``"prompt"``, ``"input"`` or ``"output"``.
    reason : str
        The service's own code, for example ``"IMAGE_SAFETY"``.
    text : str
        What the model said, if anything.
    """

    def __init__(self, message: str, *, stage: str, reason: str, text: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.stage = stage
        self.reason = reason
        self.text = text


class NoPictureError(ProviderError):
    """The model answered without a picture; ``text`` has its words."""

    def __init__(self, message: str, *, text: str = "", reason: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.text = text
        self.reason = reason


class BadReplyError(ProviderError):
    """An answer that cannot be understood; ``text`` has the raw text where there is some."""

    def __init__(self, message: str, *, text: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.text = text


class UnreachableError(ProviderError):
    """No connection to the service could be made; nothing was sent."""

    usually_billed: ClassVar[Billed] = "no"
    retryable: ClassVar[bool] = True


class ReplyTimeoutError(ProviderError):
    """No whole answer came: not in time, or the connection broke. The call may have been billed, so it is never repeated automatically.

    Attributes
    ----------
    text : str
        What had come of a streamed answer.
    """

    text: str = ""


class FrameError(ProviderError):
    """A masked edit came back in another frame and cannot be pasted; ``picture`` holds it."""

    usually_billed: ClassVar[Billed] = "yes"

    def __init__(self, message: str, *, picture: Any = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.picture = picture


def sentence_of(error: BaseException) -> str:
    """Return what an error says, for use in another sentence; our own errors without their hints."""
    return error.sentence if isinstance(error, NotebookImgError) else str(error)


def near(word: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the known words nearest to `word`, best first."""
    from difflib import SequenceMatcher

    by_folded = {name.casefold(): name for name in known}
    matcher = SequenceMatcher(b=_stem(word.casefold()))
    likeness: dict[str, float] = {}
    for key in by_folded:
        matcher.set_seq1(_stem(key))
        if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE and (ratio := matcher.ratio()) >= ALIKE:
            likeness[key] = ratio
    # One that is much less like it than the best is a guess beside an answer.
    best = max(likeness.values(), default=0.0)
    found = sorted((key for key, ratio in likeness.items() if ratio > best - 0.1), key=lambda key: -likeness[key])
    starts = [key for key in by_folded if len(word) > 1 and key.startswith(word.casefold()) and key not in found]
    return [by_folded[key] for key in [*found, *starts][:most]]


ALIKE = 0.6
"""How like a word has to be to be suggested: with less, any two short words are."""


def _stem(name: str) -> str:
    """Return a name without what it shares with many: a file's suffix, an option's hyphens."""
    stem, dot, suffix = name.rpartition(".")
    return (stem if dot and stem and len(suffix) < 5 else name).lstrip("-")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known words; an empty string where there is none, or the word is known itself."""
    known = list(known)
    names = near(word, known) if word not in known else ()
    return f" Did you mean {' or '.join(repr(name) for name in names)}?" if names else ""
