"""The one real browser of the tests, for the panel's page too."""

from tests.kiosk.conftest import browser, runner

__all__ = ["browser", "runner"]
