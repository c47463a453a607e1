"""How much of what people hold up is read, and how long it takes: our decoders beside others, on the same frames, in turns.

Each frame is rendered once (`tests.bench.frames`), and every decoder gets it, another one first each time, in colours and unpacked. Ours is
the whole look of the scanner's process at it, by the configuration's own decoders: making it gray, measuring it, reading it, and searching
it for what could not be read, as often as at 30 frames a second. The peer that limits are set against is what everybody writes first,
`pyzbar.decode(frame)`. Where that reads too much or too little of the set, the set proves nothing, and there is no figure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from time import thread_time

import numpy as np
import zxingcpp
from pyzbar import pyzbar

from firmware.config import Scanner
from hal import qr, zbar
from hal.camera import Frame
from hal.eye import Eye, decoders
from hal.picture import gray_of
from hal.ports import CodeFormat
from sim.lens import Picture
from tests.bench import frames
from tests.bench.frames import DARK_MODE, READABLE, Shot
from tests.bench.harness import Against, BenchError, Measure, Peer, figure, p99

Decode = Callable[[Picture], list[str]]  # texts read in a frame


@dataclass(slots=True)
class Score:
    """What one decoder made of a set."""

    took_ms: list[float] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)  # by kind
    wrong: int = 0  # texts that were not there

    def rate(self, kinds: dict[str, int]) -> float:
        """Percent of the frames of these kinds that were read."""
        return 100 * sum(self.read[kind] for kind in kinds) / sum(kinds.values())


@dataclass(slots=True)
class Contest:
    """Decoders by name, on one set of frames."""

    scores: dict[str, Score]
    kinds: dict[str, int]  # frames with a code, by kind


def hold(shots: Iterable[Shot], contestants: dict[str, Decode]) -> Contest:
    """Give every decoder every frame."""
    contest = Contest({name: Score() for name in contestants}, {})
    names = list(contestants)
    for number, shot in enumerate(shots):
        frame = shot.render()
        if shot.text:
            contest.kinds[shot.kind] = contest.kinds.get(shot.kind, 0) + 1
        for turn in range(len(names)):
            name = names[(number + turn) % len(names)]
            began_s = thread_time()
            texts = contestants[name](frame)
            score = contest.scores[name]
            score.took_ms.append(1_000 * (thread_time() - began_s))
            score.read[shot.kind] += bool(shot.text) and shot.text in texts
            score.wrong += sum(text != shot.text for text in texts)
    return contest


def gray(frame: Picture) -> Picture:
    made = gray_of(frame)
    assert made is not None
    return made


class Shipped:
    """The shipped pipeline, and a camera in place of the driver's: it gives what it is shown, 30 frames a second."""

    def __init__(self) -> None:
        settings = Scanner()
        self._eye = Eye(self, decoders(settings.qr_decoder, settings.linear_decoder))
        self._frame, self._count = np.zeros((0, 0, 3), np.uint8), 0
        self._eye.open()

    def __call__(self, frame: Picture) -> list[str]:
        """The texts of one look."""
        self._frame, self._count = frame, self._count + 1
        return [code.text for code in self._eye.look((CodeFormat.QR,)).codes]

    def open(self) -> None:
        pass

    def read(self) -> Frame:
        return Frame(gray(self._frame), round(1_000 * self._count / FPS))

    def close(self) -> None:
        pass


