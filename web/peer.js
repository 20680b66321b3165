// peer.js - a Troupe process as a page sees it: the same over all sockets that come and go. What a role is asked while there
// is none fails at once with E.DOWN; what was asked when one broke fails with E.LOST; subscriptions go on over the next, and
// are told what they missed.
import { E, TroupeError } from './errors.js';
import { follow } from './follow.js';
import { HELLO_MS, LINK_QUEUE_BYTES_MAX } from './limits.js';
import { Link } from './link.js';
import { Topics } from './topics.js';

export const SUBPROTOCOL = 'pair.sp.nanomsg.org';
const AGAIN_MS = 250;
const AGAIN_MS_MAX = 10000;

export class Peer {
  #dial;
  #on_state;
  #socket = null;
  #link = null;
  #roles = new Map();
  #topics = new Topics((ref) => this.target(ref));
  #timer;
  #pause_ms = AGAIN_MS;
  #closed = false;

  // `dial` promises a WebSocket that speaks SUBPROTOCOL, a new one each time. `on_state(up, error)` is told when there is a
  // link and when there is none.
  constructor(dial, on_state = () => {}) {
    this.#dial = dial;
    this.#on_state = on_state;
    this.#connect();
  }

  get up() {
    return this.#link?.up ?? false;
  }

  // What stands for a role, whatever link there is: always the same object.
  role(name) {
    if (!this.#roles.has(name)) {
      this.#roles.set(name, Object.freeze({ peer: this, role: name }));
    }
    return this.#roles.get(name);
  }

  // Where a ref leads now: { link, id }.
  target(ref) {
    if (ref.role === undefined) {
      return ref; // the link itself says whether it is still there
    }
    if (!this.up) {
      throw new TroupeError(E.DOWN, 'not connected');
    }
    const id = this.#link.roles.get(ref.role);
    if (id === undefined) {
      throw new TroupeError(E.NOENT, `no role "${ref.role}" here`);
    }
    return { link: this.#link, id };
  }

  subscribe(ref, event, handler) {
    return this.#topics.subscribe(ref, event, handler);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#link?.close();
    this.#socket?.close();
  }

  // ---- sockets ------------------------------------------------------------------------------------------------------------

  async #connect() {
    let socket;
    try {
      socket = await this.#dial();
    } catch (error) {
      this.#over(null, error);
      return;
    }
    if (this.#closed) {
      socket.close();
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#timer = setTimeout(() => socket.close(), HELLO_MS);
    socket.onopen = () => this.#open(socket);
    socket.onclose = () => this.#over(socket, new TroupeError(E.LOST, 'the connection was closed'));
    if (socket.readyState === 1) {
      this.#open(socket);
    }
  }

  #open(socket) {
    if (this.#link !== null && this.#link.ended === null) {
      return;
    }
    const link = new Link((bytes) => socket.send(bytes), {
      room: () => socket.bufferedAmount < LINK_QUEUE_BYTES_MAX,
      up: () => this.#is_up(),
      event: (frame) => this.#topics.event(frame),
      heartbeat: (frame) => this.#topics.heartbeat(frame),
      ended: (error) => this.#over(socket, error),
    });
    link.peer = this;
    this.#link = link;
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        link.receive(new Uint8Array(data));
      } else {
        link.end(new TroupeError(E.MALFORMED, 'a message of text'));
      }
    };
  }

  #is_up() {
    clearTimeout(this.#timer);
    this.#pause_ms = AGAIN_MS;
    this.#on_state(true, null);
    this.#topics.up();
  }

  // Once for each socket: whichever says first that it is over.
  #over(socket, error) {
    if (socket !== this.#socket) {
      return;
    }
    clearTimeout(this.#timer);
    this.#socket = null;
    this.#link?.end(error);
    socket?.close();
    this.#topics.ended();
    this.#on_state(false, error);
    if (!this.#closed) {
      this.#timer = setTimeout(() => this.#connect(), this.#pause_ms * (0.5 + Math.random()));
      this.#pause_ms = Math.min(2 * this.#pause_ms, AGAIN_MS_MAX);
    }
  }
}

// What generated modules extend: `new Node(peer.role('node'))`, `new Wallet(ref)`. Names with a $ are not an interface's.
export class Facade {
  constructor(ref) {
    this.$ref = ref.$ref ?? ref;
    this.$peer = this.$ref.peer ?? this.$ref.link.peer;
  }

  async $call(method, args, options) {
    const { link, id } = this.$peer.target(this.$ref);
    return link.call(id, method, args, options);
  }

  async *$stream(method, args, options) {
    const { link, id } = this.$peer.target(this.$ref);
    yield* link.stream(id, method, args, options);
  }

  $tell(method, args) {
    const { link, id } = this.$peer.target(this.$ref);
    link.tell(id, method, args);
  }

  $subscribe(event, handler) {
    return this.$peer.subscribe(this.$ref, event, handler);
  }

  $follow(event, on_snapshot, on_event) {
    return follow(
      () => this.$call(event.snapshot, {}),
      (handler) => this.$subscribe(event, handler),
      on_snapshot,
      on_event,
    );
  }

  // A ref that came in a message is held no more.
  $drop() {
    this.$ref.link?.drop(this.$ref);
  }
}
