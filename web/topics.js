// topics.js - events: what this side listens to, across the links that come and go. A topic is one event of one actor; its
// epoch and sequence say what is new, what was missed, and what is here already, as in bus/mirror.c.
//
// A handler is called with (fields, info): info has `epoch` and `sequence`. Of an `overflow gap` event it is also called with
// (null, info) when some were missed: info.lost_from to info.lost_to, or both 0n when the publisher is a new one and nobody
// can say. Of an `overflow latest` event it gets the newest value instead. The last call of a handler whose actor is gone for
// good (a ref, not a role) is (null, { gone: true }).
import { decode } from './cbor.js';
import { E, TroupeError } from './errors.js';
import { bytes, failure, field, method, struct, uint } from './shapes.js';

// The two methods of bus.iface by which a subscription begins: troupe-idl makes the same of that file.
const bus = Object.freeze({ name: 'troupe.Bus', id: 0 });
const NOT_FOUND = failure('NotFound', 101, {});
const TOPIC = { interface: field(0, uint(32)), event: field(1, uint(32)), source: field(2, uint(64)) };
const STAND = {
  epoch: field(0, uint(64)),
  sequence: field(1, uint(64)),
  fields: field(2, bytes(8192), { optional: true }),
};
const about = (ordinal, name) =>
  method(bus, ordinal, name, {
    args: struct(name, TOPIC),
    results: struct(name, STAND),
    deadline_ms: 5000,
    throws: [NOT_FOUND],
  });
const SUBSCRIBE = about(10, 'subscribe');
const LATEST = about(11, 'latest');
const FOR_GOOD = new Set([NOT_FOUND.code, E.UNIMPLEMENTED, E.PERM, E.NOENT, E.INVAL, E.REF]);
const RETRY_MS = 250;
const RETRY_MS_MAX = 5000;

class Topic {
  handlers = new Set();
  epoch = null; // of the newest event that is here or known to be missed
  sequence = 0n;
  heard = false; // an event has come since the subscription began, and so will those after it
  pause_ms = RETRY_MS;
  key = null; // on the link that it is subscribed over

  constructor(ref, event) {
    this.ref = ref;
    this.event = event;
  }

  // A handler that throws is its own affair, and the page's.
  tell(fields, info) {
    for (const handler of [...this.handlers]) {
      try {
        handler(fields, info);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  // Up to `sequence` some were missed. `latest` events have no gaps: their newest value is fetched.
  lose(epoch, sequence) {
    const from = epoch === this.epoch ? this.sequence + 1n : 0n;
    const to = epoch === this.epoch ? sequence : 0n;
    this.epoch = epoch;
    this.sequence = sequence;
    if (!this.event.latest) {
      this.tell(null, { epoch, lost_from: from, lost_to: to });
    }
  }

  // False: it was here already.
  take(epoch, sequence) {
    if (epoch === this.epoch && sequence <= this.sequence) {
      return false;
    }
    if (this.epoch !== null && (epoch !== this.epoch || sequence !== this.sequence + 1n)) {
      this.lose(epoch, sequence - 1n);
    }
    this.epoch = epoch;
    this.sequence = sequence;
    this.heard = true;
    return true;
  }

  // What is not as the interface says is as good as missed.
  hand_over(map, refs) {
    const { epoch, sequence } = this;
    let fields;
    try {
      fields = this.event.fields.$read(map, this.event.name, { refs });
    } catch {
      this.tell(null, { epoch, lost_from: sequence, lost_to: sequence });
      return;
    }
    this.tell(fields, { epoch, sequence });
  }
}

export class Topics {
  #target; // ref -> { link, id }, or throws
  #all = new Set();
  #by_key = new Map();

  constructor(target) {
    this.#target = target;
  }

  // { close() }, and `ready`: a promise that it has begun, or why it never will.
  subscribe(ref, event, handler) {
    const found = [...this.#all].find((one) => one.event === event && one.ref === ref);
    const topic = found ?? new Topic(ref, event);
    const own = (...told) => handler(...told); // the same function may listen twice
    topic.handlers.add(own);
    if (found === undefined) {
      this.#all.add(topic);
      topic.ready = new Promise((resolve, reject) => Object.assign(topic, { begun: resolve, failed: reject }));
      topic.ready.catch(() => {});
      this.#begin(topic);
    }
    return { ready: topic.ready, close: () => this.#leave(topic, own) };
  }

  // What comes over the link is not wanted any more; it is passed over until the link ends, and counts for nobody.
  #leave(topic, handler) {
    topic.handlers.delete(handler);
    if (topic.handlers.size === 0) {
      this.#forget(topic);
    }
  }

  #forget(topic) {
    this.#all.delete(topic);
    this.#by_key.delete(topic.key);
    clearTimeout(topic.timer);
  }

  async #begin(topic) {
    const { contract, ordinal } = topic.event;
    let link;
    topic.heard = false;
    try {
      const target = this.#target(topic.ref);
      link = target.link;
      topic.key = `${contract.id}/${ordinal}/${target.id}`;
      this.#by_key.set(topic.key, topic);
      const stand = await link.call(0, SUBSCRIBE, { interface: contract.id, event: ordinal, source: BigInt(target.id) });
      this.#begun(topic, stand);
    } catch (error) {
      this.#fail(topic, link, error);
    }
  }

  #begun(topic, { epoch, sequence, fields }) {
    topic.pause_ms = RETRY_MS;
    if (topic.epoch === null) {
      this.#renew(topic, epoch, sequence, fields);
    } else if (!topic.heard && (topic.epoch !== epoch || sequence > topic.sequence)) {
      topic.lose(epoch, sequence);
      this.#renew(topic, epoch, sequence, fields);
    }
    topic.begun();
  }

  // The newest value, where the event has one.
  #renew(topic, epoch, sequence, fields) {
    topic.epoch = epoch;
    topic.sequence = sequence;
    if (fields !== undefined) {
      topic.hand_over(decode(fields), []);
    }
  }

