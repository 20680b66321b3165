// other.mjs - the other end of a link, played by a test: it sees each frame that leaves and sends what it likes.
import { read_frames, write_frame } from '../../web/frames.js';
import { Link } from '../../web/link.js';

export const INTERFACES = [[900, 2, 1n]];

export class Other {
  frames = []; // that arrived and were not taken

  constructor(roles = ['one']) {
    this.roles = roles;
  }

  arrived(bytes) {
    this.frames.push(...read_frames(bytes));
  }

  // The next frame, which must be of that kind.
  take(kind) {
    const frame = this.frames.shift();
    if (frame?.kind !== kind) {
      throw new Error(`expected a ${kind}, not ${frame?.kind ?? 'nothing'}`);
    }
    return frame;
  }

  say(frame) {
    this.deliver(write_frame({ refs: [], ...frame }));
  }

  hello() {
    this.take('hello');
    this.say({ kind: 'hello', protocol: 1, max_frame: 131072, max_inflight: 4096, interfaces: INTERFACES, roles: this.roles });
  }
}

// A link and its other end, up. `hooks` beside those that are needed.
export function link_up(hooks = {}) {
  const other = new Other();
  const link = new Link((bytes) => other.arrived(bytes), {
    up() {}, event() {}, heartbeat() {}, ended() {}, room: () => true, ...hooks,
  });
  other.deliver = (bytes) => link.receive(bytes);
  other.hello();
  return { link, other };
}

// A WebSocket without a network, for a Peer: dial() makes one, `sockets` has their other ends.
export class Sockets {
  sockets = [];
  #waiting = [];

  dial = async () => {
    const other = new Other();
    const socket = {
      readyState: 0,
      bufferedAmount: 0,
      send: (bytes) => other.arrived(bytes),
      close: () => other.close(),
    };
    other.socket = socket;
    other.deliver = (bytes) => socket.onmessage({ data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) });
    other.close = () => {
      if (socket.readyState !== 3) {
        socket.readyState = 3;
        queueMicrotask(() => socket.onclose());
      }
    };
    this.sockets.push(other);
    setImmediate(() => {
      socket.readyState = 1;
      socket.onopen();
      this.#waiting.shift()?.(other);
    });
    return socket;
  };

  // The other end of the next socket, open.
  next() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

// Lets all that waits for a promise run.
export async function settle() {
  for (let i = 0; i < 20; i++) {
    await null;
  }
}
