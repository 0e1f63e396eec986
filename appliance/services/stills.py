"""The process that makes one picture at a time for the page: started by its socket, holds nothing."""

import logging

from appliance.capture.compatible.child import confine
from appliance.services.port import given_port
from appliance.stills.worker import listen, make_still


def main() -> int:
    """`appliance stills`: returns 0 when nobody has asked for a while. Raises NoPortGiven."""
    listening = given_port()
    confine()
    logging.disable()  # libav writes what cameras sent
    listen(listening, make_still)
    return 0
