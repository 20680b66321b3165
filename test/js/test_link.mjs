// A link: calls, streams, blobs and refs, each ended once; what the other side may not do ends it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { encode } from '../../web/cbor.js';
import { E } from '../../web/errors.js';
import * as limits from '../../web/limits.js';
import * as sample from '../../web/sample.js';
import { link_up, settle } from './other.mjs';

// The facade of what `link` leads to at target 1.
function facade_of(link) {
  link.peer = { target: (ref) => ref };
  return new sample.Sample({ link, id: 1 });
}

function up(hooks) {
  const { link, other } = link_up(hooks);
  return { link, other, facade: facade_of(link) };
}

async function outcome(promise) {
  return promise.then((value) => ({ value }), (error) => ({ code: error.code, error }));
}

const POINTS = new Map([[0, []], [1, 5], [2, 6]]);

test('a call sends what C would send, and gets its results', async () => {
  const { other, facade } = up();
  const late = facade.late({ key: Uint8Array.of(1, 2, 3, 4) });
  await settle();
  const { trace, ...request } = other.take('request');
  assert.deepEqual(
    { ...request, map: [...request.map] },
    {
      kind: 'request', id: 1, target: 1, interface: 900, method: 9, budget_ms: 5000, waiting: [],
      map: [[0, Uint8Array.of(1, 2, 3, 4)]], refs: [], blob: 0,
    },
  );
  other.say({ kind: 'reply', id: 1, map: new Map([[0, 7]]) });
  assert.deepEqual(await late, { number: 7 });
  facade.late({ key: Uint8Array.of(1, 2, 3, 4) }).catch(() => {});
  await settle();
  assert.ok(trace > 0n && BigInt(other.take('request').trace) === BigInt.asUintN(64, BigInt(trace) + 1n), 'each request has a trace of its own');
});

test('answers find their calls in any order', async () => {
  const { other, facade } = up();
  const calls = [1, 2, 3].map((n) => facade.late({ key: new Uint8Array(4).fill(n) }));
  await settle();
  for (const id of [3, 1, 2]) {
    other.say({ kind: 'reply', id, map: new Map([[0, id]]) });
  }
  assert.deepEqual(await Promise.all(calls), [{ number: 1 }, { number: 2 }, { number: 3 }]);
});

test('a declared error comes with its data, the bus with its code', async () => {
  const { other, facade } = up();
  const first = outcome(facade.nothing());
  const second = outcome(facade.nothing());
  await settle();
  other.say({ kind: 'error', id: 1, code: 102, text: 'no', data: new Map([[0, 5], [1, 'why']]) });
  other.say({ kind: 'error', id: 2, code: 3, text: '', data: null });
  assert.equal((await first).code, 102);
  assert.equal((await first).error.data, undefined); // `nothing` does not declare it
  assert.equal((await second).code, E.BUSY);
  assert.equal((await second).error.name, 'EBUSY');
});

test('an error that the method throws has its fields', async () => {
  const { link, other } = up();
  const throws = { ...sample.sample_detailed };
  const method = { contract: sample.sample_contract, ordinal: 2, name: 'echo', throws: [throws], since: 1, deadline_ms: 1000,
    args: { $write: () => new Map() }, results: { $read: () => null } };
  const asked = outcome(link.call(1, method, {}));
  other.take('request');
  other.say({ kind: 'error', id: 1, code: 102, text: 'no', data: new Map([[0, 5], [1, 'why']]) });
  const { error } = await asked;
  assert.deepEqual([error.code, error.message, error.data], [102, 'no', { code: 5, reason: 'why' }]);
});

test('a call ends at its deadline, and says so to the other side; what comes later is dropped', async () => {
  const { other, facade } = up();
  const asked = outcome(facade.nothing({ deadline_ms: 1 }));
  assert.equal((await asked).code, E.TIMEOUT);
  assert.equal(other.take('request').budget_ms, 1);
  assert.equal(other.take('cancel').id, 1);
  other.say({ kind: 'reply', id: 1, map: new Map() });
  assert.equal(other.frames.length, 0);
});

test('a call can be given up by its signal', async () => {
  const { other, facade } = up();
  const control = new AbortController();
  const asked = outcome(facade.nothing({ signal: control.signal }));
  await settle();
  control.abort();
  assert.equal((await asked).code, E.CANCELED);
  other.take('request');
  other.take('cancel');
  assert.equal((await outcome(facade.nothing({ signal: control.signal }))).error.name, 'AbortError');
  assert.equal(other.frames.length, 0);
});

