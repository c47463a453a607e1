"""The configuration: one TOML file into frozen structs. Units stand in the names, every number has a bound.

An unknown key is an error with a suggestion; a wrong value is an error that names file, key and bound. Reading a file,
and what no single value can tell (a cell on a channel that its bank lacks), is in `firmware.config_file`.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Count = Annotated[int, Meta(ge=1, le=100_000)]
Percent = Annotated[int, Meta(ge=1, le=100)]
User = Annotated[str, Meta(min_length=1, max_length=32)]
Pin = Annotated[int, Meta(ge=0, le=511)]
Pins = Annotated[tuple[Pin, ...], Meta(min_length=1, max_length=64)]
Senses = Literal["hook", "door", "both"]  # what the feedback contact follows: hal.ports.Senses
Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$")]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the file."""


class LockerSection(Section, frozen=True):
    """Who this locker is. `id` and `address` stand on the screens where a person may be at the wrong one."""

    id: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9-]+$")]
    address: Annotated[str, Meta(min_length=1, max_length=200)]
    support_phone: Annotated[str, Meta(min_length=3, max_length=32)]
    code_digits: Annotated[int, Meta(ge=6, le=10)] = 8
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "Asia/Almaty"
    # What stands before id and nonce in the screen's QR code; in capitals it is small. Empty: the screen shows none.
    app_link: Annotated[str, Meta(max_length=100)] = ""


class Paths(Section, frozen=True):
    """Where state, sockets and secrets live. `credentials` empty: systemd's $CREDENTIALS_DIRECTORY."""

    state: Path = field(default_factory=lambda: Path("/var/lib/postomat"))
    run: Path = field(default_factory=lambda: Path("/run/postomat"))
    credentials: Path | None = None


class BackendKey(Section, frozen=True):
    """A public Ed25519 key of the backend: 32 bytes in hex, known by its key id."""

    id: Annotated[str, Meta(min_length=1, max_length=32)]
    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Access(Section, frozen=True):
    """Whose word counts: the backend's keys, and which users may speak in a role besides root and the controller's own.

    `remote_open`: what the signed command to open a cell takes: nothing more, a touch of the screen, or the screen's own code.
    `static_tokens`: whether a token without a date counts, such as stands on paper or in an SMS; else the app's only.
    """

    backend_keys: Annotated[tuple[BackendKey, ...], Meta(min_length=1, max_length=16)]
    kiosk_users: Annotated[tuple[User, ...], Meta(max_length=16)] = ()
    link_users: Annotated[tuple[User, ...], Meta(max_length=16)] = ()
    scanner_users: Annotated[tuple[User, ...], Meta(max_length=16)] = ()
    service_users: Annotated[tuple[User, ...], Meta(max_length=16)] = ()
    remote_open: Literal["anywhere", "touch", "screen_qr"] = "anywhere"
    static_tokens: bool = True


class Bus(Section, frozen=True):
    """One RS-485 line."""

    name: Name
    device: Annotated[str, Meta(max_length=255, pattern="^/")]
    baud: Annotated[int, Meta(ge=1_200, le=115_200)] = 9_600
    echo: bool = False  # the adapter returns our own bytes
    reply_timeout_ms: Annotated[int, Meta(ge=20, le=2_000)] = 150


class Xor8a80(Section, frozen=True, tag_field="kind", tag="xor8a80"):
    """A board of the 8A/80 family (docs/lock-boards.md section 4). What differs by firmware is set here."""

    name: Name
    bus: Name
    address: Annotated[int, Meta(ge=1, le=32)]
    channels: Annotated[int, Meta(ge=1, le=50)]
    closed_level: bool = True  # the contact's level while locked: 11 for closing feedback, 00 for opening
    first_byte: Literal["low", "high"] = (
        "low"  # low: the first status byte holds channels 1 to 8; high: the last one does
    )
    senses: Senses = "hook"
    pulse_ms: Annotated[int, Meta(ge=50, le=1_000)] = 300  # the board's own time


