"""Batches of the Gemini API: input inline or as an uploaded file, states, results inline or as a file, errors by row.

What is odd about a job is scripted as a fault of kind ``reply``, whose `contains` picks it by its input: ``row_error`` (code, message) for one
row, ``lost`` for the answer to a job that was taken. How it stands is the option ``batches``: ``running``, ``succeeded``, ``failed``, ``cancelled``, ``expired`` (the first ``batch_rows``
rows are done in the last two).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.emulators.serving import Call, Rejected

if TYPE_CHECKING:
    from tests.emulators.gemini import Gemini

MOST_INLINE = 20_000_000
MOST_INLINE_PICTURES = 10
"""Results of more pictures than this are not handed over inline: the real service answers 503 (googleapis/python-genai issue 2519)."""


def serve_batches(service: Gemini, call: Call, what: str) -> bool:
    """Answer what belongs to batches and their files; return whether it did."""
    match call.method, what:
        case "POST", _ if found := re.fullmatch(r"models/([^/:]+):batchGenerateContent", what):
            create(service, call, service.known_model(found[1]))
        case "GET", "batches":
            with service.lock:
                jobs = [told(service, job, results=False) for job in reversed(service.jobs.values())]
            call.respond(200, {"operations": jobs} if jobs else {})
        case "GET", _ if found := re.fullmatch(r"(batches/[\w-]+)", what):
            job = known(service, found[1])
            if job["inline"] and sum(row["paints"] for row in job["rows"]) > MOST_INLINE_PICTURES and finished(service, job):
                raise Rejected(503, "The service is currently unavailable.")
            call.respond(200, told(service, job, results=True))
        case "POST", _ if found := re.fullmatch(r"(batches/[\w-]+):cancel", what):
            known(service, found[1])["state"] = "cancelled"
            call.respond(200, {})
        case "GET", _ if found := re.fullmatch(r"(files/[\w-]+):download", what):
            if found[1] not in service.results or call.query.get("alt") != "media":
                raise Rejected(400, "Only generated files can be downloaded.")
            call.respond(200, service.results[found[1]])
        case _:
            return False
    return True


def upload(service: Gemini, call: Call) -> None:
    """Take a file in two requests, as the SDK sends it."""
    if call.headers.get("x-goog-upload-command") == "start":
        facts = call.json()["file"]
        if int(call.headers["x-goog-upload-header-content-length"]) != int(facts.get("sizeBytes") or facts.get("size_bytes")):
            raise Rejected(400, "The size of the file is told in two ways.")
        with service.lock:
            name = f"files/input-{len(service.uploads)}"
            service.uploads[name] = b""
        call.respond(200, {}, {"X-Goog-Upload-URL": f"{call.base_url}/upload/v1/put?name={name}", "X-Goog-Upload-Status": "active"})
        return
    name = call.query.get("name", "")
    if name not in service.uploads or call.headers.get("x-goog-upload-command") != "upload, finalize":
        raise Rejected(400, "This emulator takes files in one piece.")
    service.uploads[name] = call.body
    call.respond(200, {"file": {"name": name, "sizeBytes": str(len(call.body)), "state": "ACTIVE"}}, {"X-Goog-Upload-Status": "final"})


def create(service: Gemini, call: Call, model: str) -> None:
    """Take a job, with every line checked as it would be alone."""
    body = call.json()
    if set(body) != {"batch"} or set(body["batch"]) - {"displayName", "inputConfig"}:
        raise Rejected(400, f"Unknown name in {sorted(body)} or {sorted(body.get('batch', {}))}.")
    given = body["batch"]["inputConfig"]
    if "fileName" in given:
        if given["fileName"] not in service.uploads:
            raise Rejected(404, f"File {given['fileName']} does not exist.")
        lines = [json.loads(line) for line in service.uploads[given["fileName"]].splitlines()]
        if any(set(line) != {"key", "request"} for line in lines):
            raise Rejected(400, "Each line needs a key and a request.")
        rows = [{"key": line["key"], "request": line["request"]} for line in lines]
    else:
        if len(call.body) > MOST_INLINE:
            raise Rejected(400, f"Request payload size exceeds the limit: {MOST_INLINE} bytes.")
        lines = given["requests"]["requests"]
        rows = [
            {"key": line.get("metadata", {}).get("key", ""), "metadata": line.get("metadata"), "request": line["request"]} for line in lines
        ]
    if not rows or len({row["key"] for row in rows}) < len(rows):
        raise Rejected(400, "The keys of a batch have to be there, and differ.")
    for row in rows:
        row["paints"] = "IMAGE" in row["request"].get("generationConfig", {}).get("responseModalities", ())
    with service.lock:
        name = f"batches/job-{len(service.jobs)}"
        job = {
            "name": name, "title": body["batch"].get("displayName", ""), "model": model, "rows": rows,
            "inline": "fileName" not in given, "state": "", "lines": None, "headers": call.headers,
        }  # fmt: skip
        service.jobs[name] = job
    if (call.fault or {}).get("reply") == "lost":  # taken, but nobody hears of it
        call.cut()
        return
    call.respond(200, told(service, job, results=False))


def known(service: Gemini, name: str) -> dict[str, Any]:
    """Return a job."""
    if name not in service.jobs:
        raise Rejected(404, f"Batch {name} not found.")
    return service.jobs[name]


def finished(service: Gemini, job: dict[str, Any]) -> str:
    """Return the state of a job that has ended."""
    state = job["state"] or service.options["batches"]
    return "" if state == "running" else state


def told(service: Gemini, job: dict[str, Any], *, results: bool) -> dict[str, Any]:
    """Return a job as an operation; its requests are answered when it is first asked for them."""
    state = finished(service, job)
    metadata: dict[str, Any] = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1.GenerateContentBatch",
        "model": f"models/{job['model']}", "displayName": job["title"], "createTime": "2026-11-28T00:00:00Z",
        "state": f"BATCH_STATE_{(state or 'running').upper()}",
    }  # fmt: skip
    out: dict[str, Any] = {"name": job["name"], "metadata": metadata}
    if not state:
        return out
    out["done"] = True
    if state == "failed":
        return out | {"error": {"code": 3, "message": "The batch could not be read."}}
    if not results:
        return out
    with service.lock:
        if job["lines"] is None:
            done = job["rows"] if state == "succeeded" else job["rows"][: service.options["batch_rows"]]
            job["lines"] = [line(service, job, row) for row in done]
        if job["inline"]:
            metadata["output"] = {"inlinedResponses": {"inlinedResponses": job["lines"]}}
        elif job["lines"]:
            file = f"files/{job['name'].replace('/', '-')}"
            service.results[file] = b"".join(json.dumps(each).encode() + b"\n" for each in reversed(job["lines"]))
            metadata["output"] = {"responsesFile": file}
    return out


def line(service: Gemini, job: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    body = json.dumps(row["request"]).encode()
    fault = service.faults.take("batch-row", body) or {}
    one = Call.__new__(Call)
    one.__dict__ |= {
        "emulator": service,
        "body": body,
        "headers": {**job["headers"], "content-type": "application/json"},
        "fault": fault,
        "method": "POST",
        "path": f"/v1/models/{job['model']}:generateContent",
    }
    one.number = 1000 + job["rows"].index(row)
    named = {"metadata": row["metadata"]} if job["inline"] else {"key": row["key"]}
    try:
        if fault.get("reply") == "row_error":
            return named | {"error": {"code": fault.get("code", 13), "message": fault.get("message", "Internal error encountered.")}}
        request = service.checked(one, job["model"])
        return named | {"response": service.reply(one, job["model"], request, fault)}
    except Rejected as no:
        return named | {"error": {"code": {400: 3, 404: 5, 429: 8}.get(no.status, 13), "message": no.message}}