test('results that are not what the interface says are an error of that call', async () => {
  const { link, other, facade } = up();
  const asked = outcome(facade.late({ key: new Uint8Array(4) }));
  await settle();
  other.say({ kind: 'reply', id: 1, map: new Map([[0, 'x']]) });
  assert.equal((await asked).code, E.INVAL);
  assert.equal(link.ended, null);
});

test('arguments that the interface refuses are not sent', async () => {
  const { other, facade } = up();
  assert.equal((await outcome(facade.late({ key: new Uint8Array(5) }))).code, E.INVAL);
  assert.throws(() => facade.note({ text: 'x'.repeat(101) }), { code: E.INVAL });
  assert.equal(other.frames.length, 0);
});

test('a tell has no answer', () => {
  const { other, facade } = up();
  facade.note({ text: 'hello' });
  const { id, budget_ms, map } = other.take('request');
  assert.deepEqual([id, budget_ms, [...map]], [0, 0, [[0, 'hello']]]);
});

test('the window of the other side is kept, and opens with credit', async () => {
  const { other, facade } = up();
  for (let i = 0; i < limits.LINK_WINDOW_MESSAGES; i++) {
    facade.note({ text: '' });
  }
  assert.throws(() => facade.note({ text: '' }), { code: E.BUSY });
  other.say({ kind: 'credit', channel: 0, bytes: 0, messages: 1 });
  facade.note({ text: '' });
  assert.throws(() => facade.note({ text: '' }), { code: E.BUSY });
});

test('the window has bytes, too', () => {
  const { link } = up();
  const map = new Map([[0, new Uint8Array(100 * 1024)]]);
  const method = { contract: sample.sample_contract, ordinal: 6, name: 'large', since: 1, args: { $write: () => map } };
  const fit = Math.floor(limits.LINK_WINDOW_BYTES / encode(map).length);
  for (let i = 0; i < fit; i++) {
    link.tell(1, method, {});
  }
  assert.throws(() => link.tell(1, method, {}), { code: E.BUSY });
  map.set(0, new Uint8Array(limits.FRAME_BYTES_MAX));
  assert.throws(() => link.tell(1, method, {}), { code: E.TOOLARGE });
});

test('a socket that takes no more refuses requests', async () => {
  const { facade } = up({ room: () => false });
  assert.throws(() => facade.note({ text: '' }), { code: E.BUSY });
});

test('methods newer than the other side are not sent', async () => {
  const { link, other, facade } = up();
  link.interfaces.set(900, 1);
  assert.equal((await outcome(facade.late({ key: new Uint8Array(4) }))).code, E.UNIMPLEMENTED);
  assert.equal(other.frames.length, 0);
});

// ---- streams ------------------------------------------------------------------------------------------------------------------

function item(id, index) {
  return { kind: 'item', id, index, map: new Map([[0, index]]) };
}

test('a stream is read in order, with credit for what was read, to its end', async () => {
  const { other, facade } = up();
  const numbers = [];
  const read = (async () => {
    for await (const { number } of facade.count({ to: 100 })) {
      numbers.push(number);
    }
  })();
  await settle();
  other.take('request');
  for (let i = 0; i < limits.STREAM_WINDOW_MESSAGES; i++) {
    other.say(item(1, i));
  }
  for (let i = 0; i < 40; i++) {
    await settle();
  }
  assert.equal(other.frames.length, 4);
  assert.deepEqual(other.take('credit'), { kind: 'credit', channel: 2, bytes: 0, messages: 16 });
  for (let i = limits.STREAM_WINDOW_MESSAGES; i < 100; i++) {
    other.say(item(1, i));
  }
  other.say({ kind: 'reply', id: 1, map: new Map() });
  await read;
  assert.deepEqual(numbers, [...Array(100).keys()]);
});

test('a loop that is left cancels its stream', async () => {
  const { other, facade } = up();
  const read = (async () => {
    for await (const { number } of facade.count({ to: 100 })) {
      return number;
    }
  })();
  await settle();
  other.say(item(1, 0));
  assert.equal(await read, 0);
  other.take('request');
  assert.equal(other.take('cancel').id, 1);
});

