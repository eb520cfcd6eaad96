"""What the Jimeng emulator insists on: headers and cookies, signatures (an implementation of its own), submissions and drafts."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
import uuid
from calendar import timegm
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from tests.emulators.serving import Call, Rejected

MODELS = {
    "high_aes_general_v50",
    "high_aes_general_v42",
    "high_aes_general_v40l",
    "high_aes_general_v41",
    "high_aes_general_v40",
    "high_aes_general_v30l_art_fangzhou:general_v3.0_18b",
    "high_aes_general_v30l:general_v3.0_18b",
    "high_aes_general_v21_L:general_v2.1_L",
    "high_aes_general_v20_L:general_v2.0_L",
    "high_aes_general_v20:general_v2.0",
    "high_aes_general_v14:general_v1.4",
    "text2img_xl_sft",
}


def wrong(what: str) -> Rejected:
    return Rejected(200, body={"ret": "4002", "errmsg": f"invalid parameter: {what}", "data": None})


def cookies_of(call: Call) -> dict[str, str]:
    return {name: morsel.value for name, morsel in SimpleCookie(call.headers.get("cookie", "")).items()}


def checked_headers(call: Call, cookies: dict[str, str]) -> None:
    """The session's cookies, complete and of one login, and the site's headers."""
    token = cookies.get("sessionid", "")
    if not token:
        raise Rejected(200, body={"ret": "1015", "errmsg": "login error", "data": None})
    if not cookies.get("sessionid_ss") == cookies.get("sid_tt") == token:
        raise wrong("cookies of different logins")
    if not re.fullmatch(r"[0-9a-f]{32}", cookies.get("uid_tt", "")) or cookies.get("uid_tt_ss") != cookies["uid_tt"]:
        raise wrong("uid_tt")
    guard = unquote_plus(cookies.get("sid_guard", "")).split("|")
    if len(guard) != 4 or guard[0] != token or abs(time.time() - int(guard[1])) > 600 or guard[2] != "5184000":
        raise wrong("sid_guard")
    if not re.fullmatch(r"7\d{18}", cookies.get("_tea_web_id", "")) or "store-region" not in cookies:
        raise wrong("_tea_web_id")
    if cookies.get("store-region-src", "uid") != "uid":
        raise wrong("store-region-src")
    strange = set(cookies) - {
        "store-region-src",
        "sessionid",
        "sessionid_ss",
        "sid_tt",
        "sid_guard",
        "uid_tt",
        "uid_tt_ss",
        "_tea_web_id",
        "store-region",
        "is_staff_user",
    }
    if strange:
        raise wrong(f"cookies that are not this login's: {sorted(strange)}")
    for name, value in {"appid": "513695", "appvr": "5.8.0", "pf": "7"}.items():
        if call.headers.get(name) != value:
            raise wrong(f"header {name}")
    if not call.headers.get("origin") or not call.headers.get("referer", "").startswith(call.headers["origin"]):
        raise wrong("origin and referer")
    if "Mozilla" not in call.headers.get("user-agent", ""):
        raise wrong("user-agent")


def signature(secret: str, date: str, query: dict[str, str], method: str, headers: dict[str, str], body: bytes) -> tuple[str, str]:
    """Return the list of signed headers and the signature: AWS signature 4, region cn-north-1, service imagex, no host."""
    names = ["x-amz-date", "x-amz-security-token"]
    if body:
        names.insert(0, "x-amz-content-sha256")
    signed = ";".join(names)
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    canonical = "\n".join(
        (
            method,
            "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{headers[name]}" for name in names),
            "",
            signed,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{date[:8]}/cn-north-1/imagex/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return signed, hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def verified(call: Call, secret: str, session: str) -> None:
    """Rejected 403 unless the request is signed with these credentials."""
    date = call.headers.get("x-amz-date", "")
    told = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/cn-north-1/imagex/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
        call.headers.get("authorization", ""),
    )
    why = ""
    if not secret or told is None or not re.fullmatch(r"\d{8}T\d{6}Z", date):
        why = "InvalidAuthorization"
    elif abs(timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.time()) > 900 or told[2] != date[:8]:
        why = "RequestExpired"
    elif call.headers.get("x-amz-security-token") != session:
        why = "InvalidSecurityToken"
    elif call.body and call.headers.get("x-amz-content-sha256") != hashlib.sha256(call.body).hexdigest():
        why = "ContentSha256Mismatch"
    elif (told[3], told[4]) != signature(secret, date, call.query, call.method, call.headers, call.body):
        why = "SignatureDoesNotMatch"
    if why:
        raise Rejected(403, body={"ResponseMetadata": {"RequestId": "2026", "Error": {"Code": why, "Message": why}}})


def checked_submission(query: dict[str, str], body: Any) -> tuple[dict[str, Any], bool]:
    """Return the draft and whether it blends; ``ret`` 4002 when query and body are not what the site sends."""
    for name, value in {"aid": "513695", "device_platform": "web", "region": "CN"}.items():
        if query.get(name) != value:
            raise wrong(f"query {name}")
    if not query.get("web_id", "").isdigit():
        raise wrong("web_id")
    about_text = query.get("babi_param", "")
    try:
        # The client c-rick/jimeng-mcp encodes it twice, and the service takes that.
        about = json.loads(unquote(about_text) if about_text.startswith("%7B") else about_text)
        draft = json.loads(body["draft_content"])
        uuid.UUID(body["submit_id"])
        root = body["extend"]["root_model"]
    except (ValueError, KeyError, TypeError) as error:
        raise wrong(f"submission: {error!r}") from error
    blend = about.get("feature_key") == "to_image_referenceimage_generate"
    detail = "to_image-referenceimage-byte_edit" if blend else f"to_image-{root}"
    wanted = {
        "scenario": "image_video_generation",
        "feature_key": about["feature_key"],
        "feature_entrance": "to_image",
        "feature_entrance_detail": detail,
    }
    if about != wanted or (not blend and about["feature_key"] != "aigc_to_image"):
        raise wrong("babi_param")
    if body["extend"].get("template_id") != "" or ("metrics_extra" in body) == blend:
        raise wrong("extend or metrics_extra")
    if not blend:
        json.loads(body["metrics_extra"])
    return draft, blend


def checked_draft(draft: dict[str, Any], blend: bool) -> dict[str, Any]:
    """Return what a draft asks for; ``ret`` 4002 when a node is not as the site makes it."""
    seen: set[str] = set()

    def node(value: Any, kind: str, fields: str, where: str, *, may: str = "") -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong(f"{where} is no object")
        missing = set(fields.split()) - set(value)
        strange = set(value) - set(fields.split()) - set(may.split()) - {"type", "id"}
        if missing or strange:
            raise wrong(f"{where}: missing {sorted(missing)}, unknown {sorted(strange)}")
        try:
            uuid.UUID(value["id"])
        except (KeyError, ValueError, TypeError) as error:
            raise wrong(f"{where}: id") from error
        if value["id"] in seen or value.get("type") != kind:
            raise wrong(f"{where}: id used twice, or type {value.get('type')!r}")
        seen.add(value["id"])
        return value

    node(draft, "draft", "min_version version is_from_tsn main_component_id component_list", "draft", may="min_features")
    # Drafts of the version before are taken with a picture too; there a ## behind the words stands for it.
    versions = (draft["version"], draft["min_version"])
    older = versions == ("3.2.2", "3.0.2")
    if not (older or (blend and versions == ("3.3.8", "3.2.9"))) or draft["is_from_tsn"] is not True or len(draft["component_list"]) != 1:
        raise wrong("versions of the draft")
    component = node(
        draft["component_list"][0], "image_base_component", "min_version metadata generate_type aigc_mode abilities", "component"
    )
    kind = "blend" if blend else "generate"
    if component["id"] != draft["main_component_id"] or component["generate_type"] != kind or component["aigc_mode"] != "workbench":
        raise wrong("component")
    metadata = node(component["metadata"], "", "created_platform created_platform_version created_time_in_ms created_did", "metadata")
    if metadata["created_platform"] != 3 or not str(metadata["created_time_in_ms"]).isdigit():
        raise wrong("metadata")
    abilities = node(component["abilities"], "", kind, "abilities")
    more = " ability_list prompt_placeholder_info_list postedit_param min_features" if blend else ""
    ability = node(abilities[kind], "", "core_param history_option" + more, kind)
    node(ability["history_option"], "", "", "history_option")
    chosen = "negative_prompt seed"
    asked = "model prompt sample_strength image_ratio large_image_info"
    core = node(ability["core_param"], "", asked if older and blend else f"{asked} {chosen}", "core_param", may=chosen)
    size = node(core["large_image_info"], "", "height width resolution_type", "large_image_info")
    if core["model"] not in MODELS:
        raise wrong(f"model {core['model']}")
    seed = core.get("seed", 0)
    if not isinstance(seed, int) or not 0 <= seed < 2**32 or not _share(core["sample_strength"]):
        raise wrong("seed or sample_strength")
    _checked_size(size, core["image_ratio"], older=older)
    prompt, uris = core["prompt"], []
    if blend:
        uris = [_uri(entry, node, older=older) for entry in ability["ability_list"]]
        holders = [node(entry, "", "ability_index", "placeholder")["ability_index"] for entry in ability["prompt_placeholder_info_list"]]
        marks = "##" * len(uris)
        if older and len(uris) == 1 and prompt.endswith(marks) and not prompt.startswith(marks):
            prompt = marks + prompt.removesuffix(marks)
        if not uris or len(uris) > 10 or holders != list(range(len(uris))) or not prompt.startswith(marks):
            raise wrong("one ability, one placeholder and one ## per picture")
        prompt = prompt.removeprefix(marks)
        if "##" in prompt or node(ability["postedit_param"], "", "generate_type", "postedit_param")["generate_type"] != 0:
            raise wrong("a ## that stands for no picture, or postedit_param")
    if not prompt.strip():
        raise wrong("empty prompt")
    return {"prompt": prompt, "uris": uris, "size": (size["width"], size["height"]), "seed": seed, "model": core["model"]}


def _uri(entry: Any, node: Any, *, older: bool) -> str:
    node(entry, "", "name image_uri_list image_list strength", "ability")
    if entry["name"] != "byte_edit" or not _share(entry["strength"]) or len(entry["image_list"]) != 1:
        raise wrong("ability")
    image = node(entry["image_list"][0], "image", "source_from platform_type name image_uri uri width height format", "image")
    if (
        not image["uri"] == image["image_uri"] == entry["image_uri_list"][0]
        or image["source_from"] != "upload"
        or image["platform_type"] != 1
    ):
        raise wrong("image of an ability")
    unknown = older and (image["width"], image["height"], image["format"]) == (0, 0, "")
    if not unknown and not (image["width"] > 0 and image["height"] > 0 and image["format"]):
        raise wrong("width, height and format of an image")
    return str(image["uri"])


def _share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _checked_size(size: dict[str, Any], ratio: Any, *, older: bool) -> None:
    width, height, resolution = size["width"], size["height"], size["resolution_type"]
    if resolution not in {"1k", "2k", "4k"} or not all(isinstance(side, int) and 256 <= side <= 6048 for side in (width, height)):
        raise wrong("large_image_info")
    if older and (ratio, resolution) == (1, "1k"):  # what that client says of every size
        return
    codes = {1: 1.0, 2: 3 / 4, 3: 16 / 9, 4: 4 / 3, 5: 9 / 16, 6: 2 / 3, 7: 3 / 2, 8: 21 / 9}
    code = ratio - 100 if resolution == "4k" else ratio
    if code not in codes:
        raise wrong(f"image_ratio {ratio}")
    nearest = min(codes, key=lambda one: abs(codes[one] - width / height) / codes[one])
    if abs(codes[nearest] - codes[code]) / codes[code] > 0.2:
        raise wrong(f"image_ratio {ratio} does not fit {width}x{height}")
