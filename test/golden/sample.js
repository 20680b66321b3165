// Generated from sample.iface by troupe-idl js: change that file, not this one.
import { Facade, array, blob, bool, bytes, enumeration, event, failure, field, fixed, int, method, ref, struct, text, uint } from './troupe.js';

export const sample_key = fixed(4);

/** What a thing is painted with. */
export const sample_color = enumeration('Color', false, {
  red: 0,
  /** Between yellow and blue. */
  green: 1,
  blue: 5,
});

export const sample_mood = enumeration('Mood', true, {
  calm: 0,
  wild: 7,
});

export const sample_point = struct('Point', {
  x: field(0, int(32)),
  y: field(1, int(32)),
});

export const sample_everything = struct('Everything', {
  flag: field(0, bool()),
  tiny: field(1, uint(8)),
  small: field(2, uint(16)),
  large: field(3, uint(32)),
  huge: field(4, uint(64)),
  signed_tiny: field(5, int(8)),
  signed_small: field(6, int(16)),
  signed_large: field(7, int(32)),
  signed_huge: field(8, int(64)),
  limited: field(9, uint(32, 10)),
  name: field(10, text(8)),
  raw: field(11, bytes(4)),
  key: field(12, sample_key),
  color: field(13, sample_color),
  mood: field(14, sample_mood),
  point: field(15, sample_point),
  /** Optional ones are not written when they are absent. */
  maybe_number: field(20, uint(32), { optional: true }),
  maybe_name: field(21, text(8), { optional: true }),
  maybe_point: field(22, sample_point, { optional: true }),
  maybe_color: field(23, sample_color, { optional: true }),
  /** Defaults are not written when they are equal. */
  level: field(30, int(32), { preset: -5 }),
  lowest: field(31, int(64), { preset: -9223372036854775808n }),
  is_on: field(32, bool(), { preset: true }),
  title: field(33, text(8), { preset: 'none' }),
  empty: field(34, text(8), { preset: '' }),
  paint: field(35, sample_color, { preset: 1 }),
  most: field(36, uint(64), { preset: 18446744073709551615n }),
  numbers: field(40, array(uint(16), 3)),
  points: field(41, array(sample_point, 2)),
  holes: field(42, array(sample_point, 4, true)),
  words: field(43, array(text(3), 2)),
  keys: field(44, array(sample_key, 2)),
  colors: field(45, array(sample_color, 2)),
  maybe_numbers: field(46, array(uint(32), 2), { optional: true }),
  number_holes: field(47, array(uint(8, 9), 3, true)),
});

/** A struct before and after it was extended. */
export const sample_old = struct('Old', {
  a: field(0, uint(32)),
});

export const sample_new = struct('New', {
  a: field(0, uint(32)),
  b: field(1, text(8), { optional: true }),
  c: field(2, uint(32), { preset: 9 }),
  d: field(3, array(sample_point, 2), { optional: true }),
});

export const sample_plain = failure('Plain', 101, {});

/** Says more. */
export const sample_detailed = failure('Detailed', 102, {
  code: field(0, uint(32)),
  reason: field(1, text(64)),
  where: field(2, sample_point, { optional: true }),
});

/** A sample of everything. A comment end * / and a trigraph ??/ in a doc line do no harm, nor does "this". */
export const sample_contract = Object.freeze({
  name: 'test.Sample',
  id: 900,
  version: 2,
  hash: 0x7985e1759ade6e3dn,
});

