"""Planted bugs, each a small patch: whoever hunts for bugs in this house must find every one of them.

A patch begins with two lines: `Bug:` says what it breaks, `Hunter:` who is expected to find it. The hunters are

- `explore SEEDS HOURS`: the explorer, at most so many lockers' lives, until one breaks an invariant;
- `walk`: the random walk on the mind; `crash`: the power cuts under the real store;
- anything else: that file or test, for pytest.

`python -m tests.canaries [NAME ...]` hunts and prints a table. tests/test_canaries.py hunts for a few each time.
"""
