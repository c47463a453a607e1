"""A camera of the network: an MJPEG stream over HTTP, made of whatever a test gives it.

It sends what it was given at once, and then the last picture again and again, as a camera does before which nothing happens.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

END = b""
AGAIN_S = 0.02


class Stream:
    """Parts that are put in come out, each one picture; END ends the connection."""

    def __init__(self, url: str, parts: "queue.Queue[bytes]") -> None:
        self.url = url
        self.is_live = True  # False: nothing is sent again
        self._parts = parts

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self._parts.put(part)


@contextmanager
def stream() -> Iterator[Stream]:
    """It is there while the context lasts."""
    parts: queue.Queue[bytes] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            part = END
            while True:
                try:
                    part = parts.get(timeout=AGAIN_S)
                except queue.Empty:
                    if not (part and made.is_live):
                        continue
                if not part:
                    return
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(part)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + part + b"\r\n")
                except OSError:
                    return

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    made = Stream(f"http://127.0.0.1:{server.server_port}/", parts)
    try:
        yield made
    finally:
        parts.put(END)
        server.shutdown()
        thread.join()
        server.server_close()
