"""A courier's batch: one right, several parcels, each named by the barcode on it.

Rules:
- The courier's code is typed once, and opens the cell of the first parcel that may be had. When its door has closed, or the
  courier turns away from one that stayed shut, the screen asks for the next one: its barcode, held before the scanner, opens its cell.
- A barcode proves nothing: anybody can read it off a parcel, or make it up. It only chooses, among the parcels of a right that was
  proved in this very session, and each is judged anew. There is no button for the next cell: what was scanned shows that
  the courier still stands here, with that parcel.
- Of a parcel that the right does not name nothing is said, not even whether it is known here.
- Between two parcels the screen is anybody's who has something to open, as the idle one is.
- Where nothing can scan, or nothing more may be had, the visit is over with its parcel.
"""

from firmware import access, session
from firmware.model import Purpose
from firmware.notices import Notice
from firmware.optics import CameraState
from firmware.rows import Grant, Parcel, Session, State, Use
from firmware.turn import Cabinet, Turn

PURPOSES = (Purpose.DEPOSIT, Purpose.WITHDRAWAL)


def can_scan(state: State, cabinet: Cabinet) -> bool:
    """Whether a barcode can be held before anything here."""
    return bool(cabinet.config.scanner.serial) or state.locker.scanner is CameraState.OK


def goes_on(turn: Turn, at: Session) -> bool:
    """Whether the courier of this session is asked for another parcel."""
    if at.purpose not in PURPOSES or turn.state.locker.storage_low or not can_scan(turn.state, turn.cabinet):
        return False
    grant = turn.state.find(Grant, at.grant)
    others = [waybill for waybill in grant.parcels if waybill != at.parcel] if grant is not None else []
    return any(isinstance(verdict(turn, at, waybill), access.Admit) for waybill in others)


def done(turn: Turn, at: Session) -> None:
    """Its door has closed: the next parcel, or the end."""
    session.fire(turn, at, session.T.ASK_NEXT if goes_on(turn, at) else session.T.FINISH)


def turn_away(turn: Turn, at: Session) -> None:
    """The courier lets the cell be that stayed shut: should its door open late, it is nobody's."""
    at.parcel = at.cell = None
    session.fire(turn, at, session.T.ASK_NEXT)


def verdict(turn: Turn, at: Session, waybill: str) -> access.Admit | Notice:
    """What becomes of a parcel that was scanned under the right of this session."""
    grant = turn.state.find(Grant, at.grant)
    parcel = turn.state.find(Parcel, waybill)
    if grant is None or parcel is None:
        return Notice.NOT_IN_BATCH
    if waybill not in grant.parcels:  # lists do not name it any more once it is done
        mine = turn.state.find(Use, grant.id, waybill) is not None
        return Notice.ALREADY_DONE if mine else Notice.NOT_IN_BATCH
    return access.judge_parcel(turn.state, grant, parcel, turn.now, turn.times.reopen_max)
