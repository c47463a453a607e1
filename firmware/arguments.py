"""The command line of `postomat`."""

import argparse
from pathlib import Path
from typing import Any

from firmware.scanner.ring import RING_MAX_S

DEFAULT_CONFIG = Path("/etc/postomat/postomat.toml")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """What was asked for (None: by the process's own arguments). Exits with 2, and says why, where that is no command of ours."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "scanner" and bool(options.ring_s) != bool(options.ring_folder):
        parser.error("--ring-s and --ring-folder go together")
    return options


def _parser() -> argparse.ArgumentParser:
    """The command line. Help texts are for technicians."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )
    main_parser = argparse.ArgumentParser(prog="postomat", description="The firmware of a parcel locker.")
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "run", parents=[common], help="the controller: decides, drives locks, keeps the journal"
    )
    commands.add_parser("kiosk", parents=[common], help="the screen's server")
    commands.add_parser("link", parents=[common], help="between the controller and the backend's broker")
    _add_scanner(commands, common)
    ctl = commands.add_parser("ctl", help="ask the running controller").add_subparsers(
        dest="question", required=True, metavar="QUESTION"
    )
    for name, text in (("status", "what it is doing"), ("cells", "every cell"), ("journal", "what happened")):
        question = ctl.add_parser(name, parents=[common], help=text)
        question.add_argument("--json", action="store_true", help="for scripts")
        if name == "journal":
            question.add_argument(
                "--after", type=int, default=-50, metavar="SEQ", help="negative: from the end"
            )
            question.add_argument("--limit", type=int, default=1_000, metavar="N")
    config = commands.add_parser("config", help="the configuration").add_subparsers(
        dest="question", required=True, metavar="QUESTION"
    )
    config.add_parser("check", parents=[common], help="say what is wrong with it, or nothing")
    show = config.add_parser("show", parents=[common], help="the effective configuration")
    show.add_argument("--origin", action="store_true", help="where each value comes from")
    config.add_parser("schema", help="its JSON Schema")
    _add_provision(commands, common)
    commands.add_parser("version", help="this release")
    return main_parser


def _add_provision(commands: Any, common: argparse.ArgumentParser) -> None:
    provision = commands.add_parser(
        "provision",
        parents=[common],
        help="make the locker's secrets, and say what backend and broker must be told",
    )
    provision.add_argument("--json", action="store_true", help="for scripts")
    provision.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="default: paths.credentials, else the configuration's folder",
    )
    provision.add_argument(
        "--test-ca",
        type=Path,
        metavar="DIR",
        help="have an authority in this folder sign at once; made if missing",
    )


def _add_scanner(commands: Any, common: argparse.ArgumentParser) -> None:
    scanner = commands.add_parser("scanner", parents=[common], help="the camera, and barcode scanners")
    scanner.add_argument(
        "--ring-s",
        type=_ring_s,
        default=0,
        metavar="N",
        help=f"for debugging: keep the last N seconds of pictures in memory, at most {RING_MAX_S}; the screen says so",
    )
    scanner.add_argument(
        "--ring-folder", type=Path, metavar="DIR", help="where SIGUSR1 writes them; nothing is written else"
    )


def _ring_s(text: str) -> int:
    seconds = int(text)
    if not 1 <= seconds <= RING_MAX_S:
        raise argparse.ArgumentTypeError(f"{seconds} is not from 1 to {RING_MAX_S}")
    return seconds
