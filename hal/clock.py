"""The machine's wall clock, and whether the kernel holds it to be synchronised.

It answers for NTP only. Whether the locker trusts it is decided above (`firmware.clock`).
"""

import ctypes
import time

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_STA_UNSYNC = 0x0040


class _Timex(ctypes.Structure):
    """The head of struct timex of adjtimex(2), and room for its tail."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("tail", ctypes.c_byte * 256),
    )


class SystemClock:
    """A WallClock over the kernel's."""

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000  # noqa: TID251 (this is the clock that is injected)

    def synchronised(self) -> bool:
        """False also where the kernel cannot be asked: not Linux, or a sandbox that forbids the call."""
        state = _Timex()  # modes 0: nothing is set
        try:
            result = ctypes.CDLL(None).adjtimex(ctypes.byref(state))
        except (AttributeError, OSError):
            return False
        return result not in {-1, _TIME_ERROR} and not state.status & _STA_UNSYNC
