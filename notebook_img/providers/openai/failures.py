"""What the SDK and OpenAI-like servers say when something goes wrong, as our errors.

Messages of servers are quoted scrubbed: no part of a key, no HTML, no more than a few hundred characters.
"""

from __future__ import annotations

import email.utils
import html
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    ModelNotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    ReplyTimeoutError,
    RequestRefusedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.providers.interface import Request
    from notebook_img.providers.openai.endpoints import Endpoint

MODERATED = {
    "moderation_blocked",
    "image_content_policy_violation",
    "content_policy_violation",
    "content_filter",
    "sensitive_words_detected",
    "1301",
}
"""Codes of moderation: OpenAI's (the second in the Responses API), Azure's, gateways', Zhipu's (1301)."""
OVERLOADED = {500, 502, 503, 504}
"""The only statuses of a broken server after which a call is made again; after others it may have been billed."""
GAVE_UP = {408, 524}
"""Statuses of a server or a proxy (Cloudflare's 524) that stopped waiting for an answer still being made."""
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


def translate(error: BaseException, endpoint: Endpoint, request: Request | None, *, key: str = "", begun: bool = False) -> ProviderError:
    """Return our error for `error`.

    Parameters
    ----------
    begun : bool
        Whether part of the answer had arrived: then it is never asked for again on its own.
    """
    facts: dict[str, Any] = {"provider": endpoint.name, "model": request.model if request else ""}
    try:
        return _translated(error, endpoint, request, facts, key=key, begun=begun)
    except Exception as odd:  # the body of an error may hold anything, too
        return _unreadable(odd, endpoint, facts)


def _translated(
    error: BaseException, endpoint: Endpoint, request: Request | None, facts: dict[str, Any], *, key: str, begun: bool
) -> ProviderError:
    import openai

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _by_status(error, endpoint, request, key, facts)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        if _never_sent(error):
            return UnreachableError(f"{endpoint.title} at {endpoint.base_url} does not answer: no connection was made in time.", **facts)
        return ReplyTimeoutError(
            f"{endpoint.title} sent no{' more of its' if begun else ''} answer in time. The call may have been billed, so it is not "
            "repeated automatically; run it again, or raise the setting timeout.",
            **facts,
        )
    if isinstance(error, openai.APIConnectionError):
        return _by_connection(error, endpoint, facts, begun=begun)
    if isinstance(error, openai.APIResponseValidationError | json.JSONDecodeError) or type(error).__name__ == "ValidationError":
        return BadReplyError(
            f"{endpoint.title} answered with broken JSON. The call may have been billed, so it is not repeated automatically.",
            text=getattr(error, "doc", "")[:2000],
            **facts,
        )
    if isinstance(error, openai.APIError):  # an error told inside a stream: no status, only a body
        return from_body(
            error.body if isinstance(error.body, dict) else {"message": error.message}, endpoint, request, key=key, begun=begun
        )
    if isinstance(error, UnicodeEncodeError):  # it quotes what it could not write, which may be the key
        return RequestRefusedError(
            f"The request to {endpoint.title} could not be written, so nothing was sent: its key or prompt holds characters "
            "that cannot be sent.",
            **facts,
        )
    if isinstance(error, openai.OpenAIError) or type(error).__module__.split(".")[0] in {"httpx", "httpx2", "httpcore", "httpcore2"}:
        return BadReplyError(f"{endpoint.title} could not be asked: {scrub(str(error), key) or type(error).__name__}.", **facts)
    return _unreadable(error, endpoint, facts)


def _unreadable(error: BaseException, endpoint: Endpoint, facts: dict[str, Any]) -> BadReplyError:
    """Return the error for an answer that is not what it should be; what went wrong in reading it stays its cause, for ``%tb``."""
    problem = BadReplyError(
        f"{endpoint.title} sent an answer that cannot be understood ({type(error).__name__}). The call may have been billed, "
        "so it is not repeated automatically.",
        **facts,
    )
    error.__context__ = None  # what it arose from may be an error of the SDK, with the request and its key
    problem.__cause__ = error
    return problem