test('an error ends a stream after the items before it', async () => {
  const { other, facade } = up();
  const numbers = [];
  const read = outcome((async () => {
    for await (const { number } of facade.count({ to: 100 })) {
      numbers.push(number);
    }
  })());
  await settle();
  other.say(item(1, 0));
  other.say(item(1, 1));
  other.say({ kind: 'error', id: 1, code: 5, text: 'gone', data: null });
  assert.equal((await read).code, E.LOST);
  assert.deepEqual(numbers, [0, 1]);
});

test('the deadline is of each item, while it is waited for', async () => {
  const { other, facade } = up();
  const read = outcome((async () => {
    for await (const each of facade.count({ to: 100 }, { deadline_ms: 1 })) {
      assert.fail(each);
    }
  })());
  assert.equal((await read).code, E.TIMEOUT);
  other.take('request');
  other.take('cancel');
});

test('more items than the credit given, or out of order, end the link', async () => {
  for (const indexes of [[...Array(limits.STREAM_WINDOW_MESSAGES + 1).keys()], [1]]) {
    const { link, other, facade } = up();
    const iterator = facade.count({ to: 100 });
    const first = outcome(iterator.next());
    await settle();
    indexes.forEach((index) => other.say(item(1, index)));
    assert.equal(link.ended.code, E.PROTOCOL);
    other.take('request');
    assert.equal(other.take('goaway').code, -E.PROTOCOL);
    await first;
    await iterator.return();
  }
});

// ---- blobs and refs -------------------------------------------------------------------------------------------------------------

const pattern = (size) => Uint8Array.from({ length: size }, (_, at) => at % 251);

test('a blob leaves in chunks and waits for the window', async () => {
  const { other, facade } = up();
  const blob = pattern(2 * 1024 * 1024);
  const calls = [1, 2, 3].map(() => outcome(facade.store({ name: 'a', content: blob })));
  await settle();
  const came = [[], [], []];
  let chunks = 0;
  for (let given = 0; other.frames.length > 0 || given < 1;) {
    const frame = other.frames.shift();
    if (frame === undefined) { // the window is full
      assert.equal(chunks, limits.LINK_BLOB_BYTES_MAX / limits.CHUNK_BYTES_MAX);
      other.say({ kind: 'credit', channel: 1, bytes: blob.length, messages: 0 });
      given++;
    } else if (frame.kind === 'chunk') {
      chunks++;
      came[Number(frame.stream) / 2 - 1].push(frame);
    } else {
      assert.deepEqual([frame.kind, frame.blob, frame.map.get(1)], ['request', blob.length, blob.length]);
    }
  }
  for (const [at, frames] of came.entries()) {
    assert.deepEqual(Buffer.concat(frames.map((frame) => frame.bytes)), Buffer.from(blob));
    assert.deepEqual(frames.map((frame) => frame.last), frames.map((_, n) => n === frames.length - 1));
    other.say({ kind: 'reply', id: at + 1, map: new Map() });
  }
  assert.deepEqual((await Promise.all(calls)).map((one) => one.value), [{}, {}, {}]);
});

function answer_blob(other, id, blob, chunk_bytes) {
  other.say({ kind: 'reply', id, map: new Map([[0, blob.length]]), blob: blob.length });
  for (let offset = 0; offset < blob.length; offset += chunk_bytes) {
    const bytes = blob.subarray(offset, offset + chunk_bytes);
    other.say({ kind: 'chunk', stream: id * 2 + 1, offset, bytes, last: offset + bytes.length === blob.length });
  }
}

test('a blob comes whole, and its credit goes back', async () => {
  const { other, facade } = up();
  const blob = pattern(2 * 1024 * 1024);
  for (let id = 1; id <= 4; id++) {
    const asked = facade.store({ name: 'a', content: new Uint8Array(0) });
    await settle();
    assert.equal(other.take('request').blob, 0);
    answer_blob(other, id, blob, 60000);
    assert.deepEqual(Buffer.from((await asked).before), Buffer.from(blob));
    other.frames.forEach((frame) => assert.deepEqual([frame.kind, frame.channel], ['credit', 3]));
    other.frames = [];
  }
});

test('a chunk that does not continue its blob ends the link', async () => {
  const chunk = { kind: 'chunk', stream: 3, offset: 0, bytes: pattern(10), last: false };
  for (const wrong of [{ offset: 1 }, { last: true }, { bytes: pattern(101) }, { bytes: new Uint8Array(0) }]) {
    const { link, other, facade } = up();
    const asked = outcome(facade.store({ name: 'a', content: new Uint8Array(0) }));
    await settle();
    other.say({ kind: 'reply', id: 1, map: new Map([[0, 100]]), blob: 100 });
    other.say({ ...chunk, ...wrong });
    assert.equal(link.ended.code, E.PROTOCOL, JSON.stringify(wrong));
    assert.equal((await asked).code, E.LOST);
  }
});

