"""The catalogue of faults: panel, scenarios and explorer read this list, and there is no other.

Each fault is data: what it does, to what, how often a locker of the standard workload meets it, and how it ends. `strike`
makes it happen at a `Site` and returns when it is over; it calls `fired` in the moment it takes effect.
"""

from dataclasses import dataclass
from enum import StrEnum

from sim.optics import Ill
from sim.strikes import codes, electric, machine, matter, network, optics, outside
from sim.strikes.common import Strike
from sim.world import Condition, Sensor


class Part(StrEnum):
    """What a fault is in."""

    DOOR = "door"
    BOARD = "board"
    WIRE = "wire"
    POWER = "power"
    DISK = "disk"
    CLOCK = "clock"
    NETWORK = "network"
    KIOSK = "kiosk"
    CAMERA = "camera"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. `per_day`: how often in a day of the standard workload; far above life's own rate."""

    name: str
    part: Part
    does: str
    healed: str  # how it ends
    per_day: float
    strike: Strike
    per_cell: bool  # it may be aimed at one
    lasting: bool  # aimed, it stays until it is healed


# What may be aimed at one cell, and what stays until it is healed.
PER_CELL = frozenset({
    "cell_jammed", "cell_needs_push", "cell_needs_pull", "cell_no_latch", "opens_late", "sensor_stuck_open",
    "sensor_stuck_closed", "door_forced",
})  # fmt: skip
LASTING = PER_CELL - {"door_forced"} | {
    "board_dead", "board_silent", "noise_before", "noise_behind", "adapter_echoes", "replies_delayed", "cable_cut",
    "port_unplugged", "power_cut", "disk_full", "disk_io_error", "clock_unsure", "clock_stepped", "clock_drifts",
    "link_down", "kiosk_gone", "broker_loses", "broker_repeats", "broker_turns_round", "broker_slow", "backend_restored",
    "camera_frozen", "camera_black", "camera_garbage", "camera_gone", "camera_hangs",
}  # fmt: skip


def _fault(
    part: Part, name: str, strike: Strike, does: str, healed: str, per_day: float = 4.0
) -> tuple[str, Fault]:
    return name, Fault(name, part, does, healed, per_day, strike, name in PER_CELL, name in LASTING)


