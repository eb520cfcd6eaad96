"""The error family: one base, short in a notebook, whole on demand, safe to pickle and to copy."""

from __future__ import annotations

import ast
import copy
import pickle
from pathlib import Path

import pytest

from notebook_img import errors
from notebook_img.errors import NotebookImgError, did_you_mean, near

FAMILY = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, NotebookImgError)]
ARGUMENTS = {"RefusedError": {"stage": "output", "reason": "IMAGE_SAFETY"}}
PACKAGE = Path(errors.__file__).parent


def made(kind: type[NotebookImgError]) -> NotebookImgError:
    return kind("What happened. What to do.", **ARGUMENTS.get(kind.__name__, {}))


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_is_one_line_first_and_can_be_copied_and_pickled(kind: type[NotebookImgError]) -> None:
    error = made(kind)
    assert error._render_traceback_() == [f"{kind.__name__}: What happened. What to do."]
    assert str(error) == "What happened. What to do."
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert {name: value for name, value in vars(twin).items() if name != "_rendered_in"} == {
            name: value for name, value in vars(error).items() if name != "_rendered_in"
        }


def test_verbose_renders_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotebookImgError, "verbose", True)
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise errors.StoreError("What happened.") from inner
    except NotebookImgError as error:
        whole = "\n".join(error._render_traceback_())
    assert "Traceback" in whole
    assert "KeyError: 'inner'" in whole


def test_every_class_stands_in_the_tree_at_the_top_of_the_file() -> None:
    for kind in FAMILY:
        assert kind.__name__ in (errors.__doc__ or ""), kind
        assert kind.__doc__


def test_nobody_raises_ipythons_usage_error_or_anything_plain() -> None:
    """IPython's UsageError leaves no ``error`` output, so that nbmake passes; plain exceptions show frames of ours."""
    plain = {"Exception", "RuntimeError", "BaseException"}
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "from IPython.core.error import" not in source, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                assert node.exc.func.id not in plain, f"{path.name}:{node.lineno}"


def test_what_may_be_sent_again_is_said_by_the_class() -> None:
    retried = {kind.__name__ for kind in FAMILY if issubclass(kind, errors.ProviderError) and made(kind).retryable}  # type: ignore[attr-defined]
    assert retried == {"RateLimitError", "OverloadedError", "UnreachableError"}
    assert not errors.RateLimitError("The day's quota is used up.", daily=True).retryable
    assert not errors.ReplyTimeoutError("No answer came.").retryable, "it may have been billed"


@pytest.mark.parametrize(
    ("word", "known", "best"),
    [
        ("gemni", ["openai", "gemini", "ark"], "gemini"),
        ("GEMINI", ["gemini"], "gemini"),
        ("fo", ["fox", "hen"], "fox"),
        ("zzz", ["fox"], None),
    ],
)
def test_the_nearest_name_comes_first(word: str, known: list[str], best: str | None) -> None:
    assert (near(word, known) or [None])[0] == best
    assert (f"'{best}'" in did_you_mean(word, known)) is (best is not None)