class Gpio(Section, frozen=True, tag_field="kind", tag="gpio"):
    """Locks and contacts on the computer's own pins (BCM numbers), channel 1 first."""

    name: Name
    lock_pins: Pins
    sensor_pins: Pins
    chip: Annotated[int, Meta(ge=0, le=15)] = 0
    pull: Literal["up", "down", "none"] = "up"  # the resistor at each contact
    closed_level: bool = False
    senses: Senses = "door"
    pulse_ms: Annotated[int, Meta(ge=50, le=1_000)] = 400

    @property
    def channels(self) -> int:
        return len(self.lock_pins)


Bank = Xor8a80 | Gpio


class Cell(Section, frozen=True):
    """One compartment: which lock, and where it stands in the cabinet (columns from the left, millimetres)."""

    number: Annotated[int, Meta(ge=1, le=999)]
    bank: Name
    channel: Count
    size: Literal["S", "M", "L", "XL"] = "M"
    column: Annotated[int, Meta(ge=0, le=40)] = 0
    bottom_mm: Annotated[int, Meta(ge=0, le=2_500)] = 0  # above the floor
    height_mm: Annotated[int, Meta(ge=50, le=2_000)] = 200
    width_mm: Annotated[int, Meta(ge=100, le=2_000)] = 440


class Times(Section, frozen=True):
    """Waits of the screen and the custody, in the design's defaults."""

    keypad_timeout_s: Count = 45
    scan_offer_keypad_s: Count = 20  # of being shown how to hold a code before the camera
    wrong_code_s: Count = 6
    notice_s: Count = 15
    thanks_s: Count = 5
    closing_screen_s: Count = 20
    more_time_max: Annotated[int, Meta(ge=0, le=20)] = 3
    reminder_s: Count = 20
    detach_s: Count = 60
    short_open_s: Count = 3
    confirmation_window_s: Count = 600
    quiet_after_pickup_s: Annotated[int, Meta(ge=0, le=86_400)] = 3_600  # 0: none
    reopen_max: Annotated[int, Meta(ge=0, le=20)] = 3
    storage_term_h: Count = 72
    late_open_s: Count = 60  # closed → open within this time of a pulse is that intent's
    remote_open_max: Count = 6
    remote_open_window_s: Count = 600
    await_touch_s: Annotated[int, Meta(ge=5, le=120)] = 20  # then the app is told `not_touched`
    remote_wait_s: Annotated[int, Meta(ge=1, le=120)] = 20  # for the screen; then the app is told `busy`
    screen_qr_period_s: Annotated[int, Meta(ge=10, le=300)] = 30  # then the screen's QR code is another one
    screen_qr_valid_s: Annotated[int, Meta(ge=10, le=600)] = 60  # for so long it claims the locker
    link_confirmed_s: Annotated[int, Meta(ge=10, le=600)] = (
        30  # without a word of the link, the QR leaves the screen
    )
    claim_s: Annotated[int, Meta(ge=10, le=600)] = 120  # for whom the locker waits that has scanned it
    attempts_max: Annotated[int, Meta(ge=1, le=1_000)] = 40  # wrong codes, then the phone is asked as well
    attempt_refill_s: Annotated[int, Meta(ge=60, le=100_000)] = 2_160  # of uptime, for one more


class Journal(Section, frozen=True):
    """How much of the journal is kept. Pickups go on whatever it holds; the rest is said in percent of either cap."""

    entries_max: Annotated[int, Meta(ge=100, le=10_000_000)] = 1_000_000
    bytes_max: Annotated[int, Meta(ge=1_000_000, le=100_000_000_000)] = 1_000_000_000  # of the database
    alarm_percent: Percent = 80
    no_deposits_percent: Percent = 90
    acknowledged_h: Annotated[int, Meta(ge=1, le=100_000)] = (
        720  # how long what the backend holds is kept here too
    )


class Clock(Section, frozen=True):
    """`battery`: the machine has a clock that runs on without power, and a service keeps it and the system's time right."""

    battery: bool = False


class Locks(Section, frozen=True):
    """The bounds of every coil, and how often doors are read."""

    rest_s: Annotated[int, Meta(ge=1, le=60)] = 3
    pulses_max: Annotated[int, Meta(ge=1, le=3)] = 3
    gap_ms: Annotated[int, Meta(ge=50, le=5_000)] = 200
    duty_max: Annotated[float, Meta(gt=0, le=0.2)] = 0.05
    duty_window_s: Annotated[int, Meta(ge=10, le=600)] = 60
    poll_idle_hz: Annotated[float, Meta(gt=0, le=20)] = 1.0
    poll_active_hz: Annotated[float, Meta(gt=0, le=50)] = 10.0
    offline_after_misses: Annotated[int, Meta(ge=1, le=100)] = 3


