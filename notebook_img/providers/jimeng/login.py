"""One login of the web service: its cookies and ids, and the calls made with it. Cookies go to the service's own host only."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlencode

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    NoPictureError,
    ProviderError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
    UsageError,
)
from notebook_img.hints import Hint
from notebook_img.keys import scrubbed
from notebook_img.providers.jimeng import protocol
from notebook_img.providers.jimeng.protocol import PROTOCOL
from notebook_img.providers.received import finite
from notebook_img.providers.status_table import error_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.providers.transport import Answer, Transport


@dataclass(frozen=True)
class Login:
    """One token (the site's ``sessionid`` cookie) and what belongs to it."""

    token: str = field(repr=False)
    number: int = 1
    """Its place in the list, for messages: tokens are never told."""

    @property
    def web_id(self) -> str:
        """The browser id that goes with this login; its own, so that two accounts are not tied to each other."""
        return str(7_000_000_000_000_000_000 + int(self._derived("web_id")[:15], 16) % 500_000_000_000_000_000)

    def cookies(self, now: float) -> str:
        """Return the value of the ``Cookie`` header at `now` (seconds since the epoch)."""
        expires = formatdate(now + PROTOCOL.session_seconds, usegmt=True)
        guard = quote_plus("|".join((self.token, str(int(now)), str(PROTOCOL.session_seconds), expires)))
        user = self._derived("uid_tt")[:32]
        pairs = {
            "_tea_web_id": self.web_id,
            "is_staff_user": "false",
            "store-region": PROTOCOL.store_region,
            "sid_guard": guard,
            "uid_tt": user,
            "uid_tt_ss": user,
            "sid_tt": self.token,
            "sessionid": self.token,
            "sessionid_ss": self.token,
        }
        return "; ".join(f"{name}={value}" for name, value in pairs.items())

    def _derived(self, what: str) -> str:
        return hashlib.sha256(f"{what}\0{self.token}".encode()).hexdigest()


def read_logins(text: str) -> list[Login]:
    """Read comma-separated tokens, each once.

    Raises
    ------
    UsageError
        One of them cannot stand in a cookie.
    """
    tokens = list(dict.fromkeys(part.strip().removeprefix("sessionid=") for part in text.split(",") if part.strip()))
    for number, token in enumerate(tokens, 1):
        if not re.fullmatch(r"[!#-+\--:<-\[\]-~]+", token):  # what RFC 6265 lets stand in a cookie's value
            raise UsageError(
                f"Token {number} in JIMENG_API_TOKEN has a character that a cookie cannot contain. "
                "Put the value of the site's sessionid cookie there; separate several with commas."
            )
    return [Login(token, number) for number, token in enumerate(tokens, 1)]


class Web:
    """The web service, as one browser session after another sees it."""

    def __init__(self, transport: Transport, base_url: Callable[[], str]) -> None:
        self.transport = transport
        self._base_url = base_url
        self.clock: Callable[[], float] = time.time

    @property
    def base_url(self) -> str:
        """The configured base URL, without a slash at its end."""
        return self._base_url().rstrip("/")

    async def call(
        self,
        login: Login,
        path: str,
        body: Mapping[str, Any],
        *,
        query: Mapping[str, str] | None = None,
        page: str = "/",
        on_sent: Callable[[], None] | None = None,
    ) -> Mapping[str, Any]:
        """POST one call and return its whole envelope; its ``ret`` is "0".

        Raises
        ------
        ProviderError
            What status or ``ret`` say; `AuthenticationError` for an expired login, a daily `RateLimitError` where there is no credit.
        """
        base = self.base_url
        url = f"{base}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        headers = {
            **PROTOCOL.browser,
            "Content-Type": "application/json",
            "Appid": PROTOCOL.app_id,
            "Appvr": PROTOCOL.app_version,
            "Pf": PROTOCOL.platform,
            "Origin": base,
            "Referer": f"{base}{page}",
        }
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        answer = await self.transport.send(
            "POST",
            url,
            headers={**headers, "Cookie": login.cookies(self.clock())},
            content=content,
            timeout=min(protocol.CALL_SECONDS, self.transport.settings.timeout),
            on_sent=on_sent,
        )
        envelope = answer.json()
        if answer.status != 200:
            raise _by_status(answer, envelope, login)
        if not isinstance(envelope, dict) or envelope.get("ret") is None:
            raise BadReplyError("Jimeng's answer is not a JSON object with a ret; the protocol may have changed.", provider="jimeng")
        ret = str(envelope.get("ret", ""))
        if ret != "0":
            raise _by_ret(ret, str(envelope.get("errmsg") or ""), login)
        return envelope

    async def credit(self, login: Login) -> int | None:
        """Return the credits of an account, or None where the answer cannot be understood."""
        envelope = await self.call(login, protocol.CREDIT, {}, page=PROTOCOL.credit_page)
        # One client reads it at the top level, another one under data.
        found = envelope.get("credit")
        if not isinstance(found, dict):
            data = envelope.get("data")
            found = data.get("credit", data) if isinstance(data, dict) else None
        if not isinstance(found, dict):
            return None
        counts = [found.get(name) for name in ("gift_credit", "purchase_credit", "vip_credit")]
        known = [int(number) for count in counts if (number := finite(count)) is not None]
        return sum(known) if known else None

    async def claim_daily_credit(self, login: Login) -> None:
        """Claim the account's gift of the day; only ever called when the user's setting asks for it."""
        await self.call(login, protocol.CREDIT_RECEIVE, {"time_zone": PROTOCOL.time_zone}, page=PROTOCOL.credit_page)


