"""Emulates Jimeng's web service, its upload service and its storage: logins with credits, signed uploads, drafts, jobs.

Signatures are verified by an implementation of its own (jimeng_checks.py). Kind ``reply`` faults on the submit call: ``ret``
(``ret``, ``errmsg``), ``filtered``, ``failed``, ``never`` (ends never), ``lost`` (never listed), ``takes_but_hangs``,
``takes_but_mumbles`` (answers ``body``), ``fewer`` (``made``), ``no_url`` (``without``: indexes), ``cover_only``, ``not_an_image``, ``expired`` (``times`` looks hand out dead URLs),
``elsewhere`` (``url``), ``empty`` (final without items), ``strange`` (an unknown state on the way), ``states`` (``states``: list).
On an upload call: ``upload_error``, ``upload_host`` (``host``).
"""

from __future__ import annotations

import hashlib
import itertools
import time
import zlib
from typing import Any

from tests.emulators.jimeng_checks import checked_draft, checked_headers, checked_submission, cookies_of, verified
from tests.emulators.painting import opened, painted
from tests.emulators.serving import Call, Emulator, Rejected, serve

FIRST, SECOND = "jimeng-token-first-0001", "jimeng-token-second-0002"
SERVICE = "tb4s082cfz"
GIFT = 60


