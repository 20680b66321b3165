// link.js - one conversation with a Troupe process, from its first frame to its last. Knows no socket: frames leave by
// `send(bytes)`, what arrives is given to receive(). When it has ended it stays so; peer.js makes the next.
//
//   calls    a request each; ended once: by its answer, its deadline, its signal, or the end of the link
//   streams  items, at most STREAM_WINDOW_MESSAGES ahead of who reads them
//   blobs    in chunks, as the other side's window has room
//   events   are handed to `on_event`; topics.js knows what they mean
//
// What the other side sends is checked; what breaks a rule ends the link, as on the other side.
import { encode } from './cbor.js';
import { E, TroupeError } from './errors.js';
import { read_frames, write_frame } from './frames.js';
import * as limits from './limits.js';

export class Link {
  interfaces = new Map(); // id -> version, what the other side serves
  roles = new Map(); // name -> target
  up = false;
  ended = null; // the TroupeError that says why
  peer = null; // whose link it is
  #send;
  #hooks;
  #asked = new Map(); // id -> what was asked
  #last_id = 0;
  #window_messages = limits.LINK_WINDOW_MESSAGES;
  #window_bytes = limits.LINK_WINDOW_BYTES;
  #blob_window = limits.LINK_BLOB_BYTES_MAX; // what we may still send of chunks
  #chunks = []; // of blobs, that wait for it
  #unread_bytes = 0; // of chunks that came, of answers that are not whole
  #owed_bytes = 0; // of those that are, the other side not yet told
  #assembling = null;
  #trace = crypto.getRandomValues(new BigUint64Array(1))[0];

