"""Scripted faults every emulator can play: what networks and tired servers do. What a service does on its own
(a refusal, a strange picture) is scripted the same way, as kind ``reply``, and played by that service's emulator.

A fault is a JSON object::

    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "body": {...}, "path": "generateContent", "times": 2, "after": 1}

kind            what happens
``status``      answer `status` with `headers` and `body` (an object becomes JSON, a text is sent as it is; none: the service's own error form, with `message`)
``html``        answer `status` (502) with an HTML page
``slow``        wait `seconds`, then go on as usual
``hang``        never answer; ends when the client leaves
``hang_after_headers``  send status 200 and headers, then nothing
``cut``         reset the connection without an answer
``cut_midway``  send headers and half of a body, then reset the connection
``malformed``   answer 200 with JSON that breaks off
``empty``       answer 200 without a body
``redirect``    answer `status` (302) with `location`
``reply``       handed to the emulator as `call.fault`; `reply` names the behaviour

`path` is a part of the path it applies to, `contains` a text the request's body must hold, `times` how often (1; -1 for ever), `after` how many matching requests pass untouched first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.emulators.serving import Call

KINDS = (
    "status",
    "html",
    "slow",
    "hang",
    "hang_after_headers",
    "cut",
    "cut_midway",
    "malformed",
    "empty",
    "redirect",
    "reply",
)
HTML = "<html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1><p>nginx</p></body></html>"


class Faults:
    """The script: faults in the order in which they are to be played."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[dict[str, Any]] = []

    def add(self, faults: list[dict[str, Any]]) -> None:
        """Put faults at the end of the script; an unknown kind is a ValueError."""
        for fault in faults:
            if fault.get("kind") not in KINDS:
                raise ValueError(f"fault kind {fault.get('kind')!r} is not one of {', '.join(KINDS)}")
        with self._lock:
            self._script.extend({"times": 1, "after": 0, "path": "", "contains": "", **fault} for fault in faults)

    def clear(self) -> None:
        """Forget what was not played yet."""
        with self._lock:
            self._script.clear()

    def take(self, path: str, body: bytes) -> dict[str, Any] | None:
        """Return the next fault for a request, counting it as played."""
        with self._lock:
            for fault in self._script:
                if fault["path"] not in path or fault["contains"].encode() not in body or not fault["times"]:
                    continue
                if fault["after"]:
                    fault["after"] -= 1
                    continue
                fault["times"] -= 1
                return dict(fault)
        return None


def play(fault: dict[str, Any], call: Call) -> bool:
    """Play a network fault; return whether the request is answered with that."""
    match fault["kind"]:
        case "status":
            status = int(fault.get("status", 503))
            body = fault.get("body")
            if body is None:
                body = call.emulator.error_body(status, fault.get("message", "scripted fault"))
            call.respond(status, body, fault.get("headers", {}))
        case "html":
            status = int(fault.get("status", 502))
            call.respond(status, HTML.format(status=status), {"Content-Type": "text/html", **fault.get("headers", {})})
        case "slow":
            call.wait(float(fault.get("seconds", 1)))
            return False
        case "hang":
            call.wait(600)
        case "hang_after_headers":
            call.start(200, {"Content-Type": fault.get("content_type", "application/json"), "Content-Length": "1000"})
            call.wait(600)
        case "cut":
            call.cut()
        case "cut_midway":
            call.start(200, {"Content-Type": "application/json", "Content-Length": "100000"})
            call.write(b'{"candidates": [{"content": {"parts": [{"inlineData": {"data": "' + b"QUJD" * 100)
            call.cut()
        case "malformed":
            call.respond(200, '{"candidates": [{"content": ', {"Content-Type": "application/json"})
        case "empty":
            call.respond(200, "", {"Content-Type": "application/json"})
        case "redirect":
            call.respond(int(fault.get("status", 302)), "", {"Location": fault["location"]})
        case _:
            return False
    return True
