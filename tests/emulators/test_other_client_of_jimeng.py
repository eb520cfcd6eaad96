"""The client that works against the real service, c-rick/jimeng-mcp, passes the emulator: its requests, made again from what is known of them.

What it does and ours does not: a cookie store-region-src, babi_param encoded twice, its cookies at the upload host, an older draft with a
picture, and one ratio for every size. What is wrong is refused all the same.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from tests.emulators.jimeng import FIRST, SERVICE
from tests.emulators.jimeng_checks import signature
from tests.emulators.process import Running
from tests.pictures.making import file, photo

MODEL = "high_aes_general_v30l:general_v3.0_18b"


class OtherClient:
    """Its requests, one after the other."""

    def __init__(self, url: str, **cookies: str) -> None:
        self.url = url
        pairs = {
            "_tea_web_id": "7512345678901234700",
            "is_staff_user": "false",
            "store-region": "cn-gd",
            "store-region-src": "uid",
            "sid_guard": f"{FIRST}%7C{int(time.time())}%7C5184000%7CMon%2C+03-Feb-2025+08%3A17%3A09+GMT",
            "uid_tt": "a" * 32,
            "uid_tt_ss": "a" * 32,
            "sid_tt": FIRST,
            "sessionid": FIRST,
            "sessionid_ss": FIRST,
            **cookies,
        }
        self.headers = {
            "Appid": "513695",
            "Appvr": "5.8.0",
            "Pf": "7",
            "Origin": "https://jimeng.jianying.com",
            "Referer": "https://jimeng.jianying.com",
            "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
            "Cookie": "; ".join(f"{name}={value}" for name, value in pairs.items()),
        }
        self.http = httpx.Client(trust_env=False, timeout=20)

    def post(self, path: str, body: Any, query: dict[str, str] | None = None) -> Any:
        tail = f"?{urlencode(query, quote_via=quote)}" if query else ""
        return self.http.post(f"{self.url}{path}{tail}", json=body, headers=self.headers).json()

    def imagex(self, key: dict[str, str], method: str, query: dict[str, str], body: bytes = b"") -> Any:
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = {"x-amz-date": date, "x-amz-security-token": key["session_token"]}
        if body:
            signed["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        names, told = signature(key["secret_access_key"], date, query, method, signed, body)
        scope = f"{key['access_key_id']}/{date[:8]}/cn-north-1/imagex/aws4_request"
        authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={told}"
        kind = {"Content-Type": "application/json"} if body else {}
        headers = {**self.headers, **signed, **kind, "Authorization": authorization}
        return self.http.request(method, f"{self.url}/?{urlencode(query)}", content=body, headers=headers).json()

    def upload(self, data: bytes) -> str:
        key = self.post("/mweb/v1/get_upload_token?aid=513695&da_version=3.2.2&aigc_features=app_lip_sync", {"scene": 2})["data"]
        common = {"FileSize": str(len(data)), "ServiceId": SERVICE, "Version": "2018-08-01"}
        address = self.imagex(key, "GET", {"Action": "ApplyImageUpload", **common, "s": "abcdefghijk"})["Result"]["UploadAddress"]
        store = address["StoreInfos"][0]
        headers = {
            **self.headers,
            "Authorization": store["Auth"],
            "Content-Crc32": f"{zlib.crc32(data):08x}",
            "Content-Type": "application/octet-stream",
        }
        put = self.http.post(f"{self.url}/upload/v1/{store['StoreUri']}", content=data, headers=headers).json()
        assert put["code"] == 2000, put
        body = json.dumps({"SessionKey": address["SessionKey"]}, separators=(",", ":")).encode()
        done = self.imagex(key, "POST", {"Action": "CommitImageUpload", **common}, body)
        assert "Result" in done, done
        return str(done["Result"]["Results"][0]["Uri"])

    def submit(self, prompt: str, *, uri: str = "", width: int = 1024, height: int = 1024, model: str = MODEL) -> tuple[str, Any]:
        about = {
            "scenario": "image_video_generation",
            "feature_key": "to_image_referenceimage_generate" if uri else "aigc_to_image",
            "feature_entrance": "to_image",
            "feature_entrance_detail": "to_image-referenceimage-byte_edit" if uri else f"to_image-{model}",
        }
        query = {
            "babi_param": quote(json.dumps(about)),
            "aid": "513695",
            "device_platform": "web",
            "region": "CN",
            "web_id": "7512345678901234700",
        }
        component = node("image_base_component")
        core: dict[str, Any] = node(model=model, prompt=prompt + "##" * bool(uri), sample_strength=0.5, image_ratio=1)
        core["large_image_info"] = node(height=1360 if uri else height, width=1360 if uri else width, resolution_type="1k")
        ability = node(core_param=core, history_option=node())
        if uri:
            image = node("image", source_from="upload", platform_type=1, name="", image_uri=uri, width=0, height=0, format="", uri=uri)
            ability |= {
                "min_features": [],
                "ability_list": [node(name="byte_edit", image_uri_list=[uri], image_list=[image], strength=0.5)],
                "prompt_placeholder_info_list": [node(ability_index=0)],
                "postedit_param": node(generate_type=0),
            }
        else:
            core |= {"negative_prompt": "", "seed": 2_512_345_678}
        kind = "blend" if uri else "generate"
        component |= {
            "min_version": "3.0.2",
            "metadata": node(created_platform=3, created_platform_version="", created_time_in_ms=int(time.time() * 1000), created_did=""),
            "generate_type": kind,
            "aigc_mode": "workbench",
            "abilities": node(**{kind: ability}),
        }
        draft = node("draft", min_version="3.0.2", is_from_tsn=True, version="3.2.2", main_component_id=component["id"])
        draft["component_list"] = [component]
        body = {"extend": {"root_model": model, "template_id": ""}, "submit_id": str(uuid.uuid4()), "draft_content": json.dumps(draft)}
        if not uri:
            body["metrics_extra"] = json.dumps({"templateId": "", "generateCount": 1, "promptSource": "custom"})
        return str(body["submit_id"]), self.post("/mweb/v1/aigc_draft/generate", body, query)

    def urls(self, submit_id: str) -> list[str]:
        for _ in range(20):
            record = self.post("/mweb/v1/get_history_by_ids", {"submit_ids": [submit_id]})["data"].get(submit_id)
            if record and record["status"] != 20 and record["item_list"]:
                return [item["image"]["large_images"][0]["image_url"] for item in record["item_list"]]
        raise AssertionError("no picture came")


def node(kind: str = "", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": str(uuid.uuid4()), **fields}


@pytest.fixture
def jimeng(start_emulator: Callable[..., Running]) -> Running:
    return start_emulator("jimeng")


@pytest.mark.parametrize("size", [(1024, 1024), (1536, 864)])
def test_it_makes_a_picture_of_any_size(jimeng: Running, size: tuple[int, int]):
    client = OtherClient(jimeng.url)
    assert client.post("/commerce/v1/benefits/user_credit", {})["ret"] == "0"
    submitted, answer = client.submit("a fox", width=size[0], height=size[1])
    assert answer["ret"] == "0", answer
    assert httpx.get(client.urls(submitted)[0], trust_env=False).content.startswith(b"\xff\xd8")


def test_it_blends_with_a_picture_of_its_own(jimeng: Running):
    client = OtherClient(jimeng.url)
    submitted, answer = client.submit("in snow", uri=client.upload(file(photo())))
    assert answer["ret"] == "0", answer
    assert client.urls(submitted)


def test_what_is_wrong_is_refused_all_the_same(jimeng: Running):
    assert OtherClient(jimeng.url, sid_tt="another").submit("a fox")[1]["ret"] == "4002"
    assert OtherClient(jimeng.url, passport_csrf_token="x").submit("a fox")[1]["ret"] == "4002"
    assert OtherClient(jimeng.url, **{"store-region-src": "x"}).submit("a fox")[1]["ret"] == "4002"
    client = OtherClient(jimeng.url)
    assert client.submit(" ")[1]["ret"] == "4002"
    assert client.submit("a fox", model="nosuch")[1]["ret"] == "4002"
    assert client.submit("a fox", uri="tos-cn-i-tb4s082cfz/not-uploaded")[1]["ret"] == "4002"
    assert client.submit("a fox", width=100)[1]["ret"] == "4002"