def _by_status(answer: Answer, envelope: Any, login: Login) -> ProviderError:
    facts: dict[str, Any] = {"provider": "jimeng", "model": ""}
    if answer.status in {401, 403}:
        return AuthenticationError(
            f"Jimeng rejected login {login.number} (HTTP {answer.status}). "
            "Log in on its site and set the new sessionid in JIMENG_API_TOKEN.",
            **facts,
            status=answer.status,
        )
    own = isinstance(envelope, dict) and envelope.get("ret") is not None
    error = error_for(answer.status, title="Jimeng", own=own, facts=facts, retry_after=answer.retry_after)
    if isinstance(error, RequestRefusedError):
        error.hints = (Hint("use-model", model="ark"),)
    return error


def _by_ret(ret: str, words: str, login: Login) -> ProviderError:
    words = " ".join(scrubbed(words, login.token).split())[:200]
    said = f"ret {ret}: {words}" if words else f"ret {ret}"
    if ret in protocol.NO_CREDIT:
        return RateLimitError(f"Login {login.number} of Jimeng has no credit left ({said}).", daily=True, provider="jimeng")
    if ret in protocol.LOGIN_EXPIRED:
        return AuthenticationError(
            f"Login {login.number} of Jimeng has expired ({said}). Log in on its site and set the new sessionid in JIMENG_API_TOKEN.",
            provider="jimeng",
        )
    if ret in protocol.CONTENT:
        stage = protocol.CONTENT[ret]
        about = "the prompt" if stage == "prompt" else "an input picture"
        return RefusedError(
            f"Jimeng's moderation refused {about} ({said}). Change it and ask again.", stage=stage, reason=ret, provider="jimeng"
        )
    if ret == protocol.GENERATION_FAILED:
        return NoPictureError(f"Jimeng could not make the picture ({said}). Try again.", reason=ret, provider="jimeng")
    why = "calls a parameter invalid" if ret == protocol.BAD_PARAMETERS else "refused the request"
    return RequestRefusedError(
        f"Jimeng {why} ({said}). Its protocol is undocumented and can change; ark is the official way.", provider="jimeng"
    )