class Kiosk(Section, frozen=True):
    """The screen's own server. `pixels_per_mm` is the panel's: the page's sizes are in millimetres."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8_081
    language: Literal["ru", "kk", "en"] = "ru"
    pixels_per_mm: Annotated[float, Meta(ge=1, le=20)] = 3.78
    frame_ancestors: tuple[str, ...] = ()  # origins that may embed the page; none on a locker


BrokerAddress = Annotated[
    str, Meta(max_length=300, pattern=r"^mqtts?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$")
]


class Link(Section, frozen=True):
    """How the backend is reached: MQTT 3.1.1 brokers, tried in turn; `mqtts` is TLS (port 8883), `mqtt` is not (1883).

    With TLS the broker's certificate must be of `ca` (unset: of an authority that the system knows), and the locker shows
    `certificate`, whose key is the credential `link_key`.
    """

    brokers: Annotated[tuple[BrokerAddress, ...], Meta(max_length=16)] = ()
    ca: Path | None = None
    certificate: Path | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=1_200)] = 30
    state_period_s: Annotated[int, Meta(ge=1, le=15)] = (
        10  # how often the controller hears that the backend answers
    )


Mark = Annotated[str, Meta(max_length=16, pattern=r"^[\x00-\x7f]*$")]


class SerialScanner(Section, frozen=True):
    """A barcode scanner on a serial line, such as a USB one in its CDC-ACM mode.

    `prefix` and `suffix` are what it sends around each barcode; the end of a line (CR, LF or both) always ends one.
    """

    name: Name
    device: Annotated[str, Meta(max_length=255, pattern="^/")]
    baud: Annotated[int, Meta(ge=1_200, le=115_200)] = 9_600
    prefix: Mark = ""
    suffix: Mark = ""
    # Of a code, in characters; a longer one is none. A token, which a scanner of QR codes reads too, has up to 768 (firmware.tokens).
    length_max: Annotated[int, Meta(ge=1, le=1_024)] = 768


class Scanner(Section, frozen=True):
    """What reads QR codes and barcodes: a camera, and barcode scanners of their own. Without any, no screen speaks of one.

    `device` is a V4L2 device's path, best below /dev/v4l/by-id, or the URL of a stream of JPEGs. A hand that holds a phone
    moves: 5 to 8 ms of exposure keep its code sharp.
    """

    device: Annotated[str, Meta(max_length=300)] = ""  # empty: no camera
    width: Annotated[int, Meta(ge=320, le=1_920)] = 1_280
    height: Annotated[int, Meta(ge=240, le=1_080)] = 720
    fps: Annotated[int, Meta(ge=5, le=60)] = 30
    exposure_ms: Annotated[float, Meta(ge=0, le=33)] = 0.0  # 0: automatic
    focus: Annotated[int, Meta(ge=-1, le=1_023)] = -1  # in the camera's own unit; -1: automatic
    qr_decoder: Literal["zxing", "zbar"] = "zxing"
    linear_decoder: Literal["zxing", "zbar"] = "zbar"
    idle_fps: Annotated[int, Meta(ge=1, le=30)] = 5  # frames a second while the screen asks for nothing
    serial: Annotated[tuple[SerialScanner, ...], Meta(max_length=8)] = ()


class Config(Section, frozen=True):
    """The whole file."""

    locker: LockerSection
    access: Access
    cells: Annotated[tuple[Cell, ...], Meta(min_length=1, max_length=512)]
    banks: Annotated[tuple[Bank, ...], Meta(min_length=1, max_length=64)]
    buses: Annotated[tuple[Bus, ...], Meta(max_length=16)] = ()
    paths: Paths = field(default_factory=Paths)
    times: Times = Times()
    journal: Journal = Journal()
    clock: Clock = Clock()
    locks: Locks = Locks()
    kiosk: Kiosk = Kiosk()
    link: Link = Link()
    scanner: Scanner = Scanner()
    inbox_max: Annotated[int, Meta(ge=16, le=65_536)] = 1_024
