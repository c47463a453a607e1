"""`postomat-sim`: the simulator's command line. Exit codes: 0 fine, 1 failed, 2 usage, 42 a scenario timed out."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable

import msgspec

from firmware.errors import PostomatError

BEGAN = "POSTOMAT_SIM_BEGAN_S"  # of perf_counter, which is the whole machine's: `make sim` may fetch packages before


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main_parser = argparse.ArgumentParser(
        prog="postomat-sim", description="A parcel locker in a simulated world."
    )
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="a live locker, with its page in the browser")
    run.add_argument("--port", type=_port, default=8080, metavar="N", help="of the page; default: 8080")
    run.add_argument("--seed", type=int, default=1, metavar="N", help="of codes and keys; default: 1")
    run.add_argument(
        "--cabinet", default="rs485", metavar="NAME", help="rs485, gpio or standard-64; default: rs485"
    )
    run.add_argument("--no-browser", action="store_true", help="open no browser")
    scenario = commands.add_parser("scenario", help="play scripted scenarios")
    scenario.add_argument("names", nargs="+", metavar="NAME", help="a name, a file, or `list`")
    scenario.add_argument("--live", action="store_true", help="on ptys, sockets and the real clock")
    scenario.add_argument("--json", action="store_true", help="for scripts")
    _add_explore(commands)
    _add_fleet(commands)
    return main_parser


def _add_explore(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    explore = commands.add_parser("explore", help="search seeds for a broken invariant")
    explore.add_argument("--seeds", type=_count, required=True, metavar="N", help="how many")
    explore.add_argument(
        "--from", type=int, default=0, dest="first", metavar="S", help="the first; default: 0"
    )
    long = explore.add_mutually_exclusive_group(required=True)
    long.add_argument("--days", type=_positive, metavar="D", help="of each locker's life")
    long.add_argument("--hours", type=_positive, metavar="H", help="of each locker's life")
    explore.add_argument("--jobs", type=_count, default=1, metavar="J", help="processes; default: 1")
    explore.add_argument("--json", action="store_true", help="for scripts")
    explore.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="fail where a fault never fired or a transition was never taken; default: from 100 locker-hours on",
    )
    replay = commands.add_parser("replay", help="one seed again, or a plan's file")
    replay.add_argument("what", metavar="SEED|FILE")
    replay.add_argument("--hours", type=_positive, default=24.0, metavar="H", help="of a seed; default: 24")
    replay.add_argument("--json", action="store_true", help="for scripts")


def _add_fleet(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    fleet = commands.add_parser("fleet", help="many lockers against one broker; nothing may be lost")
    fleet.add_argument("--lockers", type=_count, required=True, metavar="N", help="how many")
    fleet.add_argument(
        "--broker",
        type=_broker,
        nargs="+",
        default=[],
        metavar="URL",
        help="mqtt://host:port, tried in turn; default: a NATS server of its own",
    )
    fleet.add_argument("--jobs", type=_count, default=2, metavar="J", help="processes; default: 2")
    fleet.add_argument("--minutes", type=_positive, default=1.0, metavar="M", help="of load; default: 1")
    fleet.add_argument(
        "--pause",
        type=_positive,
        default=10.0,
        metavar="S",
        help="between two visits at a locker; default: 10",
    )
    fleet.add_argument(
        "--kill-broker", action="store_true", help="kill its own broker midway, and start it again"
    )
    fleet.add_argument("--json", action="store_true", help="for scripts")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code. Errors are one line on stderr."""
    options = parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except PostomatError as error:
        print(f"postomat-sim: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 1


def _run(options: argparse.Namespace) -> int:
    began_s = float(os.environ.get(BEGAN) or time.perf_counter())
    from sim.run import run

    run(options.port, options.seed, options.cabinet, began_s, browser=not options.no_browser)
    return 0


def _scenario(options: argparse.Namespace) -> int:
    from sim import scenario

    if options.names == ["list"]:
        for name in scenario.names():
            _say(f"{name:<32}{scenario.read(name).title}")
        return 0
    chosen = [
        (name, scenario.read(name)) for name in options.names
    ]  # all names are known before the first is played
    results = []
    for name, script in chosen:
        result = scenario.run(name, script, live=options.live)
        results.append(result)
        if not options.json:
            _say(
                f"{'passed' if result.ok else 'FAILED'}  {name:<32}{result.seconds:>10.1f} s  {result.error or ''}".rstrip()
            )
    if options.json:
        _say(msgspec.json.encode(results).decode())
    if all(result.ok for result in results):
        return 0
    return 42 if any(result.timed_out for result in results) else 1


def _explore(options: argparse.Namespace) -> int:
    from sim import explore

    hours = options.hours or 24 * options.days
    result = explore.explore(options.first, options.seeds, hours, jobs=options.jobs, strict=options.strict)
    if options.json:
        _say(msgspec.json.encode(result).decode())
        return 0 if result.ok else 1
    for life in result.lives:
        if life.breach is not None:
            _say("\n".join(explore.told(life)))
        if life.seed in result.shortened:
            _say(f"  shortened: postomat-sim replay {result.shortened[life.seed]}")
    untried = {
        "fault": result.never_fired,
        "transition": result.never_taken,
        "command": result.never_carried_out,
    }
    for name, missing in untried.items():
        for each in missing if result.strict else ():
            _say(f"{name} never seen: {each}")
    _say(
        f"{'every invariant held' if result.ok else 'FAILED'}: {result.seeds} lockers, {result.hours:g} h each, "
        f"{result.events} events, {result.exchanges} exchanges of {result.exchange_us} µs, "
        f"{result.factor:g} times real time, trace {result.trace_hash[:16]}"
    )
    return 0 if result.ok else 1


def _replay(options: argparse.Namespace) -> int:
    from sim import explore

    life = explore.replay(options.what, options.hours)
    _say(msgspec.json.encode(life).decode() if options.json else "\n".join(explore.told(life)))
    return 0 if life.breach is None else 1


def _fleet(options: argparse.Namespace) -> int:
    from sim.fleet import fleet
    from sim.fleet.report import words

    if options.broker and options.kill_broker:
        parser().error("--kill-broker: kills no broker but its own; leave out --broker")
    plan = fleet.Plan(
        options.lockers,
        options.jobs,
        options.minutes,
        options.pause,
        tuple(options.broker),
        kill_broker=options.kill_broker,
    )
    report = fleet.run(plan)
    _say(msgspec.json.encode(report).decode() if options.json else "\n".join(words(report)))
    return 0 if report.ok else 1


def _count(text: str) -> int:
    """A whole number from 1 on. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _positive(text: str) -> float:
    """A number above 0. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _port(text: str) -> int:
    """A port's number. Raises ArgumentTypeError, naming the bounds."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _broker(text: str) -> str:
    """A broker's address without TLS: a fleet has no certificates. Raises ArgumentTypeError."""
    if not re.fullmatch(r"mqtt://[A-Za-z0-9.-]+(:[0-9]{1,5})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not mqtt://host:port")
    return text


def _say(text: str) -> None:
    print(text)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "scenario": _scenario,
    "explore": _explore,
    "replay": _replay,
    "fleet": _fleet,
}


if __name__ == "__main__":
    sys.exit(main())
