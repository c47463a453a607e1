"""What is to be seen of one live locker: as it is, as the locker believes it to be, and how its time runs."""

from firmware.assembly import Assembly
from firmware.rows import Door, Parcel, Use
from sim import pace
from sim.panel.seen import (
    BankSeen,
    CellSeen,
    ClockSeen,
    DoorSeen,
    FaultSeen,
    ParcelSeen,
    SessionSeen,
    UseSeen,
    World,
)
from sim.panel.stage import Stage


def look(stage: Stage) -> World:
    """All that is to be seen now. With its power off, a locker believes nothing."""
    locker = stage.locker
    parts = locker.assembly
    return World(
        cells=_cells(stage),
        people=stage.scene.people(),
        orders=stage.operator.orders(),
        policy=stage.operator.policy(),
        free=stage.scene.free(),
        doors=_doors(stage, parts) if parts is not None else (),
        parcels=_parcels(stage, parts) if parts is not None else (),
        uses=_uses(parts) if parts is not None else (),
        session=_session(stage, parts) if parts is not None else None,
        screen=stage.glass.show.screen.name if stage.glass.show is not None else None,
        qr=stage.glass.show.qr.text if stage.glass.show is not None and stage.glass.show.qr else None,
        camera=stage.held.camera,
        barcodes=stage.held.scans,
        banks=tuple(BankSeen(*bank) for bank in parts.body.banks.items()) if parts is not None else (),
        power=stage.powered,
        link=locker.uplink.is_up,
        disk=not stage.site.disk_fails,
        clock=_clock(stage),
        next_due_ms=_next_due(stage),
        in_flight=stage.hours.in_flight,
        people_on=stage.crowd.is_on,
        faults=tuple(FaultSeen(each.fault.name, each.cell, each.struck) for each in stage.blows.going_on),
    )


def _cells(stage: Stage) -> tuple[CellSeen, ...]:
    return tuple(
        CellSeen(
            cell.number,
            not cell.shut,
            cell.parcel,
            cell.coil.on_at_s is not None,
            cell.latched,
            cell.pressed,
            cell.condition,
            cell.sensor,
        )
        for cell in stage.locker.world.cells.values()
    )


def _doors(stage: Stage, parts: Assembly) -> tuple[DoorSeen, ...]:
    return tuple(
        DoorSeen(row.cell, row.state, row.why, row.blocked, _utc(stage, row.due_ms))
        for row in parts.runtime.controller.state.all(Door)
    )


def _parcels(stage: Stage, parts: Assembly) -> tuple[ParcelSeen, ...]:
    return tuple(
        ParcelSeen(row.waybill, row.cell, row.state, row.inside, _utc(stage, row.due_ms) or row.expires_ms)
        for row in parts.runtime.controller.state.all(Parcel)
    )


def _uses(parts: Assembly) -> tuple[UseSeen, ...]:
    return tuple(UseSeen(row.grant, row.parcel, row.state) for row in parts.runtime.controller.state.all(Use))


def _session(stage: Stage, parts: Assembly) -> SessionSeen | None:
    at = parts.runtime.controller.state.session
    return SessionSeen(at.state, at.purpose, at.cell, _utc(stage, at.due_ms)) if at is not None else None


def _utc(stage: Stage, mono_ms: int | None) -> int | None:
    return stage.locker.clock.true_of(mono_ms) if mono_ms is not None else None


def _next_due(stage: Stage) -> int | None:
    due_s = stage.hours.next_due_s()
    return stage.locker.clock.true_of(round(1_000 * due_s)) if due_s is not None else None


def _clock(stage: Stage) -> ClockSeen:
    loop, clock, parts = pace.the_loop(), stage.locker.clock, stage.locker.assembly
    return ClockSeen(
        clock.true_ms(),
        parts is None or parts.runtime.now().sure,
        stage.hours.speed,
        stage.hours.paused,
        round(loop.moved_s, 3),
        1_000 * round(clock.off_ms / 1_000),
    )
