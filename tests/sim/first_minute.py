"""The first minute with the simulator: whoever clicks only what glows has a parcel in the locker, and its buyer's door open."""

from playwright.async_api import Page

CLICKS = ("#bring", "[data-person='courier'] .type", "[data-put]", ".door", "[data-person='alia'] .type")


async def play(page: Page) -> None:
    """Five clicks, until the parcel glows in its open cell. Strict: nothing else glows."""
    for thing in CLICKS:
        await page.locator(f"{thing}.glow").wait_for()
        await page.locator(".glow").click()
    await page.locator(".parcel.glow").wait_for()