class Jimeng(Emulator):
    """Accounts with credits, and their jobs."""

    name = "jimeng"
    defaults = {  # noqa: RUF012
        "accounts": {FIRST: 20, SECOND: 20},
        "expired": [],
        "hidden": 2,
        "states": [20, 20, 42, 45, 50],
        "pictures": 4,
        "lifetime": 3600.0,
        "credit_at_top": False,
        "top_level_service": "",
        "earlier": {},  # jobs of another life of the service, finished since: by submit id their owner, prompt, size and seed
    }

    def __init__(self) -> None:
        super().__init__()
        self.ids = itertools.count(1)
        self._forget()

    def _forget(self) -> None:
        self.spent: dict[str, int] = {}
        self.keys: dict[str, tuple[str, str, str]] = {}  # access key: secret, session token, owner
        self.sessions: dict[str, dict[str, Any]] = {}  # session key: what was applied for
        self.stored: dict[str, dict[str, Any]] = {}  # store uri: permit, size, owner, data
        self.jobs: dict[str, dict[str, Any]] = {}
        self.results: dict[str, tuple[bytes, float]] = {}

    def reset(self) -> None:
        super().reset()
        with self.lock:
            self._forget()

    def error_body(self, status: int, message: str) -> Any:
        return {"ret": str(status), "errmsg": message, "systime": "1795000000", "logid": "202611210101", "data": None}

    def answer(self, call: Call) -> None:
        if call.path.startswith(("/mweb/", "/commerce/")):
            owner = self._owner(call)
            with self.lock:
                self._web(call, owner)
        elif call.path == "/":
            with self.lock:
                self._imagex(call)
        elif call.path.startswith("/upload/v1/"):
            with self.lock:
                self._put(call)
        elif call.path.startswith("/result/"):
            self._result(call)
        else:
            call.respond(404, "<html>404</html>", {"Content-Type": "text/html"})

    # The web service

    def _owner(self, call: Call) -> str:
        cookies = cookies_of(call)
        checked_headers(call, cookies)
        token = cookies["sessionid"]
        if token not in self.options["accounts"] or token in self.options["expired"]:
            raise _ret("1015", "login error")
        return token

    def _credit(self, owner: str) -> int:
        return int(self.options["accounts"][owner]) - self.spent.get(owner, 0)

    def _web(self, call: Call, owner: str) -> None:
        body = call.json()
        # Another login's answer must not travel with the next request.
        cookie = {"Set-Cookie": f"passport_csrf_token={hashlib.md5(owner.encode()).hexdigest()}; Path=/"}
        match call.method, call.path:
            case "POST", "/commerce/v1/benefits/user_credit":
                credit = {"gift_credit": 0, "purchase_credit": self._credit(owner), "vip_credit": 0}
                content = {"credit": credit} if self.options["credit_at_top"] else {"data": {"credit": credit}}
            case "POST", "/commerce/v1/benefits/credit_receive":
                if body != {"time_zone": "Asia/Shanghai"}:
                    raise _ret("4002", "time_zone")
                if self._credit(owner) <= 0:
                    self.spent[owner] = self.spent.get(owner, 0) - GIFT
                content = {"data": {"receive_quota": GIFT, "cur_total_credits": self._credit(owner)}}
            case "POST", "/mweb/v1/get_upload_token":
                content = {"data": self._upload_key(call, body, owner)}
            case "POST", "/mweb/v1/aigc_draft/generate":
                content = {"data": self._submit(call, body, owner)}
                if (call.fault or {}).get("reply") == "takes_but_hangs":
                    call.cut()
                    return
                if (call.fault or {}).get("reply") == "takes_but_mumbles":
                    call.respond(200, (call.fault or {})["body"])
                    return
            case "POST", "/mweb/v1/get_history_by_ids":
                content = {"data": self._history(call, body, owner)}
            case _:
                call.respond(404, "<html>404</html>", {"Content-Type": "text/html"})
                return
        call.respond(200, {"ret": "0", "errmsg": "success", "systime": "1795000000", "logid": "202611210101", **content}, cookie)

    def _upload_key(self, call: Call, body: Any, owner: str) -> dict[str, Any]:
        if body != {"scene": 2} or call.query.get("aid") != "513695" or "da_version" not in call.query:
            raise _ret("4002", "upload token: wrong parameters")
        number = next(self.ids)
        access, secret, session = f"AKTP{number:06d}", f"secret+/{number}==", f"STS2{number:06d}"
        self.keys[access] = (secret, session, owner)
        return {
            "access_key_id": access,
            "secret_access_key": secret,
            "session_token": session,
            "service_id": SERVICE,
            "space_name": SERVICE,
        }

    def _submit(self, call: Call, body: Any, owner: str) -> dict[str, Any]:
        fault = call.fault or {}
        draft, references = checked_submission(call.query, body)
        wish = checked_draft(draft, references)
        if fault.get("reply") == "ret":
            raise _ret(fault["ret"], fault.get("errmsg", "no"))
        for uri in wish["uris"]:
            found = self.stored.get(uri)
            if found is None or not found.get("committed") or found["owner"] != owner:
                raise _ret("4002", f"image {uri} does not belong to this account")
        if body["submit_id"] in self.jobs:
            raise _ret("4002", "submit_id was used before")
        if self._credit(owner) < 1:
            raise _ret("1006", "not enough credits")
        self.spent[owner] = self.spent.get(owner, 0) + 1
        history = str(10_000_000 + next(self.ids))
        states = fault.get("states") or (
            [20, 77, 50]
            if fault.get("reply") == "strange"
            else [20, 30]
            if fault.get("reply") in {"filtered", "failed"}
            else self.options["states"]
        )
        inputs = tuple(self.stored[uri]["data"] for uri in wish["uris"])
        self.jobs[body["submit_id"]] = {
            **wish,
            "owner": owner,
            "inputs": inputs,
            "looks": 0,
            "states": states,
            "fault": fault,
            "history": history,
            "dead": fault.get("dead", 1),
        }
        return {"aigc_data": {"history_record_id": history, "status": 20}}

    def _history(self, call: Call, body: Any, owner: str) -> dict[str, Any]:
        ids = body.get("submit_ids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or not ids or set(body) != {"submit_ids"}:
            raise _ret("4002", "submit_ids")
        found = {}
        for submit_id in ids:
            job = self.jobs.get(submit_id) or self._earlier(submit_id)
            if job is None or job["owner"] != owner or job["fault"].get("reply") == "lost":
                continue
            job["looks"] += 1
            if job["looks"] <= self.options["hidden"]:
                continue
            found[submit_id] = self._record(call, job)
        return found

    def _earlier(self, submit_id: str) -> dict[str, Any] | None:
        told = self.options["earlier"].get(submit_id)
        if told is None:
            return None
        common = {"inputs": (), "looks": 0, "states": [50], "fault": {}, "history": "10000000", "dead": 1}
        job = self.jobs[submit_id] = {**common, **told, "size": tuple(told["size"])}
        return job

    def _record(self, call: Call, job: dict[str, Any]) -> dict[str, Any]:
        reply = job["fault"].get("reply")
        at = job["looks"] - self.options["hidden"] - 1
        status = 20 if reply == "never" else job["states"][min(at, len(job["states"]) - 1)]
        final = status in {10, 50}
        count = job["fault"].get("made", self.options["pictures"])
        shown = count if final else {42: 1, 45: 2}.get(status, 0)
        record: dict[str, Any] = {
            "status": status,
            "fail_code": "",
            "history_record_id": job["history"],
            "total_image_count": count,
            "item_list": [],
        }
        if status == 30:
            record["fail_code"] = "2038" if reply == "filtered" else "1180"
            record["fail_msg"] = "content filtered" if reply == "filtered" else "internal algorithm error"
        elif reply != "empty":
            record["item_list"] = [self._item(call, job, index, final=final) for index in range(shown)]
        return record

    def _item(self, call: Call, job: dict[str, Any], index: int, *, final: bool) -> dict[str, Any]:
        fault = job["fault"]
        if fault.get("reply") == "no_url" and index in fault.get("without", [0]):
            return {"common_attr": {"id": str(index), "status": 144}, "image": {"large_images": []}}
        # A part that is handed out early is a draft: other pixels than the final picture.
        data = painted(
            job["prompt"], job["inputs"], job["size"], "image/jpeg", variant=job["seed"] * 10 + index + (0 if final else 1_000_003)
        )
        dead = False
        if fault.get("reply") == "not_an_image":
            data = b"<html>not a picture</html>"
        if fault.get("reply") == "expired" and final:
            dead = job["dead"] > 0
            job["dead"] -= index == self.options["pictures"] - 1
        name = f"{hashlib.sha256(data + str(next(self.ids)).encode()).hexdigest()[:24]}.jpeg"
        self.results[name] = (data, 0.0 if dead else time.time() + self.options["lifetime"])
        url = (
            fault["url"]
            if fault.get("reply") == "elsewhere"
            else f"{call.base_url}/result/{name}?x-expires=1795003600&x-signature={name[:12]}"
        )
        width, height = job["size"]
        item: dict[str, Any] = {"common_attr": {"id": name, "cover_url": url}, "image": {"format": "jpeg"}}
        if fault.get("reply") != "cover_only":
            item["common_attr"]["cover_url"] = f"{call.base_url}/result/cover-{name}"
            item["image"]["large_images"] = [{"image_url": url, "width": width, "height": height}]
        return item

    # The upload service and its storage: other hosts in life. They take no notice of cookies; that ours sees none is a test's matter.

    def _imagex(self, call: Call) -> None:
        secret, session, owner = self.keys.get(_access_key(call), ("", "", ""))
        verified(call, secret, session)
        if (
            call.query.get("ServiceId") != SERVICE
            or call.query.get("Version") != "2018-08-01"
            or not call.query.get("FileSize", "").isdigit()
        ):
            raise _denied("InvalidParameter", "ServiceId, Version or FileSize")
        if (call.fault or {}).get("reply") == "upload_error":
            raise _denied("ImageTooLarge", "the image is too large", 200)
        match call.method, call.query.get("Action"):
            case "GET", "ApplyImageUpload":
                if len(call.query.get("s", "")) != 11:
                    raise _denied("InvalidParameter", "s")
                number = next(self.ids)
                uri, key = f"tos-cn-i-{SERVICE}/{number:032x}", f"SESSION{number:06d}"
                self.stored[uri] = {
                    "permit": f"SpaceKey/{SERVICE}/0/:version:v2:{number:06d}",
                    "size": int(call.query["FileSize"]),
                    "owner": owner,
                }
                self.sessions[key] = {"uri": uri, "owner": owner, "size": call.query["FileSize"]}
                host = (call.fault or {}).get("host") or call.headers["host"]
                address = {
                    "StoreInfos": [{"StoreUri": uri, "Auth": self.stored[uri]["permit"], "UploadID": ""}],
                    "UploadHosts": [host],
                    "SessionKey": key,
                }
                result: dict[str, Any] = {"UploadAddress": address}
            case "POST", "CommitImageUpload":
                wanted = self.sessions.get(call.json().get("SessionKey"))
                if wanted is None or wanted["owner"] != owner or wanted["size"] != call.query["FileSize"]:
                    raise _denied("InvalidSessionKey", "no such session")
                stored = self.stored[wanted["uri"]]
                if "data" not in stored:
                    raise _denied("ObjectNotFound", "nothing was put there")
                stored["committed"] = True
                kind, (width, height) = opened(stored["data"])
                plugin = {
                    "FileName": wanted["uri"],
                    "ImageUri": wanted["uri"],
                    "ImageWidth": width,
                    "ImageHeight": height,
                    "ImageFormat": kind.rpartition("/")[2],
                }
                result = {"Results": [{"Uri": wanted["uri"], "UriStatus": 2000}], "PluginResult": [plugin]}
            case _:
                raise _denied("InvalidAction", "no such action")
        call.respond(200, {"ResponseMetadata": {"RequestId": "2026", "Action": call.query["Action"]}, "Result": result})

    def _put(self, call: Call) -> None:
        stored = self.stored.get(call.path.removeprefix("/upload/v1/"))
        wrong = ""
        if stored is None or call.headers.get("authorization") != stored["permit"]:
            wrong = "not allowed to write there"
        elif call.headers.get("content-crc32") != f"{zlib.crc32(call.body):08x}":
            wrong = "CRC-32 must be eight hexadecimal digits and fit"
        elif call.headers.get("content-type") != "application/octet-stream" or len(call.body) != stored["size"]:
            wrong = "content type or size"
        if wrong or stored is None:
            raise Rejected(200, body={"code": 4000, "message": wrong})
        opened(call.body)
        stored["data"] = call.body
        call.respond(200, {"code": 2000, "apiversion": "v1", "message": "Success", "data": {"crc32": call.headers["content-crc32"]}})

    def _result(self, call: Call) -> None:
        if "cookie" in call.headers or "authorization" in call.headers:
            raise Rejected(400, "a signed URL takes neither a key nor a cookie")
        data, until = self.results.get(call.path.rsplit("/", 1)[-1], (b"", 0.0))
        if time.time() > until:
            call.respond(403, "expired", {"Content-Type": "text/plain"})
            return
        call.respond(200, data, {"Content-Type": "image/jpeg"})


def _access_key(call: Call) -> str:
    _, _, rest = call.headers.get("authorization", "").partition("Credential=")
    return rest.partition("/")[0]


def _ret(code: str, words: str) -> Rejected:
    return Rejected(200, body={"ret": code, "errmsg": words, "systime": "1795000000", "logid": "202611210101", "data": None})


def _denied(code: str, words: str, status: int = 400) -> Rejected:
    return Rejected(status, body={"ResponseMetadata": {"RequestId": "2026", "Error": {"Code": code, "Message": words}}})


if __name__ == "__main__":
    serve(Jimeng())
