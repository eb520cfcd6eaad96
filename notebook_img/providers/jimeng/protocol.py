"""Everything of Jimeng's web protocol that drifts, as data.

The protocol is undocumented. Sources: the client c-rick/jimeng-mcp 1.10.0, read 2026-11-20, and where marked [T] the
client xiaolong14/jimeng-api, 2026-02, by description only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Protocol:
    """One version of the protocol."""

    app_id: str = "513695"
    app_version: str = "5.8.0"
    platform: str = "7"
    region: str = "CN"
    store_region: str = "cn-gd"
    da_version: str = "3.2.2"
    draft_version: str = "3.2.2"
    draft_min_version: str = "3.0.2"
    blend_version: str = "3.3.8"
    """[T] Drafts with reference pictures."""
    blend_min_version: str = "3.2.9"
    upload_features: str = "app_lip_sync"
    upload_scene: int = 2
    upload_service: str = "tb4s082cfz"
    """Taken where the upload token names no service of its own."""
    upload_api_version: str = "2018-08-01"
    upload_region: str = "cn-north-1"
    upload_signing_name: str = "imagex"
    session_seconds: int = 5_184_000
    credit_page: str = "/ai-tool/image/generate"
    time_zone: str = "Asia/Shanghai"
    browser: Mapping[str, str] = field(
        default_factory=lambda: {
            "Accept": "application/json, text/plain, */*",
            "Accept-Language": "zh-CN,zh;q=0.9",
            "Cache-Control": "no-cache",
            "Pragma": "no-cache",
            "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "Sec-Ch-Ua-Mobile": "?0",
            "Sec-Ch-Ua-Platform": '"Windows"',
            "Sec-Fetch-Dest": "empty",
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
        }
    )
    """Accept-Encoding is left to the HTTP client, which knows what it can unpack."""


PROTOCOL = Protocol()

CREDIT = "/commerce/v1/benefits/user_credit"
CREDIT_RECEIVE = "/commerce/v1/benefits/credit_receive"
UPLOAD_TOKEN = "/mweb/v1/get_upload_token"  # noqa: S105 - a path
SUBMIT = "/mweb/v1/aigc_draft/generate"
HISTORY = "/mweb/v1/get_history_by_ids"

WORKING: Mapping[int, str] = {20: "in the queue or painting", 42: "post-processing", 45: "finalising"}
DONE = frozenset({10, 50})
FAILED = 30
FILTERED = "2038"
"""`fail_code` of a job that moderation stopped."""

NO_CREDIT = frozenset({"1006", "5000"})
LOGIN_EXPIRED = frozenset({"1015"})
CONTENT: Mapping[str, str] = {"4001": "prompt", "2003": "input"}
"""`ret` codes of moderation, and what it was about."""
BAD_PARAMETERS = "4002"
GENERATION_FAILED = "5001"

MOST_PICTURES = 4
"""Pictures of one job."""
MOST_REFERENCES = 10
"""[T] One ability per reference."""
UNSEEN_LOOKS = 10
"""Looks at a fresh job that may find nothing."""
EMPTY_LOOKS = 3
"""Looks at a finished job that may find no picture yet."""
SEEDS = (2_500_000_000, 2_600_000_000)
"""Range the site draws its seeds from."""
MOST_SEED = 4_294_967_295
STRENGTH = 0.5
SET_ASIDE_SECONDS = 600.0
"""How long a login without credit, or an expired one, is skipped."""
CALL_SECONDS = 60.0