  #fail(topic, link, error) {
    if (!this.#all.has(topic)) {
      return;
    }
    if (!(error instanceof TroupeError) || FOR_GOOD.has(error.code)) {
      this.#forget(topic);
      topic.failed(error);
    } else if (link !== undefined && link.ended === null) {
      topic.timer = setTimeout(() => this.#begin(topic), topic.pause_ms);
      topic.pause_ms = Math.min(2 * topic.pause_ms, RETRY_MS_MAX);
    } // else the next link begins it
  }

  // ---- of the link --------------------------------------------------------------------------------------------------------

  up() {
    this.#by_key.clear();
    for (const topic of this.#all) {
      clearTimeout(topic.timer);
      this.#begin(topic);
    }
  }

  // Refs to actors end with it, roles do not.
  ended() {
    this.#by_key.clear();
    for (const topic of [...this.#all].filter((one) => one.ref.role === undefined)) {
      this.#forget(topic);
      topic.failed(new TroupeError(E.DOWN, 'the link is gone'));
      topic.tell(null, { gone: true });
    }
  }

  event({ interface: contract, event, source, epoch, sequence, map, refs }) {
    const topic = this.#by_key.get(`${contract}/${event}/${source}`);
    if (topic !== undefined && topic.take(BigInt(epoch), BigInt(sequence))) {
      topic.hand_over(map, refs);
    }
  }

  heartbeat({ epoch, topics }) {
    for (const [contract, event, source, sequence] of topics) {
      const topic = this.#by_key.get(`${contract}/${event}/${source}`);
      const missed = topic !== undefined && (topic.epoch !== BigInt(epoch) || topic.sequence < BigInt(sequence));
      if (missed) {
        topic.lose(BigInt(epoch), BigInt(sequence));
      }
      if (missed && topic.event.latest) {
        this.#fetch(topic, BigInt(source));
      }
    }
  }

  async #fetch(topic, source) {
    const { contract, ordinal } = topic.event;
    try {
      const { link } = this.#target(topic.ref);
      const stand = await link.call(0, LATEST, { interface: contract.id, event: ordinal, source });
      const newer = topic.epoch !== stand.epoch || topic.sequence <= stand.sequence;
      if (this.#all.has(topic) && newer) {
        this.#renew(topic, stand.epoch, stand.sequence, stand.fields);
      }
    } catch {
      // the next event, or the next link, brings it
    }
  }
}

