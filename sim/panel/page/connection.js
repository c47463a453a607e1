// The page's line to the simulator: it comes back by itself, and says when it is gone.

const RETRY_MS = 1_000;

export class Connection {
  /** `handlers`: by the type of a message, what to do with it; and `gone()`. */
  constructor(handlers) {
    this.handlers = handlers;
    this.open();
  }

  open() {
    this.socket = new WebSocket(`ws://${location.host}/world`);
    this.socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      this.handlers[message.type](message);
    };
    this.socket.onclose = () => {
      this.handlers.gone();
      setTimeout(() => this.open(), RETRY_MS);
    };
  }

  /** Say what somebody's hands do; without a line nothing is kept for later. */
  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
