"""`postomat-sim`: the simulator's command line. Exit codes: 0 fine, 1 failed, 2 usage, 42 a scenario timed out."""

import argparse
import sys
from collections.abc import Callable

import msgspec

from firmware.errors import PostomatError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main_parser = argparse.ArgumentParser(
        prog="postomat-sim", description="A parcel locker in a simulated world."
    )
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="a live locker, with its page in the browser")
    run.add_argument("--port", type=_port, default=8080, metavar="N", help="of the page; default: 8080")
    run.add_argument("--seed", type=int, default=1, metavar="N", help="of codes and keys; default: 1")
    run.add_argument("--no-browser", action="store_true", help="open no browser")
    scenario = commands.add_parser("scenario", help="play scripted scenarios")
    scenario.add_argument("names", nargs="+", metavar="NAME", help="a name, a file, or `list`")
    scenario.add_argument("--live", action="store_true", help="on ptys, sockets and the real clock")
    scenario.add_argument("--json", action="store_true", help="for scripts")
    return main_parser


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
    from sim.run import run

    run(options.port, options.seed, browser=not options.no_browser)
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


def _port(text: str) -> int:
    """A port's number. Raises ArgumentTypeError, naming the bounds."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _say(text: str) -> None:
    print(text)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"run": _run, "scenario": _scenario}


if __name__ == "__main__":
    sys.exit(main())
