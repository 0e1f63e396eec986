"""A camera's password changed at the camera: taken, tried on ONVIF and on the stream, or put back.

Ends in one of three ways, never in silence: the new one opens both; nothing is changed; not known (PasswordInDoubt),
for which whoever asked has kept both.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from appliance.capture.errors import CameraAuthentication, CaptureError
from appliance.inputs.camera import LOGIN_ERRORS, OnvifCamera, try_login
from appliance.inputs.errors import (
    OnvifError,
    OnvifFault,
    OnvifPasswordRefused,
    PasswordInDoubt,
    PasswordNobodyAsked,
    PasswordNotTaken,
    PasswordStreamSeparate,
    PasswordStreamUntried,
    PasswordWeak,
)

LEAST: Final = 12
"""Characters of a new password (ANSSI, "Recommandations relatives à l'authentification", 2021: 12 at least)."""

MOST: Final = 32
"""Characters. ONVIF asks devices to take 28 at least, many take 32 at the most and cut the rest in silence."""

TRIES: Final = 3
PAUSE_S: Final = 2.0
"""Tries of the stream with the new password, and seconds between them: cameras restart their RTSP server meanwhile."""

Opens = Callable[[str], Awaitable[None]]
"""Does the camera's stream open with this password? Raises CameraAuthentication when not, another CaptureError."""


def check_new(user: str, new: str) -> None:
    """Raises PasswordWeak. Printable ASCII alone: cameras differ in how they write the rest."""
    printable = new.isascii() and new.isprintable() and new == new.strip()
    if not LEAST <= len(new) <= MOST or not printable or new.lower() == user.lower():
        raise PasswordWeak(least=LEAST, most=MOST)


async def change(camera: OnvifCamera, old: str, new: str, opens: Opens | None, *, pause_s: float = PAUSE_S) -> None:
    """Returns when the camera opens with `new`. `opens`: its stream; None: there is none to try.

    Raises OnvifError: nothing is changed; or PasswordInDoubt.
    """
    if not await camera.logs_in():  # the old one first: a refusal here has changed nothing
        raise PasswordNobodyAsked
    level = await camera.level()
    try:
        await camera.set_password(new, level)
    except (OnvifFault, *LOGIN_ERRORS):
        raise  # the camera said no
    except OnvifError as error:
        await _settle_silence(camera, new, error)
    if not await _taken(camera, new, pause_s):
        await _put_back(camera, old, new, level)
        raise PasswordNotTaken
    refusal = None if opens is None else await _stream_refusal(opens, new, pause_s)
    if refusal is not None:
        await _put_back(camera, old, new, level)
        raise refusal


async def _taken(camera: OnvifCamera, new: str, pause_s: float) -> bool:
    """Does ONVIF open with it? Some cameras need a moment: tried twice, a third wrong one would lock the account."""
    if await _tried(camera.as_user(new)) is True:
        return True
    await asyncio.sleep(pause_s)
    return await _tried(camera.as_user(new)) is True


async def _stream_refusal(opens: Opens, new: str, pause_s: float) -> OnvifError | None:
    """None: the stream opens. A camera may restart its streams when a password changes: tried more than once."""
    for attempt in range(TRIES):
        try:
            await opens(new)
        except CameraAuthentication:
            if attempt:  # a third wrong one would lock the account
                return PasswordStreamSeparate()
        except CaptureError:
            if attempt == TRIES - 1:
                return PasswordStreamUntried()
        else:
            return None
        await asyncio.sleep(pause_s)
    raise AssertionError


async def _settle_silence(camera: OnvifCamera, new: str, cause: OnvifError) -> None:
    """The question went out and no answer came: returns when the new one opens, raises `cause` when it does not."""
    taken = await _tried(camera.as_user(new))
    if taken is True:
        return
    if isinstance(taken, OnvifPasswordRefused):
        raise cause
    raise PasswordInDoubt from cause


async def _tried(camera: OnvifCamera) -> bool | OnvifError:
    try:
        return await try_login(camera)
    except OnvifError as error:
        raise PasswordInDoubt from error


async def _put_back(camera: OnvifCamera, old: str, new: str, level: str) -> None:
    """The old password again, with whichever account opens. Raises PasswordInDoubt when it is not known to be there."""
    if await _tried(camera.as_user(old)) is True:
        return
    try:
        await camera.as_user(new).set_password(old, level)
    except OnvifError as error:
        raise PasswordInDoubt from error
    if await _tried(camera.as_user(old)) is not True:
        raise PasswordInDoubt
