"""What the recorder's socket asks about the clock before it shows pictures by their date."""

from typing import Protocol

from appliance.core.errors import ApplianceError


class ClockDoubtful(ApplianceError):
    """The clock judgement says doubtful: recording goes on, nothing is shown by a date that may be false."""

    code = "clock-doubtful"
    fr = (
        "Heure non vérifiée, les images ne sont pas montrées, l'enregistrement continue. {why_fr} Attendez l'heure du "
        "réseau, ou confirmez l'heure affichée, par la page de l'enregistreur ou par : appliance clock confirm"
    )
    en = (
        "Time not verified, pictures are not shown, recording goes on. {why_en} Wait for the network's time, or "
        "confirm the time shown, on the recorder's page or by: appliance clock confirm"
    )


class ClockDesk(Protocol):
    """The clock keeper as the socket sees it. Called in the event loop."""

    def refusal(self) -> ApplianceError | None:
        """Why pictures may not be shown now, None when they may."""

    async def confirm(self, uid: int) -> dict[str, object]:
        """A person said that the time shown is right: judge again at once; the status that came of it.

        `uid`: of whoever asked, by the kernel's word.
        """
        ...
