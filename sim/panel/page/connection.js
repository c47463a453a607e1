// The page's line to the simulator: it comes back by itself, and says when it is gone.

const RETRY_MS = 1_000;

export class Connection {
  /** `hear(message)` for each that comes, `gone()` when the line is lost. */
  constructor(hear, gone) {
    Object.assign(this, { hear, gone });
    this.open();
  }

  open() {
    this.socket = new WebSocket(`ws://${location.host}/world`);
    this.socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    this.socket.onclose = () => {
      this.gone();
      setTimeout(() => this.open(), RETRY_MS);
    };
  }

  /** Say what somebody does; without a line nothing is kept for later. */
  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
