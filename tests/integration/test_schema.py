"""The API against its contract, by a reader of contracts that others wrote (Schemathesis): as each role, and as nobody.

It makes requests that the contract allows and requests that it forbids, seeded, and holds each answer against the
contract: no failure of the server, no status, type or body that is not written there, nothing wrong let in, no method
that is not written, nothing for whoever sends no session or a false one.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.accounts.roles import Role
from appliance.core.chain_file import JournalSettings
from appliance.core.chain_journal import Journal
from appliance.web.look_check import JournalFiles
from tests.peers.need import ROOT, need
from tests.peers.sign_in import PEOPLE, token_of
from tests.unit.web.conftest import Api
from tests.unit.web.conftest import api as api  # noqa: PLC0414 - the fixture

pytestmark = [pytest.mark.full, pytest.mark.timeout(240)]

SEED = 20261126
EXAMPLES = 4
"""Drawn requests for each operation, beside those that cover every limit of its parameters: about 1300 in all."""

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection", "unsupported_method", "ignored_auth",
)  # fmt: skip
ENDLESS = ("events",)
"""Operations whose answer never ends: tests/unit/web/test_events.py has them."""

ENDING = ("logIn", "comeBack", "logOut", "changePassword", "secondFactor", "endSession")
"""Operations that end the session that asks, or close the door to whoever tries too often: test_session.py has them."""


@pytest.fixture
async def journal(api: Api, tmp_path: Path) -> AsyncIterator[None]:
    """A journal of real files, so that the check of who looked at what has one to read."""
    kept = Journal(JournalSettings(tmp_path / "journal", "web", "machine", "Collège"), api.clock)
    await kept.open()
    api.book.journal = JournalFiles(tmp_path / "journal", "web", kept.flush)
    yield
    await kept.close()


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize("role", [*Role, None])
async def test_every_answer_is_as_the_contract_says(api: Api, tmp_path: Path, role: Role | None) -> None:
    program = need("schemathesis")
    token = "" if role is None else await token_of(api.desk, role)
    config = tmp_path / "schemathesis.toml"
    await asyncio.to_thread(config.write_text, _config(token), encoding="utf-8")
    left_out = [f"--exclude-operation-id={name}" for name in (*ENDLESS, *ENDING)]
    done = await asyncio.create_subprocess_exec(
        program, f"--config-file={config}", "--no-color", "run", str(ROOT / "webui" / "openapi.yaml"),
        f"--url={api.base}", "--phases=coverage,fuzzing", f"--seed={SEED}", f"--max-examples={EXAMPLES}",
        f"--checks={','.join(CHECKS)}", "--header=Sec-Fetch-Site: same-origin", "--continue-on-failure",
        "--generation-database=none", "--warnings=off", *left_out,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
    )  # fmt: skip
    out = (await done.communicate())[0].decode()
    assert done.returncode == 0, out[-12_000:]
    assert "No issues found" in out, out[-2_000:]
    if role is not None:
        ended = [line for line in api.told if line[0].startswith("session")]
        assert await api.desk.seat_of(token, wakes=False) is not None, f"ended under way: {PEOPLE[role][0]}, {ended}"


def _config(token: str) -> str:
    """The session as the contract's scheme of that name; nobody has none."""
    return f'[auth.openapi.session]\napi_key = "{token}"\n' if token else ""
