"""A made-up service account whose token server is an emulator."""

from __future__ import annotations

import functools
import json
from pathlib import Path

ACCOUNT = "painter@picture-lab.iam.gserviceaccount.com"


def account_file(folder: Path, url: str, *, project: str = "picture-lab", account: str = ACCOUNT) -> Path:
    """Write the key file of a service account that gets its tokens at `url`."""
    facts = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "0" * 40,
        "private_key": _private_key(),
        "client_email": account,
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    file = folder / "account.json"
    file.write_text(json.dumps(facts), encoding="utf-8")
    return file


@functools.cache
def _private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()