const methods = Object.freeze({
  nothing: method(sample_contract, 1, 'nothing', {
    args: struct('nothing', {}),
    results: struct('nothing', {}),
    deadline_ms: 5000,
  }),
  echo: method(sample_contract, 2, 'echo', {
    args: struct('echo', {
      all: field(0, sample_everything),
    }),
    results: struct('echo', {
      all: field(0, sample_everything),
      again: field(1, array(sample_everything, 3)),
    }),
    deadline_ms: 1500,
    throws: [sample_plain, sample_detailed],
  }),
  unlock: method(sample_contract, 3, 'unlock', {
    args: struct('unlock', {
      passphrase: field(0, text(64)),
      pin: field(1, sample_key),
    }),
    results: struct('unlock', {
      key: field(0, sample_key),
    }),
    deadline_ms: 5000,
    secret: true,
  }),
  store: method(sample_contract, 4, 'store', {
    args: struct('store', {
      name: field(0, text(64)),
      content: field(1, blob(2097152)),
    }),
    results: struct('store', {
      before: field(0, blob(2097152), { optional: true }),
    }),
    deadline_ms: 5000,
  }),
  count: method(sample_contract, 5, 'count', {
    args: struct('count', {
      to: field(0, uint(32, 1000)),
    }),
    item: struct('count', {
      number: field(0, uint(32)),
      note: field(1, text(16), { optional: true }),
    }),
    deadline_ms: 2000,
  }),
  note: method(sample_contract, 6, 'note', {
    args: struct('note', {
      text: field(0, text(100)),
    }),
  }),
  hand: method(sample_contract, 7, 'hand', {
    args: struct('hand', {
      who: field(0, ref('Sample')),
      others: field(1, array(ref('other.Thing'), 3)),
    }),
    results: struct('hand', {
      back: field(0, ref('Sample'), { optional: true }),
    }),
    deadline_ms: 5000,
  }),
  late: method(sample_contract, 9, 'late', {
    args: struct('late', {
      key: field(0, sample_key),
    }),
    results: struct('late', {
      number: field(0, uint(32)),
    }),
    deadline_ms: 5000,
    since: 2,
  }),
  get_points: method(sample_contract, 10, 'get_points', {
    args: struct('get_points', {}),
    results: struct('get_points', {
      points: field(0, array(sample_point, 100)),
      epoch: field(1, uint(64)),
      sequence: field(2, uint(64)),
    }),
    deadline_ms: 5000,
  }),
});

const events = Object.freeze({
  changed: event(sample_contract, 1, 'changed', {
    fields: struct('changed', {
      point: field(0, sample_point),
      colors: field(1, array(sample_color, 3)),
    }),
    latest: true,
  }),
  done: event(sample_contract, 2, 'done', {
    fields: struct('done', {}),
    latest: false,
  }),
  noted: event(sample_contract, 5, 'noted', {
    fields: struct('noted', {
      text: field(0, text(100)),
    }),
    latest: false,
  }),
  added: event(sample_contract, 6, 'added', {
    fields: struct('added', {
      point: field(0, sample_point),
    }),
    latest: false,
    snapshot: methods.get_points,
  }),
});

/** A sample of everything. A comment end * / and a trigraph ??/ in a doc line do no harm, nor does "this". */
export class Sample extends Facade {
  static contract = sample_contract;

  nothing(options) {
    return this.$call(methods.nothing, {}, options);
  }

  /**
   * Gives back what it gets.
   * Throws sample_plain, sample_detailed.
   */
  echo(args, options) {
    return this.$call(methods.echo, args, options);
  }

  unlock(args, options) {
    return this.$call(methods.unlock, args, options);
  }

  store(args, options) {
    return this.$call(methods.store, args, options);
  }

  /** Counts up. */
  count(args, options) {
    return this.$stream(methods.count, args, options);
  }

  note(args) {
    return this.$tell(methods.note, args);
  }

  hand(args, options) {
    return this.$call(methods.hand, args, options);
  }

  late(args, options) {
    return this.$call(methods.late, args, options);
  }

  /** All points, and up to which `added` that is so. */
  get_points(options) {
    return this.$call(methods.get_points, {}, options);
  }

  /** The newest counts. */
  on_changed(on_event) {
    return this.$subscribe(events.changed, on_event);
  }

  on_done(on_event) {
    return this.$subscribe(events.done, on_event);
  }

  on_noted(on_event) {
    return this.$subscribe(events.noted, on_event);
  }

  on_added(on_event) {
    return this.$subscribe(events.added, on_event);
  }

  /** The snapshot that get_points gives, then each event that is newer; again after a loss. */
  follow_added(on_snapshot, on_event) {
    return this.$follow(events.added, on_snapshot, on_event);
  }
}