def plain_zxing(frame: Picture) -> list[str]:
    found = zxingcpp.read_barcode(frame, zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return [found.text] if found else []


OURS, NAIVE, TUNED, ZXING = "ours", "pyzbar.decode(frame)", "pyzbar, gray, QR only", "zxing-cpp"
FPS = 30


def everybody() -> dict[str, Decode]:
    """The decoders of QR codes."""
    return {
        OURS: Shipped(),
        NAIVE: lambda frame: [
            found.data.decode(errors="replace") for found in pyzbar.decode(frame) if found.type == "QRCODE"
        ],
        TUNED: lambda frame: [code.text for code in zbar.read_qr(gray(frame))],
        ZXING: plain_zxing,
    }


LINEAR: dict[str, Decode] = {
    "zbar": lambda frame: [code.text for code in zbar.read_linear(gray(frame))],
    "zxing": lambda frame: [code.text for code in qr.read_linear(gray(frame))],
}
LINEAR_OURS = Scanner().linear_decoder
(OTHER,) = LINEAR.keys() - {LINEAR_OURS}


@cache
def codes() -> Contest:
    """All four on the QR codes. Raises BenchError where the set is too easy or too hard."""
    contest = hold([*frames.coded(), *frames.empty()], everybody())
    readable = contest.scores[NAIVE].rate(contest.kinds) / 100
    if not READABLE[0] <= readable <= READABLE[1]:
        raise BenchError(
            f"{NAIVE} reads {readable:.0%} of the set, must be {READABLE[0]:.0%} to {READABLE[1]:.0%}"
        )
    return contest


@cache
def barcodes() -> Contest:
    """Both on the couriers' barcodes."""
    return hold(frames.barred(), LINEAR)


def rate(name: str, *, dark: bool = True) -> float:
    """Percent of the QR codes that a decoder reads, in dark mode too or without."""
    contest = codes()
    kinds = {kind: count for kind, count in contest.kinds.items() if dark or kind != DARK_MODE}
    return contest.scores[name].rate(kinds)


class Rates:
    """Ours, and below the table everybody's."""

    def __call__(self) -> float:
        return rate(OURS)

    def note(self) -> str:
        contest = codes()
        return (
            f"{sum(contest.kinds.values())} codes, {frames.EMPTY} frames without; {_summary(contest)}; by kind: "
            + _by_kind(contest)
        )


def barcode_rate(name: str, kind: str | None = None) -> float:
    """Percent of the barcodes, or of those of one kind, that a decoder reads."""
    contest = barcodes()
    return contest.scores[name].rate(
        {each: count for each, count in contest.kinds.items() if kind in (None, each)}
    )


def least_favourable() -> str:
    """The kind of barcode in which the default is the least ahead of the other."""
    return min(barcodes().kinds, key=lambda kind: barcode_rate(LINEAR_OURS, kind) / barcode_rate(OTHER, kind))


class LinearRates:
    """The default's, and below the table both."""

    def __call__(self) -> float:
        return barcode_rate(LINEAR_OURS)

    def note(self) -> str:
        contest = barcodes()
        return (
            f"{sum(contest.kinds.values())} barcodes; {_summary(contest)}; {'/'.join(contest.scores)} by kind: "
            + _by_kind(contest)
        )


def _by_kind(contest: Contest) -> str:
    return "; ".join(
        f"{kind} " + "/".join(f"{100 * score.read[kind] / count:.0f}" for score in contest.scores.values())
        for kind, count in contest.kinds.items()
    )


def _summary(contest: Contest) -> str:
    return ", ".join(
        f"{name}: {score.rate(contest.kinds):.1f} %, median {median(score.took_ms):.1f} ms, "
        f"p99 {p99(score.took_ms):.1f} ms, {score.wrong} wrong"
        for name, score in contest.scores.items()
    )


@figure(
    "QR codes that are read",
    "%",
    at_least=1.25,
    peer=Peer(NAIVE, lambda: rate(NAIVE), Against.OVER),
    rounds=1,
)
@contextmanager
def qr_read() -> Iterator[Measure]:
    """Of all the frames with codes."""
    yield Rates()


@figure(
    "QR codes that are read, dark mode left out",
    "%",
    at_least=1.15,
    peer=Peer(NAIVE, lambda: rate(NAIVE, dark=False), Against.OVER),
    rounds=1,
)
@contextmanager
def qr_read_light() -> Iterator[Measure]:
    """Of the others."""
    yield lambda: rate(OURS, dark=False)


@figure(
    "QR codes: a frame's time, median",
    "ms",
    at_most=0.1,
    peer=Peer(NAIVE, lambda: median(codes().scores[NAIVE].took_ms), Against.OVER),
    rounds=1,
)
@contextmanager
def qr_median() -> Iterator[Measure]:
    """Of all frames, with and without codes."""
    yield lambda: median(codes().scores[OURS].took_ms)


@figure(
    "QR codes: a frame's time, p99 against the peer's median",
    "ms",
    at_most=0.4,
    peer=Peer(NAIVE, lambda: median(codes().scores[NAIVE].took_ms), Against.OVER),
    rounds=1,
)
@contextmanager
def qr_p99() -> Iterator[Measure]:
    """Of all frames: the slowest are those in which nothing is read."""
    yield lambda: p99(codes().scores[OURS].took_ms)


@figure(
    "QR codes that were not there",
    "texts",
    at_most=0,
    peer=Peer(NAIVE, lambda: codes().scores[NAIVE].wrong),
    rounds=1,
)
@contextmanager
def qr_wrong() -> Iterator[Measure]:
    """Wrong texts, and texts in frames without a code."""
    yield lambda: codes().scores[OURS].wrong


@figure(
    f"barcodes that {LINEAR_OURS} reads, the default",
    "%",
    at_least=1,
    peer=Peer(OTHER, lambda: barcode_rate(OTHER), Against.OVER),
    rounds=1,
)
@contextmanager
def barcode_read() -> Iterator[Measure]:
    """Whichever reads more is the default of `scanner.linear_decoder`: below 1 the other one has become better."""
    yield LinearRates()


@figure(
    f"barcodes of the kind that {LINEAR_OURS} reads the least better",
    "%",
    at_least=1,
    peer=Peer(OTHER, lambda: barcode_rate(OTHER, least_favourable()), Against.OVER),
    rounds=1,
)
@contextmanager
def barcode_read_kind() -> Iterator[Measure]:
    """Of Code 128, Code 39, EAN-13 and EAN-8."""
    yield lambda: barcode_rate(LINEAR_OURS, least_favourable())


@figure(
    "barcodes that were not there",
    "texts",
    at_most=0,
    peer=Peer(OTHER, lambda: barcodes().scores[OTHER].wrong),
    rounds=1,
)
@contextmanager
def barcode_wrong() -> Iterator[Measure]:
    """Texts that the default made of what said something else."""
    yield lambda: barcodes().scores[LINEAR_OURS].wrong
