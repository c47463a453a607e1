"""What the backend orders, once its signature was verified: the list of grants, and the end of an epoch.

The locker, the epoch and the version are compared here, because they need state. What it commands is `firmware.commands`'.

Rules of a list:
- Changes are laid over the list that the locker has, and what comes of it is taken as if that had come in full.
- While more parts are to follow, a draft is all that grows: the list before goes on to count, whatever happens meanwhile.
"""

import msgspec

from firmware import custody
from firmware.events import (
    Answer,
    BeginEpoch,
    ChangesCame,
    EpochDemanded,
    GrantedParcel,
    GrantedRight,
    GrantsCame,
)
from firmware.forms import GRANTS_MAX, PARCELS_MAX
from firmware.model import EntryKind, Outcome, ParcelState, UseState
from firmware.parcel import FINISHED, rests
from firmware.rows import Door, Draft, Grant, Intent, Locker, Parcel, Session, Use
from firmware.turn import Turn

# For its buyer, also in somebody's hand: its term goes on where it falls back.
WAITS = (ParcelState.STORED, ParcelState.SUSPECT, ParcelState.CLAIMED, ParcelState.OPENED)
ABSENT = (*FINISHED, ParcelState.EXPECTED, ParcelState.CANCELLED)
DAY_MS = 24 * 3_600_000
KEPT_MS = 30 * DAY_MS  # a known code is explained for 30 days after its right has gone


_drafts = msgspec.json.Decoder(GrantsCame)


def take_grants(turn: Turn, event: GrantsCame) -> None:
    """A full list, or the first part of one."""
    _take(turn, event, _refuse(turn, event) or event)


def take_changes(turn: Turn, event: ChangesCame) -> None:
    """What is different from the list that we have. GAP where it is another one."""
    _take(turn, event, _refuse(turn, event) or _changed(turn, event))


def _take(turn: Turn, event: GrantsCame | ChangesCame, listed: GrantsCame | Outcome) -> None:
    refusal = listed if isinstance(listed, Outcome) else _refuse_whole(turn, listed)
    turn.do(Answer(refusal or Outcome.DONE))
    if isinstance(listed, Outcome) or refusal is not None:
        return
    locker, draft = turn.state.locker, turn.state.find(Draft, event.epoch)
    if listed.more:
        turn.state.add(Draft(event.epoch, msgspec.json.encode(listed).decode()))
    else:
        if draft is not None:
            turn.state.drop(draft)
        _apply(turn, listed)
    locker.grants_version = locker.list_version = event.version
    turn.note(EntryKind.GRANTS, count=event.version, why="part" if event.more else None)


def _changed(turn: Turn, event: ChangesCame) -> GrantsCame | Outcome:
    """The list that we have, with these changes."""
    locker = turn.state.locker
    if not event.base == locker.grants_version == locker.list_version:
        return Outcome.GAP
    draft = turn.state.find(Draft, event.epoch)
    before = _drafts.decode(draft.body) if draft is not None else _list_now(turn, event)
    parcels = {each.waybill: each for each in before.parcels}
    grants = {each.id: each for each in before.grants}
    if not (parcels.keys() >= set(event.gone_parcels) and grants.keys() >= set(event.gone_grants)):
        return Outcome.GAP
    for waybill in event.gone_parcels:
        del parcels[waybill]
    for grant in event.gone_grants:
        del grants[grant]
    parcels |= {each.waybill: each for each in event.parcels}
    grants |= {each.id: each for each in event.grants}
    named = tuple(parcels.values()), tuple(grants.values())
    return GrantsCame(event.locker, event.epoch, event.version, *named, event.more)


def _list_now(turn: Turn, event: ChangesCame) -> GrantsCame:
    """The list that counts, as it was told. In what state a parcel was told to be has had its effect."""
    parcels = [
        GrantedParcel(row.waybill, cell, direction, account, expires_ms=expires_ms)
        for row in turn.state.all(Parcel)
        if row.listed is not None
        for cell, direction, account, expires_ms in (row.listed,)
    ]
    grants = [
        GrantedRight(
            row.id,
            row.purpose,
            row.parcels,
            row.codes,
            row.phone_codes,
            row.not_before_ms,
            row.not_after_ms,
            row.tokens_since,
        )
        for row in turn.state.all(Grant)
        if row.unlisted_ms is None
    ]
    return GrantsCame(event.locker, event.epoch, event.base, tuple(parcels), tuple(grants))


def _apply(turn: Turn, event: GrantsCame) -> None:
    """Replace the list of grants. What the new list no longer names opens nothing, but is still explained."""
    if not turn.state.locker.listed:
        _believe(turn, event)
    for named in event.parcels:
        _name(turn, named)
    here = {named.waybill for named in event.parcels}
    for row in turn.state.all(Parcel):
        if row.listed is not None and row.waybill not in here:
            row.listed = None
    listed = {right.id for right in event.grants}
    for grant in turn.state.all(Grant):
        if grant.id not in listed and grant.unlisted_ms is None:
            grant.unlisted_ms = turn.now.utc_ms
    for right in event.grants:
        grant = Grant(
            right.id,
            right.purpose,
            right.parcels,
            right.codes,
            right.phone_codes,
            right.not_before_ms,
            right.not_after_ms,
            right.tokens_since,
        )
        if turn.state.find(Grant, right.id) != grant:
            turn.state.add(grant)
    _forget(turn, event)


