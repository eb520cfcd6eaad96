"""What the SDK and OpenAI-like servers say when something goes wrong, as our errors.

Messages of servers are quoted scrubbed: no part of a key, no HTML, no more than a few hundred characters.
"""

from __future__ import annotations

import html
import json
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    ModelNotFoundError,
    NotebookImgError,
    ProviderError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
    UsageError,
)
from notebook_img.network import shown_url, url_secrets
from notebook_img.providers.connection_faults import NO_HEADER, class_names, connection_fault
from notebook_img.providers.openai.azure import refusal as azure_refusal
from notebook_img.providers.received import retry_after
from notebook_img.providers.sending import nothing_left
from notebook_img.providers.status_table import PERHAPS_BILLED, error_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.providers.interface import Request
    from notebook_img.providers.openai.endpoints import Endpoint

MODERATED = {
    "moderation_blocked",
    "image_content_policy_violation",
    "content_policy_violation",
    "content_filter",
    "contentFilter",
    "ResponsibleAIPolicyViolation",
    "sensitive_words_detected",
    "1301",
}
"""Codes of moderation: OpenAI's (the second in the Responses API), Azure's, gateways', Zhipu's (1301)."""
STATUS_OF = {"server_error": 500, "overloaded": 503, "overloaded_error": 503}
"""Codes of errors inside an answer that began with 200, and the status that such an error has alone."""
OUT_OF_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
NO_EYES = re.compile(
    r"(does\s*n[o']t|do not|not) support\w* (the )?(image|vision|multimodal|multi-modal|visual)"
    r"|(image|vision|multimodal)\w*( inputs?| content| part| url|s)* (is|are|was|were) (not|only) (support|allow|accept)"
    r"|not a (multimodal|multi-modal|vision)|image_url is only supported|missing data required for image input"
    r"|no endpoints found that support image"
    r"|(cannot|can't|unable to) (see|process|read|accept) images?|unknown variant `?image_url",
    re.IGNORECASE,
)
"""How servers say that a model cannot see: OpenAI, vLLM, Ollama, LM Studio, OpenRouter, DeepSeek."""


def translate(
    error: BaseException, endpoint: Endpoint, request: Request | None, *, key: str = "", begun: bool = False, deployment: str = ""
) -> NotebookImgError:
    """Return our error for `error`.

    Parameters
    ----------
    begun : bool
        Whether part of the answer had arrived: then it is never asked for again on its own.
    deployment : str
        What the model is called there, where that is another name.
    """
    facts: dict[str, Any] = {"provider": endpoint.name, "model": request.model if request else ""}
    try:
        return _translated(error, endpoint, request, facts, key=key, begun=begun, deployment=deployment)
    except Exception as odd:  # the body of an error may hold anything, too
        return _unreadable(odd, endpoint, facts)