test('the chunks of a call that was given up pass, and count', async () => {
  const { link, other, facade } = up();
  for (let id = 1; id <= 4; id++) {
    const control = new AbortController();
    const asked = outcome(facade.store({ name: 'a', content: new Uint8Array(0) }, { signal: control.signal }));
    await settle();
    control.abort();
    assert.equal((await asked).code, E.CANCELED);
    answer_blob(other, id, pattern(2 * 1024 * 1024), 65536);
    assert.equal(link.ended, null);
  }
  assert.ok(other.frames.some((frame) => frame.kind === 'credit' && frame.channel === 3));
});

test('refs that came can be called, handed back and dropped', async () => {
  const { link, other, facade } = up();
  const asked = facade.hand({ who: facade, others: [] });
  await settle();
  assert.deepEqual(other.take('request').refs, [{ owner: 1, id: 1 }]);
  other.say({ kind: 'reply', id: 1, map: new Map([[0, 0]]), refs: [{ owner: 0, id: 4294967296 }] });
  const { back } = await asked;
  const child = new sample.Sample(back);
  child.nothing().catch(() => {});
  await settle();
  assert.equal(other.take('request').target, 4294967296);
  child.$drop();
  child.$drop();
  assert.equal(other.take('drop').target, 4294967296);
  assert.equal((await outcome(facade.hand({ who: child, others: [] }))).code, E.REF);
  assert.equal(other.frames.length, 0);
  link.end(new Error('over'));
});

// ---- what may not be -------------------------------------------------------------------------------------------------------------

test('what is malformed or breaks a rule ends the link with the reason said', async () => {
  const cases = [
    [Uint8Array.of(0xff), E.MALFORMED],
    [Uint8Array.of(0x81, 0x18, 0x63), E.PROTOCOL], // [99]
    [encode([0, 1, 1, 1, [], []]), E.PROTOCOL], // a second hello
    [encode([6, 0, 0, 2]), E.PROTOCOL], // credit for more than was sent
    [encode([6, 1, 1, 0]), E.PROTOCOL],
    [encode([2, 1, new Map(), [[1, 5]]]), E.PROTOCOL], // a ref to what was never handed over
    [encode([2, 1, new Map(), [], 5 * 1024 * 1024]), E.TOOLARGE],
    [encode([7, 1, 0, new Map()]), E.PROTOCOL], // an item of a method that is no stream
  ];
  for (const [bytes, code] of cases) {
    const { link, other, facade } = up();
    const asked = outcome(facade.nothing());
    await settle();
    other.take('request');
    other.deliver(bytes);
    assert.equal(link.ended?.code, code, Buffer.from(bytes).toString('hex'));
    assert.equal(other.take('goaway').code, -code);
    assert.equal((await asked).code, E.LOST);
    assert.equal((await outcome(facade.nothing())).code, E.DOWN);
    assert.equal(other.frames.length, 0);
  }
});

test('requests of the other side are answered: nothing is served here', () => {
  const { other } = up();
  other.deliver(encode([1, 1, 0, 0, 1, 100, [], 0, new Map()]));
  const { id, code } = other.take('error');
  assert.deepEqual([id, code], [1, -E.UNIMPLEMENTED]);
});

test('goaway tells what was not seen from what is lost', async () => {
  const { other, facade } = up();
  const calls = [1, 2].map(() => outcome(facade.get_points()));
  await settle();
  other.say({ kind: 'goaway', code: 12, text: 'enough', last_id: 1 });
  const [first, second] = await Promise.all(calls);
  assert.deepEqual([first.code, second.code], [E.LOST, E.DOWN]);
  assert.match(first.error.message, /enough/);
});

test('bye is answered and ends the link', async () => {
  const { link, other, facade } = up();
  const asked = outcome(facade.get_points());
  await settle();
  other.say({ kind: 'reply', id: 1, map: POINTS });
  other.say({ kind: 'bye' });
  other.take('request');
  other.take('bye_ack');
  other.take('bye');
  assert.equal(link.ended.code, E.DOWN);
  assert.deepEqual((await asked).value, { points: [], epoch: 5n, sequence: 6n });
});