def _name(turn: Turn, named: GrantedParcel) -> None:
    """What the list says of one parcel. A new row is taken in when it is whole: a list is long."""
    known = turn.state.find(Parcel, named.waybill)
    row = known or Parcel(named.waybill, named.cell)
    if row.state is ParcelState.EXPECTED and row.cell != named.cell and not _in_use(turn, row):
        _move(turn, row, named.cell)
    row.direction, row.account = named.direction, named.account
    row.listed = named.cell, named.direction, named.account, named.expires_ms
    row.reserved_ms = None
    if named.expires_ms and row.state is ParcelState.EXPECTED:
        row.expires_ms = named.expires_ms
    elif row.state in WAITS:  # a list that was made before an extension does not take it back
        row.expires_ms = max(named.expires_ms, row.expires_ms or 0) or None
    if known is None:
        turn.state.add(row)


def _believe(turn: Turn, event: GrantsCame) -> None:
    """The first list of a new epoch: what the cells hold is what the backend's copy of the journal says."""
    for named in event.parcels:
        inside = named.state is ParcelState.CANCELLED or named.state not in ABSENT
        row = Parcel(
            named.waybill, named.cell, named.state, inside=inside, expires_ms=named.expires_ms or None
        )
        turn.state.add(row)
        if row.state is ParcelState.COLLECTED:  # since when, this locker's clock cannot tell: from now
            custody.begin_quiet(turn, row)
    turn.state.locker.listed = True
    turn.note(EntryKind.EPOCH, count=event.epoch)


def end_epoch(turn: Turn, event: EpochDemanded) -> None:
    """Begin the epoch that the backend demands. Only the next numbers up count, so a repetition does nothing."""
    locker = turn.state.locker
    if event.locker != locker.id:
        turn.do(Answer(Outcome.WRONG_LOCKER))
    elif event.epoch != locker.epoch or event.next <= locker.epoch:
        turn.do(Answer(Outcome.WRONG_EPOCH))
    elif event.seq and event.own == event.hash:  # we have what it thinks we forgot
        turn.do(Answer(Outcome.MISMATCH))
    elif locker.storage_low:  # no space for another database
        turn.do(Answer(Outcome.STORAGE_FAILED))
    else:
        turn.note(EntryKind.EPOCH, why="demanded", count=event.next)
        turn.do(Answer(Outcome.DONE))
        turn.do(BeginEpoch(event.next))


def _refuse(turn: Turn, event: GrantsCame | ChangesCame) -> Outcome | None:
    locker = turn.state.locker
    if (refusal := refuse_list(locker, event.locker, event.epoch, event.version)) is not None:
        return refusal
    if locker.storage_low:  # a list is long: what space is left is for closings
        return Outcome.STORAGE_FAILED
    return None


def refuse_list(locker: Locker, named: str, epoch: int, version: int) -> Outcome | None:
    """Why a list for the locker of this name, of this epoch and version, is not taken, whatever it says. It leaves no trace."""
    if named != locker.id:
        return Outcome.WRONG_LOCKER
    if epoch != locker.epoch:
        return Outcome.WRONG_EPOCH
    return Outcome.OLDER if version <= locker.grants_version else None


def _refuse_whole(turn: Turn, event: GrantsCame) -> Outcome | None:
    """Why the list does not hold together. A grant may come before the part that names its parcel, if only that comes."""
    if len(event.parcels) > PARCELS_MAX or len(event.grants) > GRANTS_MAX:
        return Outcome.MALFORMED
    if event.more:
        return None
    codes = [code for right in event.grants for code in (*right.codes, *right.phone_codes)]
    known = {named.waybill for named in event.parcels} | {row.waybill for row in turn.state.all(Parcel)}
    cells_stand = all(named.cell in turn.cabinet.cells for named in event.parcels)
    rights_stand = all(right.parcels and known.issuperset(right.parcels) for right in event.grants)
    codes_stand = len(set(codes)) == len(codes)
    return None if cells_stand and rights_stand and codes_stand else Outcome.MALFORMED


def _forget(turn: Turn, event: GrantsCame) -> None:
    """Let go of rights that no list has named for `KEPT_MS`, and of parcels not here that nothing names any more."""
    if not turn.now.sure:
        return
    state, before_ms = turn.state, turn.now.utc_ms - KEPT_MS
    for grant in [
        row for row in state.all(Grant) if row.unlisted_ms is not None and row.unlisted_ms < before_ms
    ]:
        state.drop(grant)
    named = {waybill for grant in state.all(Grant) for waybill in grant.parcels}
    named |= {parcel.waybill for parcel in event.parcels}
    named |= {intent.parcel for intent in state.all(Intent)}
    named |= {at.parcel for at in state.all(Session) if at.parcel is not None}
    named |= {row.waybill for row in state.all(Parcel) if (row.reserved_ms or 0) > turn.now.utc_ms}
    absent = [row for row in state.all(Parcel) if row.state in ABSENT and not (row.inside or rests(row))]
    for parcel in [row for row in absent if row.waybill not in named]:
        state.drop(parcel)
        for use in [row for row in state.all(Use) if row.parcel == parcel.waybill]:
            state.drop(use)


def _in_use(turn: Turn, row: Parcel) -> bool:
    """Whether somebody is about to put this parcel into its cell."""
    return any(use.parcel == row.waybill and use.state is UseState.CLAIMED for use in turn.state.all(Use))


def _move(turn: Turn, row: Parcel, cell: int) -> None:
    """Another cell for a parcel that is still expected. Should its first door open late, that is no deposit any more."""
    left = turn.state.find(Door, row.cell)
    intent = turn.intent_of(left) if left is not None else None
    if left is not None and intent is not None and intent.parcel == row.waybill:
        turn.forget_intent(left)
    row.cell = cell
    if turn.state.session is not None and turn.state.session.parcel == row.waybill:
        turn.state.session.cell = cell