def from_body(body: Mapping[str, Any], endpoint: Endpoint, request: Request | None, *, key: str = "", begun: bool = False) -> ProviderError:
    """Return our error for an error object that came inside an answer (in a stream, or in a 200 as gateways do)."""
    facts: dict[str, Any] = {"provider": endpoint.name, "model": request.model if request else ""}
    message, code = _message(body, key), str(body.get("code") or body.get("type") or "")
    if refusal := _refusal(body, message, endpoint, request, facts):
        return refusal
    if begun:
        return BadReplyError(f"{endpoint.title} broke off its answer: {message or code or 'no reason given'}.", **facts)
    status = int(code) if re.fullmatch(r"[45]\d\d", code, re.ASCII) else None
    facts["status"] = status
    if status == 429 or "rate_limit" in code:
        return RateLimitError(f"{endpoint.title} gets too many requests: {message}", **facts)
    if status in OVERLOADED or code in {"server_error", "overloaded"}:
        return OverloadedError(f"{endpoint.title} is overloaded or broken for the moment: {message}", **facts)
    if status and (status >= 500 or status in GAVE_UP):
        return _perhaps_billed(status, f" It says: {message}" if message else "", endpoint, facts)
    return RequestRefusedError(f"{endpoint.title} refused the request: {message or code or 'no reason given'}", **facts)


def _by_status(error: Any, endpoint: Endpoint, request: Request | None, key: str, facts: dict[str, Any]) -> ProviderError:
    status, code = int(error.status_code), str(error.code or error.type or "")
    body = error.body if isinstance(error.body, dict) else {}
    message, is_page = _message(body or {"message": error.body if isinstance(error.body, str) else _text(error)}, key), _is_page(error)
    facts |= {"status": status, "retry_after": retry_after(error.response.headers)}
    if refusal := _refusal(body, message, endpoint, request, facts):
        return refusal
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
        return RateLimitError(f"{endpoint.title} gets too many requests (429).{said}", daily=daily, **facts)
    if status == 404 or "model_not_found" in code:
        return _not_found(message, code, endpoint, request, is_page=is_page, facts=facts)
    if 300 <= status < 400:
        where = urlsplit(urljoin(str(error.request.url), error.response.headers.get("location", "")))
        return RequestRefusedError(
            f"{endpoint.base_url} redirects to {where.scheme}://{where.hostname}; pictures and keys are not sent along. "
            "If that is the right place, set it as the base URL.",
            **facts,
        )
    if status in {405, 501} or (is_page and status < 500):
        return RequestRefusedError(_wrong_path(endpoint, status), **facts)
    if status == 413:
        return RequestRefusedError(f"The request is too large for {endpoint.title} (413); send smaller or fewer pictures.{said}", **facts)
    if status >= 500 and NO_EYES.search(message):  # some servers crash on a picture their model cannot take
        return RequestRefusedError(f"{facts['model']} at {endpoint.title} cannot see pictures ({status}).{said}", **facts)
    if status in OVERLOADED:
        return OverloadedError(f"{endpoint.title} is overloaded or broken for the moment ({status}).{said}", **facts)
    if status >= 500 or status in GAVE_UP:
        return _perhaps_billed(status, said, endpoint, facts)
    return RequestRefusedError(f"{endpoint.title} refused the request ({status}).{said}", **facts)


def _perhaps_billed(status: int, said: str, endpoint: Endpoint, facts: dict[str, Any]) -> ProviderError:
    """Return the error for a server that failed with the request in hand."""
    warning = "The call may have been billed, so it is not repeated automatically."
    if status in GAVE_UP:
        return ReplyTimeoutError(f"{endpoint.title} gave up waiting for its own answer ({status}).{said} {warning}", **facts)
    return BadReplyError(f"{endpoint.title} failed ({status}).{said} {warning}", **facts)


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
    likely = "" if re.search(r"/v\d+$", endpoint.base_url) else f" Perhaps {endpoint.base_url}/v1 is meant."
    return (
        f"{endpoint.base_url} does not offer what was asked for ({status}). A base URL ends where the API begins, as in "
        f"http://localhost:8000/v1; see {where}.{likely}"
    )


