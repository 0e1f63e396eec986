"""`appliance account recover` at the appliance and `appliance account sign-recovery` at the central team's.

Signatures are made and checked by openssl, which the system has for its own needs.
"""

import asyncio
import secrets
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.accounts import codes
from appliance.accounts.challenge import NONCE_BYTES, Challenge, refusal, signature_of
from appliance.accounts.desk import AccountDesk
from appliance.accounts.errors import NoAccountToRecover, NoRecoveryKey, RecoveryRefused
from appliance.accounts.manage import recover
from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import Language
from appliance.services.journal import begin, end, make_journal, telling
from appliance.services.port import box_number
from appliance.services.records import ACCOUNTS
from appliance.site.load import load_site

PROCESS: Final = "recovery"
"""Whose journal tells it: the page's service has its own open."""

OPENSSL_S: Final = 30.0

Ask = Callable[[Challenge], str]
"""Shows the challenge and returns what was typed for a code."""


def _openssl(key: Path, message: bytes, *words: str, signature: bytes = b"") -> bytes | None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "message").write_bytes(message)
        (folder / "signature").write_bytes(signature)
        command = ["openssl", "pkeyutl", *words, "-inkey", str(key), "-rawin", "-in", str(folder / "message")]
        command += ["-sigfile", str(folder / "signature")] if signature else ["-out", str(folder / "out")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=OPENSSL_S)
        if done.returncode != 0:
            return None
        return b"right" if signature else (folder / "out").read_bytes()


def sign(key: Path, challenge: Challenge) -> str:
    """The centre's code. Raises NoRecoveryKey. Blocks."""
    made = _openssl(key, challenge.message(), "-sign")
    if made is None:
        raise NoRecoveryKey
    return codes.encode(made)


def answers(key: Path, challenge: Challenge, typed: str, now_us: int) -> bool:
    """Is this the centre's code for this request, in time? Blocks."""
    signature = signature_of(typed)
    if signature is None or not challenge.lasts(now_us):
        return False
    return _openssl(key, challenge.message(), "-verify", "-pubin", signature=signature) is not None


async def reopen(desk: AccountDesk, key: Path, box: str, name: str, ask: Ask, tries: int = 1) -> str:
    """The password of one log-in. `tries`: codes that are taken for one request; one of no character gives up.

    Raises NoAccountToRecover, NoRecoveryKey, RecoveryRefused.
    """
    if await desk.store.find(name) is None:
        raise NoAccountToRecover(name=name)
    if not await asyncio.to_thread(key.exists):
        raise NoRecoveryKey
    challenge = Challenge(box, name, desk.draw(NONCE_BYTES), desk.clock.monotonic_us())
    typed = ""
    for _ in range(tries):
        typed = await asyncio.to_thread(ask, challenge)
        if await asyncio.to_thread(answers, key, challenge, typed, desk.clock.monotonic_us()):
            return await recover(desk, name)
        desk.tell("recovery-refused", {"account": name})
        if not typed:
            break
    raise refusal(challenge, typed, desk.clock.monotonic_us())


def _shown(language: Language) -> Ask:
    def ask(challenge: Challenge) -> str:
        if language == "fr":
            print(f"Appareil {challenge.box}, compte {challenge.account}, demande {challenge.told}")
            return input("Code de l'équipe centrale, dans les 15 minutes : ")
        print(f"Appliance {challenge.box}, account {challenge.account}, request {challenge.told}")
        return input("The central team's code, within 15 minutes: ")

    return ask


async def open_again(
    site_file: Path, folder: Path, key: Path, name: str, ask: Ask, clock: Clock, tries: int = 1
) -> str:
    """The same with the accounts in `folder`, beside the page that serves them, and a journal of its own."""
    site = await asyncio.to_thread(load_site, site_file)
    file = folder / ACCOUNTS
    if not await asyncio.to_thread(file.exists):
        raise NoAccountToRecover(name=name)
    journal = make_journal(site, PROCESS, clock)
    await begin(journal)
    try:
        desk = AccountDesk(file, clock, telling(journal), draw=secrets.token_bytes)
        desk.store.database.guest = True  # the page's service owns it, and has its copies
        await desk.open()
        try:
            return await reopen(desk, key, await asyncio.to_thread(box_number), name, ask, tries)
        finally:
            await desk.close()
    finally:
        await end(journal)


def recover_main(site: Path, folder: Path, key: Path, name: str, language: Language) -> int:
    """0, with the password told once. Raises NoAccountToRecover, NoRecoveryKey, RecoveryRefused."""
    password = asyncio.run(open_again(site, folder, key, name, _shown(language), SystemClock()))
    words = ("Mot de passe d'une seule connexion", "Password for one log-in")
    print(f"{words[language != 'fr']} : {password}")
    return 0


def sign_main(key: Path, box: str, account: str, told: str) -> int:
    """0, with the code. Raises NoRecoveryKey, RecoveryRefused for what is no challenge."""
    try:
        nonce = codes.decode(told)
    except ValueError as error:
        raise RecoveryRefused from error
    print(sign(key, Challenge(box, account, nonce)))
    return 0
