"""Eight writers of a team's home, killed, cut off and met by faults: no finished turn is lost, no row lacks its picture, the books are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres import Bucket, Server, needs_postgres

ROOT = Path(__file__).parents[2]


@needs_postgres
@pytest.mark.parametrize(
    "kills", [pytest.param(8, marks=pytest.mark.timeout(900)), pytest.param(200, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])]
)
def test_of_eight_writers_on_postgresql_and_s3_none_loses_a_finished_turn(
    postgres: Server, bucket: Bucket, tmp_path: Path, kills: int
) -> None:
    name = postgres.new_database()
    words = [str(postgres.socket), name, bucket.server.url, bucket.url, str(tmp_path / "here"), str(kills)]
    done = subprocess.run([sys.executable, "-m", "tests.store.killed_team", *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert told["stored"] >= told["finished"] > kills