def _by_connection(error: Any, endpoint: Endpoint, facts: dict[str, Any], *, begun: bool) -> ProviderError:
    if begun:
        return BadReplyError(
            f"{endpoint.title} dropped the connection in the middle of its answer. What had come is shown above; "
            "the call may have been billed, so it is not repeated automatically.",
            **facts,
        )
    if _never_sent(error):
        start = " Is it running?" if endpoint.local or endpoint.free else " Is the network up, and is that the right address?"
        return UnreachableError(f"No connection to {endpoint.title} at {endpoint.base_url}.{start}", **facts)
    return ReplyTimeoutError(
        f"{endpoint.title} closed the connection before its answer was complete. The call may have been billed, so it is not "
        "repeated automatically. Run it again.",
        **facts,
    )


def _never_sent(error: BaseException) -> bool:
    """Return whether the connection itself failed. The class names are those of httpx and of httpx2 alike."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ in {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError"}:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


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
        **{name: value for name, value in facts.items() if name != "retry_after"},
    )


def refusal_stage(told: str, message: str, *, has_pictures: bool) -> str:
    """Return ``prompt``, ``input`` or ``output`` for what the service told about a refusal."""
    if told == "output" or re.search(r"(generated|output|resulting) (image|picture|content)", message, re.IGNORECASE):
        return "output"
    if has_pictures and re.search(r"(input|uploaded|provided|your) (image|picture)", message, re.IGNORECASE):
        return "input"
    return "prompt"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or as a date."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        text = headers.get("retry-after", "")
        if not text:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _text(error: Any) -> str:
    try:
        return str(error.response.text)
    except Exception:  # a stream that was not read has no text
        return str(error.message)


def _is_page(error: Any) -> bool:
    kind = str(error.response.headers.get("content-type", ""))
    return "html" in kind or (isinstance(error.body, str) and error.body.lstrip().startswith("<"))


def _message(body: Mapping[str, Any], key: str) -> str:
    inner = body.get("error")
    told: object = inner if isinstance(inner, str) else body.get("message") or body.get("detail") or ""
    if isinstance(inner, dict):
        told = inner.get("message") or ""
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and metadata.get("raw"):  # OpenRouter: the words of the server behind it
        told = f"{told}: {metadata['raw']}"
    if isinstance(told, list):  # FastAPI: a list of {"loc", "msg"}
        told = "; ".join(str(item.get("msg", item)) if isinstance(item, dict) else str(item) for item in told)
    return scrub(str(told), key)


def scrub(text: str, key: str = "", most: int = 300) -> str:
    """Return `text` without HTML, without anything that looks like (part of) a key, and not too long."""
    if re.search(r"<(!doctype|html|head|body)\b", text, re.IGNORECASE):
        title = re.search(r"<(title|h1)[^>]*>(.*?)</\1>", text, re.IGNORECASE | re.DOTALL)
        text = title[2] if title else re.sub(r"<[^>]*>", " ", text)
        text = html.unescape(text)
    # A sent picture that is echoed back helps nobody.
    text = re.sub(r"data:[\w/+.-]+;base64,[\w+/=-]*|[A-Za-z0-9+/_-]{120,}={0,2}", "(data)", text)
    short = " ".join(_KEY_LIKE.sub("[key]", keys.scrubbed(text, key)).split())
    return short if len(short) <= most else short[:most].rsplit(" ", 1)[0] + " ..."


_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|key|gsk|xai|or)-[\w*.-]{4,}|\bbearer\b|\w+\*{2,}\w*|\*{3,}\w+|\bAIza[\w-]+", re.IGNORECASE)
