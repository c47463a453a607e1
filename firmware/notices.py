"""Why a known code, or a token, opens nothing now: what the screen says of it."""

from enum import StrEnum


class Notice(StrEnum):
    """What is said of a known code, or of a token, that opens nothing now."""

    NOT_DELIVERED = "not_delivered"
    NOT_YET_VALID = "not_yet_valid"
    COLLECTED = "collected"
    EXPIRED = "expired"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    CODE_ENDED = "code_ended"  # the right is over or was replaced; of the parcel nothing is said
    AWAITS_TECHNICIAN = "awaits_technician"
    REOPENED_OUT = "reopened_out"
    CELL_OFFLINE = "cell_offline"
    CELL_QUIET = "cell_quiet"  # a courier's cell in its quiet hour: its buyer may come back
    CELL_OPEN = "cell_open"  # its door stands open: close it first
    ALREADY_DONE = "already_done"  # a courier's work that is finished
    NO_DEPOSITS = "no_deposits"  # the journal is nearly full: what lies here can be had, and nothing put in
    CODE_FIRST = "code_first"  # a parcel was scanned, and nobody has said yet who they are
    NOT_IN_BATCH = "not_in_batch"  # a parcel was scanned that this courier's right does not name
    NOT_DUE = "not_due"  # a courier's withdrawal of a parcel that still waits for its buyer
    # of a token
    NOT_OURS = "not_ours"  # no token, or nobody's
    OTHER_LOCKER = "other_locker"
    QR_EARLY = "qr_early"
    QR_OVER = "qr_over"  # its date has passed, and the app shows another one by now
    QR_OLD = "qr_old"  # of an epoch of which nobody knows what was used
    NO_GRANT = "no_grant"  # the list does not name what it is for
    UNKNOWN_KEY = "unknown_key"
    CLOCK_UNSURE = "clock_unsure"  # its dates cannot be told from others
    NO_STATIC = "no_static"  # the policy: tokens of the app only