  // hooks: up(), event(frame), heartbeat(frame), ended(error); room(): more may be sent now
  constructor(send, hooks) {
    this.#send = send;
    this.#hooks = hooks;
    this.#write({
      kind: 'hello',
      protocol: limits.PROTOCOL,
      max_frame: limits.FRAME_BYTES_MAX,
      max_inflight: limits.LINK_INFLIGHT_MAX,
      interfaces: [],
      roles: [],
    });
  }

  #write(frame) {
    if (this.ended === null) {
      this.#send(write_frame(frame));
    }
  }

  // ---- what is asked ----------------------------------------------------------------------------------------------------

  // A promise of the results; `to` is a target.
  call(to, method, args, options = {}) {
    return new Promise((resolve, reject) => {
      const ask = this.#ask(to, method, args, options);
      ask.on_reply = (message) => resolve(method.results.$read(message.map, method.name, message));
      ask.on_error = reject;
    });
  }

  tell(to, method, args) {
    const context = this.#context();
    const map = method.args.$write(args, method.name, context);
    this.#admit(method, map, context);
    this.#write(this.#request(0, to, method, map, context, 0));
  }

  // Items, as an async iterator; leaving the loop cancels.
  async *stream(to, method, args, options = {}) {
    const ready = [];
    let over = null; // true at the end, or an error
    let wake = () => {};
    let unacknowledged = 0;
    const ask = this.#ask(to, method, args, options);
    ask.items = 0;
    ask.granted = limits.STREAM_WINDOW_MESSAGES;
    ask.on_item = (message) => {
      clearTimeout(ask.timer); // it runs while an item is waited for
      ready.push(message);
      wake();
    };
    const end = (how) => {
      over = how;
      wake();
    };
    ask.on_reply = () => end(true);
    ask.on_error = end;
    try {
      for (;;) {
        while (ready.length === 0 && over === null) {
          this.#arm(ask);
          await new Promise((resolve) => (wake = resolve));
        }
        if (ready.length === 0) {
          if (over !== true) {
            throw over;
          }
          return;
        }
        const message = ready.shift();
        yield method.item.$read(message.map, method.name, message);
        if (++unacknowledged === limits.STREAM_WINDOW_MESSAGES / 4) {
          ask.granted += unacknowledged;
          this.#write({ kind: 'credit', channel: ask.id * 2, bytes: 0, messages: unacknowledged });
          unacknowledged = 0;
        }
      }
    } finally {
      if (this.#asked.has(ask.id)) {
        this.#give_up(ask);
      }
    }
  }

  #context() {
    const name_ref = (ref) => {
      if (ref?.role !== undefined) {
        return ref.peer === this.peer ? this.roles.get(ref.role) : undefined;
      }
      return ref?.link === this && !ref.dropped ? ref.id : undefined;
    };
    return { refs: [], blob: undefined, name_ref };
  }

  // Refuses what may not be sent, without a trace.
  #admit(method, map, context) {
    const size = encode(map).length;
    if (this.ended !== null) {
      throw new TroupeError(E.DOWN, this.ended.message);
    }
    if (!this.up) {
      throw new TroupeError(E.DOWN, 'not connected yet');
    }
    if (method.since > (this.interfaces.get(method.contract.id) ?? Infinity)) {
      throw new TroupeError(E.UNIMPLEMENTED, `${method.name}: newer than the other side`);
    }
    if (size > limits.FRAME_BYTES_MAX || (context.blob?.length ?? 0) > limits.LINK_BLOB_BYTES_MAX) {
      throw new TroupeError(E.TOOLARGE, `${method.name}: larger than a frame, or a blob, may be`);
    }
    if (
      !this.#hooks.room() ||
      this.#window_messages === 0 ||
      this.#window_bytes < size ||
      this.#asked.size >= limits.LINK_INFLIGHT_MAX ||
      this.#chunks.length > limits.LINK_QUEUE_BYTES_MAX / limits.CHUNK_BYTES_MAX
    ) {
      throw new TroupeError(E.BUSY, `${method.name}: too much is on its way already`);
    }
    this.#window_messages--;
    this.#window_bytes -= size;
  }

  // By which all that follows from a request is found together: a number that no other process has, either.
  #new_trace() {
    this.#trace = BigInt.asUintN(64, this.#trace + 1n) || 1n;
    return this.#trace;
  }

  #request(id, target, method, map, context, budget_ms) {
    return {
      kind: 'request',
      id,
      target,
      interface: method.contract.id,
      method: method.ordinal,
      budget_ms,
      waiting: [],
      trace: this.#new_trace(),
      map,
      refs: context.refs.map((ref) => ({ owner: 1, id: ref })),
      blob: context.blob?.length ?? 0,
    };
  }

  #ask(to, method, args, { deadline_ms = method.deadline_ms, signal } = {}) {
    const context = this.#context();
    const map = method.args.$write(args, method.name, context);
    signal?.throwIfAborted();
    this.#admit(method, map, context);
    const ask = { id: ++this.#last_id, method, deadline_ms, timer: undefined };
    this.#asked.set(ask.id, ask);
    this.#write(this.#request(ask.id, to, method, map, context, deadline_ms));
    this.#send_blob(ask.id * 2, context.blob);
    ask.abort = () => this.#end(ask, new TroupeError(E.CANCELED, `${method.name}: given up`), true);
    signal?.addEventListener('abort', ask.abort, { once: true });
    ask.signal = signal;
    this.#arm(ask);
    return ask;
  }

  #arm(ask) {
    const { method, deadline_ms } = ask;
    clearTimeout(ask.timer);
    ask.timer = setTimeout(
      () => this.#end(ask, new TroupeError(E.TIMEOUT, `${method.name}: no answer in ${deadline_ms} ms`), true),
      deadline_ms,
    );
  }

  // It is asked no more.
  #forget(ask) {
    this.#asked.delete(ask.id);
    clearTimeout(ask.timer);
    ask.signal?.removeEventListener('abort', ask.abort);
    this.#chunks = this.#chunks.filter((chunk) => chunk.stream !== ask.id * 2);
    if (this.#assembling?.ask === ask) {
      this.#blobs_read(this.#assembling.received);
      this.#assembling = null;
    }
  }

  #give_up(ask) {
    this.#forget(ask);
    this.#write({ kind: 'cancel', id: ask.id });
  }

  #end(ask, error, cancel) {
    if (this.#asked.get(ask.id) !== ask) {
      return;
    }
    if (cancel) {
      this.#give_up(ask);
    } else {
      this.#forget(ask);
    }
    ask.on_error(error);
  }

  // ---- blobs ------------------------------------------------------------------------------------------------------------

  #send_blob(stream, blob) {
    for (let offset = 0; blob !== undefined && offset < blob.length; offset += limits.CHUNK_BYTES_MAX) {
      const bytes = blob.subarray(offset, offset + limits.CHUNK_BYTES_MAX);
      this.#chunks.push({ kind: 'chunk', stream, offset, bytes, last: offset + bytes.length === blob.length });
    }
    this.#pump();
  }

  #pump() {
    while (this.#chunks.length > 0 && this.#chunks[0].bytes.length <= this.#blob_window) {
      const chunk = this.#chunks.shift();
      this.#blob_window -= chunk.bytes.length;
      this.#write(chunk);
    }
  }

  #blobs_read(bytes) {
    this.#unread_bytes -= bytes;
    this.#owed_bytes += bytes;
    this.#give_credit();
  }

  #give_credit() {
    if (this.#owed_bytes > 0 && this.#unread_bytes + this.#owed_bytes > limits.LINK_BLOB_BYTES_MAX / 2) {
      this.#write({ kind: 'credit', channel: 3, bytes: this.#owed_bytes, messages: 0 });
      this.#owed_bytes = 0;
    }
  }

  #on_chunk({ stream, offset, bytes, last }) {
    const assembly = this.#assembling;
    if (this.#unread_bytes + this.#owed_bytes + bytes.length > limits.LINK_BLOB_BYTES_MAX) {
      throw new TroupeError(E.PROTOCOL, 'more of blobs than the credit given');
    }
    this.#unread_bytes += bytes.length;
    if (assembly === null || Number(stream) !== assembly.ask.id * 2 + 1) {
      this.#blobs_read(bytes.length); // given up meanwhile: let it pass
      return;
    }
    const end = assembly.received + bytes.length;
    const fits = bytes.length > 0 && end <= assembly.blob.length && last === (end === assembly.blob.length);
    if (Number(offset) !== assembly.received || !fits) {
      throw new TroupeError(E.PROTOCOL, 'a chunk that does not continue its blob');
    }
    assembly.blob.set(bytes, assembly.received);
    assembly.received = end;
    if (last) {
      this.#assembling = null;
      this.#blobs_read(end);
      this.#deliver(assembly.ask, { ...assembly.message, blob: assembly.blob }, assembly.item);
    } else {
      this.#give_credit();
    }
  }

  // ---- what arrives -----------------------------------------------------------------------------------------------------

  // A batch. Nothing is thrown: what is wrong ends the link.
  receive(batch) {
    try {
      for (const frame of read_frames(batch)) {
        if (this.ended !== null) {
          return;
        }
        this.#take(frame);
      }
    } catch (error) {
      this.#refuse(error instanceof TroupeError ? error : new TroupeError(E.MALFORMED, error.message));
    }
  }

  #refuse(error) {
    const code = error.code < 0 && error.code > -100 ? -error.code : -E.PROTOCOL;
    this.#write({ kind: 'goaway', code, text: error.message.slice(0, 80), last_id: 0 });
    this.end(error);
  }

  #take(frame) {
    if (!this.up && frame.kind !== 'hello' && frame.kind !== 'goaway') {
      throw new TroupeError(E.PROTOCOL, 'something before hello');
    }
    switch (frame.kind) {
      case 'hello':
        return this.#on_hello(frame);
      case 'request': // nothing is served here
        return frame.id !== 0 && this.#write({ kind: 'error', id: frame.id, code: -E.UNIMPLEMENTED, text: '', data: null });
      case 'reply':
        return this.#on_answer(frame, false);
      case 'item':
        return this.#on_answer(frame, true);
      case 'error':
        return this.#on_error(frame);
      case 'event':
        return this.#hooks.event({ ...frame, refs: this.#refs_in(frame.refs) });
      case 'heartbeat':
        return this.#hooks.heartbeat(frame);
      case 'credit':
        return this.#on_credit(frame);
      case 'chunk':
        return this.#on_chunk(frame);
      case 'goaway':
        return this.end(new TroupeError(E.LOST, `the other side ended it: ${frame.text}`), Number(frame.last_id));
      case 'bye':
        this.#write({ kind: 'bye_ack' });
        this.#write({ kind: 'bye' });
        return this.end(new TroupeError(E.DOWN, 'the other side has closed'));
      default: // cancel and drop of what is not there, bye_ack
        return undefined;
    }
  }

  #on_hello(frame) {
    if (this.up) {
      throw new TroupeError(E.PROTOCOL, 'a second hello');
    }
    if (frame.protocol !== limits.PROTOCOL) {
      throw new TroupeError(E.PROTOCOL, `the other side speaks protocol ${frame.protocol}, this one ${limits.PROTOCOL}`);
    }
    frame.interfaces.forEach(([id, version]) => this.interfaces.set(id, version));
    frame.roles.forEach((name, at) => this.roles.set(name, at + 1));
    this.up = true;
    this.#hooks.up();
  }

  #refs_in(refs) {
    return refs.map(({ owner, id }) => {
      if (owner !== 0) {
        throw new TroupeError(E.PROTOCOL, 'a ref to what was never handed over');
      }
      return { link: this, id };
    });
  }

  #on_answer(frame, item) {
    const ask = this.#asked.get(Number(frame.id));
    if (this.#assembling !== null) {
      throw new TroupeError(E.PROTOCOL, 'an answer before the blob of the one before it is whole');
    }
    if (ask === undefined) {
      this.#refs_in(frame.refs).forEach((ref) => this.drop(ref)); // late
      return;
    }
    const { map, blob } = frame;
    const message = { map, refs: this.#refs_in(frame.refs), blob: undefined };
    if (item && (ask.on_item === undefined || Number(frame.index) !== ask.items++ || ask.items > ask.granted)) {
      throw new TroupeError(E.PROTOCOL, 'an item out of its order, or more of them than the credit given');
    }
    if (blob > limits.LINK_BLOB_BYTES_MAX) {
      throw new TroupeError(E.TOOLARGE, 'a blob larger than any may be');
    }
    if (blob !== 0) {
      this.#assembling = { ask, message, item, blob: new Uint8Array(Number(blob)), received: 0 };
    } else {
      this.#deliver(ask, message, item);
    }
  }

  #deliver(ask, message, item) {
    if (item) {
      ask.on_item(message);
      return;
    }
    this.#forget(ask);
    try {
      ask.on_reply(message);
    } catch (error) {
      ask.on_error(error); // the results are not what the interface says
    }
  }

  #on_error({ id, code, text, data }) {
    const ask = this.#asked.get(Number(id));
    if (ask === undefined) {
      return;
    }
    const declared = ask.method.throws.find((one) => one.code === code);
    let fields;
    try {
      fields = declared !== undefined ? declared.fields.$read(data ?? new Map(), declared.name, {}) : undefined;
    } catch (error) {
      this.#end(ask, error, false);
      return;
    }
    this.#end(ask, new TroupeError(code < 100 ? -code : code, text || declared?.name, fields), false);
  }

  #on_credit({ channel, bytes, messages }) {
    if (channel === 0) {
      this.#window_messages += messages;
      this.#window_bytes += bytes;
    } else if (channel === 1) {
      this.#blob_window += bytes;
      this.#pump();
    }
    if (
      this.#window_messages > limits.LINK_WINDOW_MESSAGES ||
      this.#window_bytes > limits.LINK_WINDOW_BYTES ||
      this.#blob_window > limits.LINK_BLOB_BYTES_MAX
    ) {
      throw new TroupeError(E.PROTOCOL, 'credit for more than was sent');
    }
  }

  // ---- the end ----------------------------------------------------------------------------------------------------------

  // A ref that came is held no more.
  drop(ref) {
    if (ref.link === this && !ref.dropped) {
      ref.dropped = true;
      this.#write({ kind: 'drop', target: ref.id });
    }
  }

  close() {
    this.#write({ kind: 'bye' });
    this.end(new TroupeError(E.CLOSED, 'closed here'));
  }

  // Requests above `last_id` were certainly not seen by the other side; what became of the others nobody knows.
  end(error, last_id = Infinity) {
    if (this.ended !== null) {
      return;
    }
    this.ended = error;
    this.up = false;
    for (const ask of [...this.#asked.values()]) {
      this.#end(ask, new TroupeError(ask.id > last_id ? E.DOWN : E.LOST, error.message), false);
    }
    this.#hooks.ended(error);
  }
}
