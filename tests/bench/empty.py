"""`python -m tests.bench.empty`: an empty page that sends each touch to its server, and shows what comes back. Until stdin ends.

Says `ready ADDRESS`. What a touch costs here no kiosk could save: the browser's input, a WebSocket both ways, a paint.
"""

import asyncio
import sys

from sim import web

HTML = b"<!doctype html><html lang='en'><title>Empty</title><script type='module' src='/page.js'></script><body></body>"
SCRIPT = b"""
const socket = new WebSocket(`ws://${location.host}/ws`);
let count = 0;
addEventListener("click", () => socket.send(String(count += 1)));
socket.onmessage = ({ data }) => { document.documentElement.dataset.screen = document.body.textContent = data; };
socket.onopen = () => { document.documentElement.dataset.shown = "yes"; };
"""
FILES = {"/": web.File(HTML, "text/html"), "/page.js": web.File(SCRIPT, "text/javascript")}


async def echo(page: web.Page) -> None:
    """Send back what comes."""
    async for text in page:
        await page.send(text.encode())


async def serve() -> None:
    """Serve it until stdin ends."""
    with web.listen(0) as listener:
        async with web.serving(
            listener, FILES, "default-src 'self'; connect-src 'self' ws://127.0.0.1:*", "/ws", echo
        ):
            address, *_ = web.origins(listener.getsockname()[1])
            sys.stdout.write(f"ready {address}\n")
            sys.stdout.flush()
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
