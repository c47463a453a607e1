"""What a process tells systemd of itself: that it is ready, that it lives, and one line about how it is.

The protocol of sd_notify(3) is one datagram to the socket in $NOTIFY_SOCKET, so no library is needed. Without that
variable, as on a laptop, nothing is sent. A datagram that cannot be sent is a line in the log, never an exception:
systemd's own watchdog is the judge of a process that stays silent.
"""

import logging
import os
import socket

log = logging.getLogger(__name__)


def ready() -> None:
    """The process serves from now on."""
    _send("READY=1")


def feed() -> None:
    """The process is well; to be said more often than once per `watchdog_period_s`."""
    _send("WATCHDOG=1")


def status(text: str) -> None:
    """One line for `systemctl status`."""
    _send("STATUS=" + " ".join(text.split()))


def watchdog_period_s() -> float | None:
    """How long this process may stay silent before systemd ends it; None where nobody watches it."""
    period_us = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID") in {None, "", str(os.getpid())}
    if not (watched and period_us.isascii() and period_us.isdigit()):
        return None
    return int(period_us) / 1_000_000 or None


def _send(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace, spelt so that it fits a variable
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a full queue must not hold up the loop
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd was not told: %s", error.strerror)