CATALOGUE: dict[str, Fault] = dict(
    (
        # A cell that jams or is misused is blocked for deposits until a technician comes: these are kept rare.
        _fault(Part.DOOR, "cell_jammed", matter.condition(Condition.JAMMED), "the bolt never moves", "after 5 to 20 min"),
        _fault(Part.DOOR, "cell_jammed_again", matter.jammed_for_a_courier, "a cell that a courier is to empty jams", "after somebody has tried it", 24),
        _fault(Part.DOOR, "cell_needs_push", matter.condition(Condition.NEEDS_PUSH), "the bolt moves only while the door is pressed", "after 5 to 20 min", 6),
        _fault(Part.DOOR, "cell_needs_pull", matter.condition(Condition.NEEDS_PULL), "the hook lets go and the door stays", "after 5 to 20 min", 6),
        _fault(Part.DOOR, "cell_no_latch", matter.condition(Condition.NO_LATCH), "the door shuts and the hook does not catch", "after 5 to 20 min"),
        _fault(Part.DOOR, "opens_late", matter.opens_late, "the spring takes 1 to 50 s to pop the door", "after 5 to 20 min", 8),
        _fault(Part.DOOR, "sensor_stuck_open", matter.sensor(Sensor.STUCK_OPEN), "the contact says open", "after 2 to 10 min"),
        _fault(Part.DOOR, "sensor_stuck_closed", matter.sensor(Sensor.STUCK_CLOSED), "the contact says closed", "after 2 to 10 min"),
        _fault(Part.DOOR, "door_forced", matter.door_forced, "a crowbar opens a door; sometimes the parcel goes", "somebody pushes it shut", 8),
        _fault(Part.DOOR, "door_forced_before_pulse", matter.door_forced_before_pulse, "a crowbar opens the door beside one that is about to be pulsed", "somebody pushes it shut", 8),
        _fault(Part.DOOR, "wrong_door", matter.wrong_door, "two locks are crossed for one pulse", "after that pulse", 6),
        _fault(Part.BOARD, "board_dead", electric.board("dead"), "a board neither obeys nor answers", "after 1 s to 3 min", 6),
        _fault(Part.BOARD, "board_silent", electric.board("silent"), "a board obeys and does not answer", "after 1 s to 3 min", 6),
        _fault(Part.BOARD, "board_reset", electric.board_reset, "a board's supply fails for a moment: its coils fall", "at once", 6),
        _fault(Part.WIRE, "noise_before", electric.noise("noise_before"), "garbage before each reply", "after 1 s to 3 min"),
        _fault(Part.WIRE, "noise_behind", electric.noise("noise_behind"), "garbage behind each reply", "after 1 s to 3 min"),
        _fault(Part.WIRE, "adapter_echoes", electric.echo, "the adapter hears itself, against its configuration", "after 1 s to 3 min"),
        _fault(Part.WIRE, "replies_delayed", electric.delay, "the adapter hands replies on late", "after 1 s to 3 min"),
        _fault(Part.WIRE, "cable_cut", electric.cable_cut, "nothing passes, from any byte on", "after 1 s to 3 min", 6),
        _fault(Part.WIRE, "port_unplugged", electric.port_unplugged, "the adapter is pulled, at any byte", "after 1 s to 3 min", 6),
        _fault(Part.WIRE, "scanner_floods", electric.scanner_floods, "a barcode scanner sends parcels' numbers and garbage without end", "after 2 to 20 s", 8),
        _fault(Part.POWER, "power_cut", machine.power_cut, "the power goes at any await", "after 5 s to 5 min", 6),
        _fault(Part.POWER, "power_cut_in_hand", machine.power_cut_in_hand, "the power goes while somebody is at a door", "after 5 s to 5 min", 8),
        _fault(Part.POWER, "power_cut_before_commit", machine.power_cut_at_commit(before=True), "the power goes before a commit", "after 5 s to 5 min", 6),
        _fault(Part.POWER, "power_cut_after_commit", machine.power_cut_at_commit(before=False), "the power goes after a commit and before its effects", "after 5 s to 5 min", 8),
        _fault(Part.POWER, "power_cut_in_write", machine.power_cut_in_write, "the power goes at any write or sync", "after 5 s to 5 min", 8),
        _fault(Part.POWER, "controller_killed", machine.controller_killed, "the process is killed, boards and people go on", "after 2 to 20 s", 6),
        _fault(Part.DISK, "disk_full", machine.disk_full, "the disk has no space, or what the reserve gives back and no more", "after up to 15 min", 6),
        _fault(Part.DISK, "disk_io_error", machine.disk_io_error, "some writes or syncs fail", "after those", 6),
        _fault(Part.CLOCK, "clock_unsure", machine.clock_unsure, "the machine starts in 1970, and no signed time gets through", "after 2 to 30 min", 4),
        _fault(Part.CLOCK, "clock_empty", machine.clock_empty, "the power goes, and the clock's battery is empty", "after 5 s to 5 min"),
        _fault(Part.CLOCK, "clock_stepped", machine.clock_stepped, "the system's clock is set wrong by seconds to weeks", "after 5 s to 1 h", 8),
        _fault(Part.CLOCK, "clock_drifts", machine.clock_drifts, "the machine's clocks are up to 100 ppm fast or slow", "after 10 min to 2 h"),
        _fault(Part.NETWORK, "link_down", outside.link_down, "the backend is away", "after 10 s to 10 min", 6),
        _fault(Part.NETWORK, "forged_list", outside.forged_list, "a hostile link sends lists and commands that nobody signed, or another did", "at once"),
        _fault(Part.NETWORK, "replayed_objects", outside.replayed, "a hostile link sends yesterday's lists and commands again", "at once"),
        _fault(Part.NETWORK, "broker_loses", network.weather("dropped", network.SHARE), "the broker loses messages that it has confirmed", "after 30 s to 5 min"),
        _fault(Part.NETWORK, "broker_repeats", network.weather("repeated", network.SHARE), "the broker delivers messages twice", "after 30 s to 5 min"),
        _fault(Part.NETWORK, "broker_turns_round", network.weather("turned", network.SHARE), "the broker delivers messages in another order", "after 30 s to 5 min"),
        _fault(Part.NETWORK, "broker_slow", network.weather("delay_s", 20.0), "messages take up to 20 s, and overtake each other", "after 30 s to 5 min"),
        _fault(Part.NETWORK, "broker_wiped", network.wiped, "the broker starts anew with an empty disk", "at once"),
        _fault(Part.NETWORK, "broker_hostile", network.hostile, "whoever holds the broker repeats, bends and forges all that was said, and floods both sides", "at once"),
        _fault(Part.NETWORK, "backend_restored", network.restored, "the backend is lost, and goes on from a copy that is older than what it was told", "once the locker has told it again", 2),
        _fault(Part.KIOSK, "kiosk_gone", outside.kiosk_gone, "the browser dies", "after 2 to 30 s", 6),
        _fault(Part.KIOSK, "kiosk_nonsense", outside.kiosk_nonsense, "the kiosk sends bytes that mean nothing, and is dropped", "it comes back", 4),
        _fault(Part.CAMERA, "camera_frozen", optics.camera(Ill.FROZEN), "the camera sends one picture again and again", "after 5 s to 5 min"),
        _fault(Part.CAMERA, "camera_black", optics.camera(Ill.BLACK), "something lies on the camera's lens", "after 5 s to 5 min"),
        _fault(Part.CAMERA, "camera_garbage", optics.camera(Ill.GARBAGE), "what the camera sends is no picture", "after 5 s to 5 min"),
        _fault(Part.CAMERA, "camera_gone", optics.camera(Ill.GONE), "the camera is unplugged", "after 5 s to 5 min"),
        _fault(Part.CAMERA, "camera_hangs", optics.camera(Ill.HANGS), "the camera never answers, and its process starts anew again and again", "after 5 s to 5 min"),
        _fault(Part.CAMERA, "scanner_crashed", optics.scanner_crashed, "the scanner's process dies by itself", "systemd starts it anew"),
        _fault(Part.PEOPLE, "quiet_cell_ordered", outside.quiet_cell_ordered, "a shop orders into a cell within its quiet hour", "it chooses again", 6),
        _fault(Part.PEOPLE, "presses_everything", outside.presses_everything, "somebody presses every button, listed or not, also on yesterday's screen", "goes away", 8),
        _fault(Part.PEOPLE, "presses_at_the_deadline", outside.presses_at_the_deadline, "somebody presses in the moment in which the screen changes by itself", "at once", 12),
        _fault(Part.PEOPLE, "wrong_cabinet", outside.wrong_cabinet, "another cabinet's customer types a code that works there", "goes away", 6),
        _fault(Part.PEOPLE, "keypad_robot", outside.keypad_robot, "somebody types codes at random", "goes away", 2),
        _fault(Part.PEOPLE, "app_and_keypad", outside.app_and_keypad, "a buyer opens from the app while another is at the screen", "at once", 12),
        _fault(Part.PEOPLE, "app_again_and_again", outside.app_again, "a buyer presses «Открыть» in the app again and again", "goes away", 4),
        _fault(Part.PEOPLE, "codes_held_up", codes.held_up, "somebody holds up codes of other lockers and of yesterday, bent and forged ones, and a good one at the wrong moment", "goes away", 24),
    )
)  # fmt: skip