def _translated(
    error: BaseException, endpoint: Endpoint, request: Request | None, facts: dict[str, Any], *, key: str, begun: bool, deployment: str
) -> NotebookImgError:
    import openai

    if isinstance(error, NotebookImgError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _by_status(error, endpoint, request, key, facts, deployment)
    if sentence := _header_problem(error, endpoint):
        return UsageError(sentence)
    start = "Is it running?" if endpoint.local or endpoint.free else ""
    if fault := connection_fault(error, title=endpoint.title, url=endpoint.base_url, facts=facts, hint=start):
        if isinstance(fault, ProviderError) and endpoint.free:
            fault.billed = "no"
        return fault
    if isinstance(error, openai.APIResponseValidationError | json.JSONDecodeError) or type(error).__name__ == "ValidationError":
        return BadReplyError(
            f"{endpoint.title} answered with broken JSON, which cannot be understood. {PERHAPS_BILLED}",
            text=quoted(getattr(error, "doc", ""), endpoint, key),
            **facts,
        )
    if isinstance(error, openai.APIError):  # an error told inside a stream: no status, only a body
        return from_body(
            error.body if isinstance(error.body, dict) else {"message": error.message}, endpoint, request, key=key, begun=begun
        )
    return _unreadable(error, endpoint, facts)


def _unreadable(error: BaseException, endpoint: Endpoint, facts: dict[str, Any]) -> BadReplyError:
    """Return the error for an answer that is not what it should be; what went wrong in reading it stays its cause, for ``%tb``."""
    problem = BadReplyError(
        f"{endpoint.title} could not be asked, or its answer not understood ({type(error).__name__}). "
        f"{'Nothing was sent.' if nothing_left() else PERHAPS_BILLED}",
        billed="no" if nothing_left() else "maybe",
        **facts,
    )
    error.__context__ = None  # what it arose from may be an error of the SDK, with the request and its key
    problem.__cause__ = error
    return problem


def from_body(body: Mapping[str, Any], endpoint: Endpoint, request: Request | None, *, key: str = "", begun: bool = False) -> ProviderError:
    """Return our error for an error object that came inside an answer (in a stream, or in a 200 as gateways do)."""
    facts: dict[str, Any] = {"provider": endpoint.name, "model": request.model if request else ""}
    message, code = _message(body, endpoint, key), str(body.get("code") or body.get("type") or "")
    if refusal := _refusal(body, message, endpoint, request, facts):
        return refusal
    if begun:
        return BadReplyError(f"{endpoint.title} broke off its answer: {message or code or 'no reason given'}. {PERHAPS_BILLED}", **facts)
    told = int(code) if re.fullmatch(r"[45]\d\d", code, re.ASCII) else STATUS_OF.get(code, 429 if "rate_limit" in code else 400)
    said = message or code or "no reason given"
    return error_for(told, title=endpoint.title, own=True, facts=facts, said=said, free=endpoint.free)


def _by_status(error: Any, endpoint: Endpoint, request: Request | None, key: str, facts: dict[str, Any], deployment: str) -> ProviderError:
    status, code = int(error.status_code), str(error.code or error.type or "")
    body = error.body if isinstance(error.body, dict) else {}
    is_page = _is_page(error)
    message = _message(body or {"message": error.body if isinstance(error.body, str) else _text(error)}, endpoint, key)
    wait = retry_after(error.response.headers)
    facts |= {"status": status}
    if refusal := _refusal(body, message, endpoint, request, facts):
        return refusal
    if endpoint.azure is not None:
        found = azure_refusal(status, code, message, endpoint.azure, key=key, deployment=deployment, wait=wait, facts=facts)
        if found is not None:
            return found
    said = f" It says: {message}" if message else ""
    if status == 401:
        # OpenAI's own message shows both ends of the key; nothing of it is quoted.
        what = "refused the key (401)" if key else "wants a key (401), and none is set"
        place = "" if endpoint.service else " Name the variable that holds one as key_variable in your endpoints file."
        return AuthenticationError(f"{endpoint.title} {what}.{place}", hint=keys.key_hint(endpoint.service, another=bool(key)), **facts)
    if status == 403:
        return AuthenticationError(f"{endpoint.title} does not allow this with the key in use (403).{said}", **facts)
    if status == 402 or code in OUT_OF_CREDIT:
        return RateLimitError(f"The account at {endpoint.title} has no credit left ({status}).{said}", daily=True, **facts)
    if status == 429:
        daily = bool(re.search(r"per day|daily|\bRPD\b|\bTPD\b", message, re.IGNORECASE))
        return RateLimitError(f"{endpoint.title} received too many requests (429).{said}", daily=daily, retry_after=wait, **facts)
    if status == 404 or "model_not_found" in code:
        return _not_found(message, code, endpoint, request, is_page=is_page, facts=facts)
    if 300 <= status < 400:
        where = urlsplit(urljoin(str(error.request.url), error.response.headers.get("location", "")))
        said = f"It leads to {where.scheme}://{where.hostname}; if that is the right place, set it as the base URL"
        return error_for(status, title=endpoint.title, own=False, facts=facts, said=said)
    if status == 405 or (is_page and status in {400, 404, 410}):
        return RequestRefusedError(_wrong_path(endpoint, status), **facts)
    if status >= 500 and NO_EYES.search(message):  # some servers crash on a picture their model cannot take
        return RequestRefusedError(f"{facts['model']} at {endpoint.title} cannot see pictures ({status}).{said}", **facts)
    return error_for(
        status, title=endpoint.title, own=_is_own(error, endpoint), facts=facts, said=message, retry_after=wait, free=endpoint.free
    )


def _is_own(error: Any, endpoint: Endpoint) -> bool:
    """Tell whether the service itself answered, in its own error form: gateways before it have JSON of their own.

    OpenAI's is ``{"error": {"message", "type", "param", "code"}}``; servers like it have ``{"error": "..."}`` (Ollama) or
    ``{"object": "error", ...}`` (vLLM) too.
    """
    try:
        whole = error.response.json()
    except Exception:  # a page, or a stream that was not read
        return False
    inner = whole.get("error") if isinstance(whole, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("message"), str):
        return "type" in inner or "code" in inner or not endpoint.is_openai
    return not endpoint.is_openai and isinstance(whole, dict) and (isinstance(inner, str) or whole.get("object") == "error")


def _not_found(
    message: str, code: str, endpoint: Endpoint, request: Request | None, *, is_page: bool, facts: dict[str, Any]
) -> ProviderError:
    model = request.model if request else ""
    about_model = "model" in code or bool(re.search(r"\bmodel\b", message, re.IGNORECASE)) or bool(model and model in message)
    if about_model and not is_page:
        return ModelNotFoundError(f"{endpoint.title} does not have the model {model!r}, or no longer has it.", **facts)
    return RequestRefusedError(_wrong_path(endpoint, 404), **facts)


def _wrong_path(endpoint: Endpoint, status: int) -> str:
    where = endpoint.url_variable or f"[{endpoint.name}] base_url"
    url = shown_url(endpoint.base_url)
    version = re.search(r"/v\d+(?=/|$)", url)
    meant = url[: version.end()] if version else f"{url}/v1"
    likely = f" Perhaps {meant} is meant." if meant != url else ""
    return (
        f"{url} does not offer what was asked for ({status}). A base URL ends where the API begins, as in "
        f"http://localhost:8000/v1; see {where}.{likely}"
    )


def _header_problem(error: BaseException, endpoint: Endpoint) -> str:
    """Return what is wrong with a header the SDK takes from the environment by itself; ``""`` where that is not the fault."""
    if endpoint.name != "openai" or not class_names(error) & NO_HEADER:
        return ""
    for variable in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        value = os.environ.get(variable, "")
        if value and not (value.isascii() and value.isprintable()):
            return f"{variable} has a character that no header can carry, so nothing was sent. Set it again, or unset it."
    return ""


def _refusal(
    body: Mapping[str, Any], message: str, endpoint: Endpoint, request: Request | None, facts: dict[str, Any]
) -> RefusedError | None:
    codes = {str(body.get("code") or ""), str(body.get("type") or "")}
    inner = body.get("innererror")
    if isinstance(inner, dict):
        codes.add(str(inner.get("code") or ""))
    reason = next(iter(codes & MODERATED), "")
    if not reason and not re.search(r"safety system|content policy|moderation", message, re.IGNORECASE):
        return None
    details = body.get("moderation_details")
    told = str(details.get("moderation_stage") or "") if isinstance(details, dict) else ""
    named = details.get("categories") if isinstance(details, dict) else None
    categories = ", ".join(map(str, named)) if isinstance(named, list) else ""
    stage = refusal_stage(told, message, has_pictures=bool(request and (request.inputs or request.references)))
    where = {"prompt": "the prompt", "input": "a picture given", "output": "the result"}[stage]
    return RefusedError(
        f"{endpoint.title} refused {where}: {message or reason}{f' ({categories})' if categories else ''}",
        stage=stage,
        reason=reason or "moderation_blocked",
        text=message,
        **facts,
    )


def refusal_stage(told: str, message: str, *, has_pictures: bool) -> str:
    """Return ``prompt``, ``input`` or ``output`` for what the service told about a refusal."""
    if told == "output" or re.search(r"(generated|output|resulting) (image|picture|content)", message, re.IGNORECASE):
        return "output"
    if has_pictures and re.search(r"(input|uploaded|provided|your) (image|picture)", message, re.IGNORECASE):
        return "input"
    return "prompt"


def _text(error: Any) -> str:
    try:
        return str(error.response.text)
    except Exception:  # a stream that was not read has no text
        return str(error.message)


def _is_page(error: Any) -> bool:
    kind = str(error.response.headers.get("content-type", ""))
    return "html" in kind or (isinstance(error.body, str) and error.body.lstrip().startswith("<"))


def _message(body: Mapping[str, Any], endpoint: Endpoint, key: str) -> str:
    inner = body.get("error")
    told: object = inner if isinstance(inner, str) else body.get("message") or body.get("detail") or ""
    if isinstance(inner, dict):
        told = inner.get("message") or ""
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and metadata.get("raw"):  # OpenRouter: the words of the server behind it
        told = f"{told}: {metadata['raw']}"
    if isinstance(told, list):  # FastAPI: a list of {"loc", "msg"}
        told = "; ".join(str(item.get("msg", item)) if isinstance(item, dict) else str(item) for item in told)
    return scrub(str(told), key, *url_secrets(endpoint.base_url))


def quoted(answer: str, endpoint: Endpoint, key: str) -> str:
    """Return the beginning of an answer as an error keeps it."""
    return keys.scrubbed(answer[:2000], key, *url_secrets(endpoint.base_url))


def scrub(text: str, *secrets: str, most: int = 300) -> str:
    """Return `text` without HTML, without anything that looks like (part of) a key, and not too long."""
    if re.search(r"<(!doctype|html|head|body)\b", text, re.IGNORECASE):
        title = re.search(r"<(title|h1)[^>]*>(.*?)</\1>", text, re.IGNORECASE | re.DOTALL)
        text = title[2] if title else re.sub(r"<[^>]*>", " ", text)
        text = html.unescape(text)
    # A sent picture that is echoed back explains nothing.
    text = re.sub(r"data:[\w/+.-]+;base64,[\w+/=-]*|[A-Za-z0-9+/_-]{120,}={0,2}", "(data)", text)
    short = " ".join(_KEY_LIKE.sub("[key]", keys.scrubbed(text, *secrets)).split())
    return short if len(short) <= most else short[:most].rsplit(" ", 1)[0] + " ..."


_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|key|gsk|xai|or)-[\w*.-]{4,}|\bbearer\b|\w+\*{2,}\w*|\*{3,}\w+|\bAIza[\w-]+|\beyJ[\w-]{8,}[\w.-]*", re.IGNORECASE
)
