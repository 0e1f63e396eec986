"""The file of secrets, changed for one camera without a moment at which a power cut loses its password.

Before the camera is told anything the new password lies durable in a file beside, `….pending`, readable by its owner
alone. When the camera opens with it the file of secrets is replaced in one step, then the note goes. A note that is
found says that it is not known how a change ended: the camera is asked which of both opens, and the rest is done.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from appliance.core.durable import sync_directory
from appliance.services.errors import SecretsUnusable
from appliance.site.load import SECRETS_CREDENTIAL
from appliance.site.model import Credentials, Site


def secrets_file(site: Site, site_file: Path) -> Path:
    """Where a site's passwords lie: its own file, or the one beside it that the unit hands on. Links are followed, so
    that the file itself is replaced and not a link to it. Blocks.
    """
    return (site.secrets or site_file.resolve().parent / SECRETS_CREDENTIAL).resolve()


class SecretsFile:
    """The passwords of a site by camera id, and the note of one that is under way. All of it blocks."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.note = file.with_name(file.name + ".pending")

    def pending(self) -> tuple[str, Credentials] | None:
        """Camera and account of a change whose end is not known; a note that was not written whole says nothing."""
        try:
            camera, account = next(iter(tomllib.loads(self.note.read_text(encoding="utf-8")).items()))
            return camera, Credentials.model_validate(account)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretsUnusable(file=str(self.note), why=error.strerror or "?") from error
        except (ValueError, ValidationError, StopIteration, UnicodeDecodeError):
            return None

    def intend(self, camera: str, account: Credentials) -> None:
        """Durable when it returns: whatever happens now, this password is not lost. Raises SecretsUnusable."""
        self._replace(self.note, {camera: account})

    def commit(self, camera: str, account: Credentials, known: Mapping[str, Credentials]) -> None:
        """The file of secrets with this account, durable, then no note. Raises SecretsUnusable."""
        self._replace(self.file, {**known, camera: account})
        self.forget()

    def forget(self) -> None:
        """No change is under way."""
        try:
            self.note.unlink(missing_ok=True)
            sync_directory(self.note.parent)
        except OSError as error:
            raise SecretsUnusable(file=str(self.note), why=error.strerror or "?") from error

    def _replace(self, file: Path, accounts: Mapping[str, Credentials]) -> None:
        draft = file.with_name(file.name + ".new")
        try:
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as target:
                if file.exists():  # who owns it goes on doing so: the recorder of a development machine reads it itself
                    owner = file.stat()
                    os.fchown(descriptor, owner.st_uid, owner.st_gid)
                target.write(_written(accounts))
                target.flush()
                os.fsync(descriptor)
            draft.replace(file)
            sync_directory(file.parent)
        except OSError as error:
            raise SecretsUnusable(file=str(file), why=error.strerror or "?") from error


def _written(accounts: Mapping[str, Credentials]) -> bytes:
    """TOML; JSON writes a printable string as TOML reads it."""
    return "\n".join(
        f"[{json.dumps(camera)}]\nuser = {json.dumps(account.user, ensure_ascii=False)}\n"
        f"password = {json.dumps(account.password, ensure_ascii=False)}\n"
        for camera, account in accounts.items()
    ).encode()
