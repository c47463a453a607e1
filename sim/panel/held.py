"""What people hold up to one live locker: a phone with its QR code before the camera, a parcel's barcode before the scanner in a courier's hand."""

import asyncio
from collections.abc import Awaitable, Callable

from sim.backend import tokens
from sim.backend.app import App
from sim.backend.app import Refused as Unanswered
from sim.deeds import Deed, Deeds, done_by
from sim.locker import SimLocker
from sim.optics import Source, Way
from sim.panel.acts import Hold, Scan
from sim.panel.messages import Refused, Why
from sim.panel.seen import CameraSeen

Picture = Callable[[], Awaitable[bytes | None]]


class Held:
    """Of one stage. A phone redraws its code while it is held, and goes down when its owner needs both hands."""

    def __init__(self, locker: SimLocker, deeds: Deeds, holder: Callable[[str], str | None]) -> None:
        """`holder` says whose hands a parcel is in."""
        self._locker = locker
        self._deeds = deeds
        self._holder = holder
        self._app = App(locker.backend, locker.link)
        self._who: str | None = None
        self._parcel = ""
        self._way, self._source = Way.WELL, Source.APP
        self._redrawing: asyncio.TimerHandle | None = None
        self.picture: Picture | None = None  # what the camera sees, as a JPEG; None: there is no camera
        self.hears = False  # whether there is a process that listens to barcode scanners
        deeds.observers.append(self._done)

    @property
    def camera(self) -> CameraSeen | None:
        """Who holds what before it; None where there is none."""
        if self.picture is None:
            return None
        return (
            CameraSeen(self._who, self._parcel, self._way, self._source)
            if self._who is not None
            else CameraSeen()
        )

    @property
    def scans(self) -> bool:
        """Whether there is a barcode scanner, and what hears it."""
        return self.hears and bool(self._locker.cabinet.guns)

    def hold(self, act: Hold) -> Refused | None:
        """Hold a phone before the camera, otherwise than before, or take it away."""
        if not act.on:
            if self._who == act.person:
                self.lower()
            return None
        if self.picture is None:
            return Refused(Why.UNKNOWN)
        own = [order.waybill for order in self._locker.backend.orders.values() if order.person == act.person]
        why = Why.NO_QR
        for waybill in (act.parcel,) if act.parcel is not None else reversed(own):
            refused = self._show(act.person, waybill, act.way, act.source)
            if refused is None:
                self._tell(self._deed("hold"))
                return None
            why = refused
        return Refused(why)

    def lower(self) -> None:
        """Take away whatever is held before the camera; idempotent."""
        self._stop()
        if self._who is not None:
            who, self._who = self._who, None
            self._locker.optics.take_away()
            self._tell(Deed("lower", who))

    def scan(self, act: Scan) -> Refused | None:
        """Hold a parcel's barcode before the scanner."""
        who = self._holder(act.parcel)
        if who is None:
            return Refused(Why.NOT_IN_HAND, parcel=act.parcel)
        if not self.scans:
            return Refused(Why.UNKNOWN)
        with done_by(who):
            next(iter(self._locker.cabinet.guns.values())).beep(act.parcel)
        return None

    def _show(self, person: str, waybill: str, way: Way, source: Source = Source.APP) -> Why | None:
        """Hold up this person's code for this parcel; why not, where there is none."""
        try:
            text = self._text(person, waybill, source)
        except Unanswered as refused:
            return Why.NO_STATIC if refused.code == Why.NO_STATIC else Why.NO_QR
        self._stop()
        self._who, self._parcel, self._way, self._source = person, waybill, way, source
        self._locker.optics.hold(text, way=way, paper=source is Source.PAPER)
        if source is Source.APP:
            self._redrawing = asyncio.get_running_loop().call_later(tokens.REDRAW_S, self._redraw)
        return None

    def _text(self, person: str, waybill: str, source: Source) -> str:
        if source is Source.SMS:
            return self._app.linked(waybill, self._locker.backend.link_of(person, waybill)).text
        return self._app.token(person, waybill, static=source is Source.PAPER).text

    def _redraw(self) -> None:
        if self._who is None:
            return
        if self._show(self._who, self._parcel, self._way) is None:
            self._tell(self._deed("redraw"))
        else:
            self.lower()

    def _deed(self, verb: str) -> Deed:
        way = "" if self._way is Way.WELL else self._way
        source = "" if self._source is Source.APP else self._source
        return Deed(verb, self._who or "", parcel=self._parcel, way=way, source=source)

    def _stop(self) -> None:
        if self._redrawing is not None:
            self._redrawing.cancel()
            self._redrawing = None

    def _done(self, deed: Deed) -> None:
        if deed.verb in ("take", "close", "put"):
            self.lower()

    def _tell(self, deed: Deed) -> None:
        for observe in self._deeds.observers:
            observe(deed)
        self._locker.moved.set()
