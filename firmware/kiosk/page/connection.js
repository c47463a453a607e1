// The page's line to the kiosk's server: it comes back by itself, and says when it is gone.

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000]; // pauses between attempts; the last one repeats

export class Connection {
  /** `handlers`: show(message), told(message), away(retryAt or null), superseded(). Times are performance.now().
   * `announces()`: whether the page says that pictures are kept. */
  constructor(handlers, heartbeatMs, announces) {
    this.handlers = handlers;
    this.failures = 0;
    this.ended = false;
    setInterval(() => requestAnimationFrame(() => {
      const beat = announces() ? { type: "heartbeat", ring: true } : { type: "heartbeat" };
      requestAnimationFrame(() => this.send(beat)); // what it speaks of has been painted in between
    }), heartbeatMs);
  }

  open() {
    this.ended = false;
    const socket = new WebSocket(`ws://${location.host}/ws`);
    this.socket = socket;
    socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    socket.onclose = () => {
      if (socket === this.socket && !this.ended) this.retry();
    };
  }

  receive(message) {
    if (message.type === "show") this.failures = 0;
    if (message.type === "superseded") this.ended = true; // another page was opened on purpose: do not take turns
    if (message.type === "away") this.handlers.away(null);
    else this.handlers[message.type](message);
  }

  retry() {
    const pause = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures += 1;
    this.handlers.away(performance.now() + pause);
    setTimeout(() => this.open(), pause);
  }

  /** Whether it left; without a line nothing is kept for later, since the screen will be another one. */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
