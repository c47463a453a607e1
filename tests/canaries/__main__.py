"""`python -m tests.canaries [NAME ...]`: hunt for the planted bugs, print one table; exit 1 where one was not found."""

import argparse
import sys

from tests.canaries.hunt import StaleCanary, canaries, hunt


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 where every bug is found, 1 where one is not or its patch is stale, 2 for a name that does not exist."""
    known = canaries()
    parser = argparse.ArgumentParser(prog="python -m tests.canaries", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in known]:
        parser.error(f"no canary {', '.join(unknown)}; there are: {', '.join(known)}")
    names = chosen.names or list(known)
    width, lost = max(map(len, names)), 0
    print(f"{'canary':<{width}}  {'seconds':>7}  found by", flush=True)
    for name in names:
        try:
            find = hunt(known[name])
        except StaleCanary as error:
            print(f"{name:<{width}}  {'':>7}  STALE {error}", flush=True)
            lost += 1
            continue
        lost += not find.found
        print(
            f"{name:<{width}}  {find.seconds:7.1f}  {'' if find.found else 'NOT FOUND '}{find.by}", flush=True
        )
    print(f"{len(names) - lost} of {len(names)} found")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
