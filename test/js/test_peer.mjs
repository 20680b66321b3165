// Events, snapshots, and links that come and go.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { encode } from '../../web/cbor.js';
import { E } from '../../web/errors.js';
import { HELLO_MS } from '../../web/limits.js';
import { Peer } from '../../web/peer.js';
import * as sample from '../../web/sample.js';
import { Sockets, settle } from './other.mjs';

const ADDED = 6;
const CHANGED = 1;
const point = (x) => new Map([[0, new Map([[0, x], [1, 0]])]]);
const event = (sequence, { epoch = 5, source = 1, ordinal = ADDED, map = point(Number(sequence)) } = {}) => ({
  kind: 'event', interface: 900, event: ordinal, source, epoch, sequence, map,
});
const heartbeat = (sequence, { epoch = 5, source = 1, ordinal = ADDED } = {}) => ({
  kind: 'heartbeat', epoch, topics: [[900, ordinal, source, sequence]],
});

// Answers the next subscription: it stands at `sequence` of `epoch`.
async function subscribed(other, epoch, sequence, fields) {
  await settle();
  const { id, target, interface: contract, method, map } = other.take('request');
  assert.deepEqual([target, contract, method], [0, 0, 10]);
  const stand = new Map([[0, epoch], [1, sequence]]);
  if (fields !== undefined) {
    stand.set(2, encode(fields));
  }
  other.say({ kind: 'reply', id, map: stand });
  await settle();
  return map;
}

async function up() {
  const network = new Sockets();
  const states = [];
  const peer = new Peer(network.dial, (is_up) => states.push(is_up));
  const other = await network.next();
  other.hello();
  return { network, peer, other, states, facade: new sample.Sample(peer.role('one')) };
}

// Heard: a number for an event, [from, to] for a loss.
function listener() {
  const heard = [];
  const handler = (fields, info) => heard.push(fields !== null ? fields.point.x : info.gone ? 'gone' : [info.lost_from, info.lost_to]);
  return { heard, handler };
}

test('a subscription begins where it is told, and passes over what was before', async () => {
  const { peer, other, facade } = await up();
  const { heard, handler } = listener();
  const { ready } = facade.on_added(handler);
  assert.deepEqual([...(await subscribed(other, 5, 3))], [[0, 900], [1, ADDED], [2, 1]]);
  await ready;
  [2, 3, 4, 5].forEach((sequence) => other.say(event(sequence)));
  assert.deepEqual(heard, [4, 5]);
  peer.close();
});

test('a gap is told with its range, by the next event or by a heartbeat', async () => {
  const { peer, other, facade } = await up();
  const { heard, handler } = listener();
  facade.on_added(handler);
  await subscribed(other, 5, 0);
  other.say(event(1));
  other.say(event(4));
  other.say(heartbeat(4));
  other.say(heartbeat(9));
  other.say(event(9));
  other.say(event(10));
  assert.deepEqual(heard, [1, [2n, 3n], 4, [5n, 9n], 10]);
  peer.close();
});

test('a new publisher is told as a loss of nobody knows what', async () => {
  const { peer, other, facade } = await up();
  const { heard, handler } = listener();
  facade.on_added(handler);
  await subscribed(other, 5, 7);
  other.say(event(8));
  other.say(event(1, { epoch: 6 }));
  assert.deepEqual(heard, [8, [0n, 0n], 1]);
  peer.close();
});

test('events that overtake the answer of the subscription are not lost', async () => {
  const { peer, other, facade } = await up();
  const { heard, handler } = listener();
  facade.on_added(handler);
  await settle();
  other.say(event(4));
  await subscribed(other, 5, 6);
  [5, 6, 7].forEach((sequence) => other.say(event(sequence)));
  assert.deepEqual(heard, [4, 5, 6, 7]);
  peer.close();
});

test('a latest event comes at once, and its newest value after a gap', async () => {
  const { peer, other, facade } = await up();
  const { heard, handler } = listener();
  facade.on_changed(handler);
  await subscribed(other, 5, 2, new Map([[0, new Map([[0, 20], [1, 0]])], [1, []]]));
  assert.deepEqual(heard, [20]);
  other.say(heartbeat(9, { ordinal: CHANGED }));
  await settle();
  const { id, method } = other.take('request');
  assert.equal(method, 11);
  const fields = encode(new Map([[0, new Map([[0, 90], [1, 0]])], [1, []]]));
  other.say({ kind: 'reply', id, map: new Map([[0, 5], [1, 9], [2, fields]]) });
  await settle();
  assert.deepEqual(heard, [20, 90]);
  peer.close();
});

test('fields that are not what the interface says are as good as missed', async () => {
  const { peer, other, facade } = await up();
  const { heard, handler } = listener();
  facade.on_added(handler);
  await subscribed(other, 5, 0);
  other.say(event(1, { map: new Map([[0, 'x']]) }));
  other.say(event(2));
  assert.deepEqual(heard, [[1n, 1n], 2]);
  peer.close();
});

test('two handlers share a subscription; each leaves by itself', async () => {
  const { peer, other, facade } = await up();
  const first = listener();
  const second = listener();
  const one = facade.on_added(first.handler);
  await subscribed(other, 5, 0);
  facade.on_added(second.handler);
  await settle();
  assert.equal(other.frames.length, 0);
  other.say(event(1));
  one.close();
  other.say(event(2));
  assert.deepEqual([first.heard, second.heard], [[1], [1, 2]]);
  peer.close();
});

test('an event that nobody has is an error of its subscription', async () => {
  const { peer, other, facade } = await up();
  const { ready } = facade.on_added(() => {});
  await settle();
  other.say({ kind: 'error', id: other.take('request').id, code: 101, text: 'none', data: null });
  await assert.rejects(ready, { code: 101 });
  peer.close();
});

// ---- snapshots ----------------------------------------------------------------------------------------------------------------

async function snapshot(other, epoch, sequence, points) {
  await settle();
  const { id, interface: contract, method } = other.take('request');
  assert.deepEqual([contract, method], [900, 10]);
  const list = points.map((x) => new Map([[0, x], [1, 0]]));
  other.say({ kind: 'reply', id, map: new Map([[0, list], [1, epoch], [2, sequence]]) });
  await settle();
}

function copy_of(facade) {
  const copy = { points: [], snapshots: 0 };
  const following = facade.follow_added(
    ({ points }) => {
      copy.points = points.map((one) => one.x);
      copy.snapshots++;
    },
    (fields) => copy.points.push(fields.point.x),
  );
  return { copy, following };
}

test('a copy is a snapshot and what is newer', async () => {
  const { peer, other, facade } = await up();
  const { copy } = copy_of(facade);
  await subscribed(other, 5, 2);
  other.say(event(3));
  other.say(event(4));
  await snapshot(other, 5, 3, [1, 2, 3]);
  other.say(event(5));
  assert.deepEqual(copy, { points: [1, 2, 3, 4, 5], snapshots: 1 });
  peer.close();
});

test('a copy is made anew after a loss, unless it includes what was lost', async () => {
  const { peer, other, facade } = await up();
  const { copy } = copy_of(facade);
  await subscribed(other, 5, 0);
  await snapshot(other, 5, 4, [1, 2, 3, 4]);
  other.say(heartbeat(3)); // lost, and included
  other.say(event(4));
  other.say(event(5));
  await settle();
  assert.deepEqual([copy.points, copy.snapshots, other.frames.length], [[1, 2, 3, 4, 5], 1, 0]);
  other.say(event(8)); // 6 and 7 are lost
  await snapshot(other, 5, 8, [8]);
  other.say(event(9));
  assert.deepEqual(copy, { points: [8, 9], snapshots: 2 });
  peer.close();
});

test('a snapshot that is older than what was missed is fetched again', async () => {
  const { peer, other, facade } = await up();
  const { copy } = copy_of(facade);
  await subscribed(other, 5, 0);
  await settle();
  other.say(heartbeat(6));
  await snapshot(other, 5, 5, [5]);
  assert.equal(copy.snapshots, 0);
  while (other.frames.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await snapshot(other, 5, 6, [6]);
  assert.deepEqual(copy, { points: [6], snapshots: 1 });
  peer.close();
});

// ---- links that come and go -------------------------------------------------------------------------------------------------------

test('a new link goes on where the old one was, and tells what was missed', async () => {
  const { network, peer, other, facade, states } = await up();
  const { heard, handler } = listener();
  facade.on_added(handler);
  await subscribed(other, 5, 0);
  other.say(event(1));
  const asked = facade.nothing();
  await settle();
  other.close();
  await assert.rejects(asked, { code: E.LOST });
  await assert.rejects(facade.nothing(), { code: E.DOWN });
  const again = await network.next();
  again.hello();
  await subscribed(again, 5, 4);
  again.say(event(5));
  assert.deepEqual(heard, [1, [2n, 4n], 5]);
  assert.deepEqual(states, [true, false, true]);
  peer.close();
});

test('a copy is level again over a new link, to a new publisher', async () => {
  const { network, peer, other, facade } = await up();
  const { copy } = copy_of(facade);
  await subscribed(other, 5, 0);
  await snapshot(other, 5, 1, [1]);
  other.say({ kind: 'goaway', code: 19, text: 'restarted', last_id: 0 });
  const again = await network.next();
  again.hello();
  await subscribed(again, 9, 2);
  await snapshot(again, 9, 2, [7, 8]);
  again.say(event(3, { epoch: 9 }));
  assert.deepEqual(copy, { points: [7, 8, 3], snapshots: 2 });
  peer.close();
});

test('a role may have another target over a new link', async () => {
  const { network, peer, other, facade } = await up();
  other.close();
  const again = await network.next();
  again.roles = ['other', 'one'];
  again.hello();
  facade.nothing().catch(() => {});
  await settle();
  assert.equal(again.take('request').target, 2);
  peer.close();
});

test('refs end with their link, and their listeners are told', async () => {
  const { network, peer, other, facade } = await up();
  const asked = facade.hand({ who: peer.role('one'), others: [] });
  await settle();
  assert.deepEqual(other.take('request').refs, [{ owner: 1, id: 1 }]);
  other.say({ kind: 'reply', id: 1, map: new Map([[0, 0]]), refs: [{ owner: 0, id: 4294967296 }] });
  const child = new sample.Sample((await asked).back);
  const { heard, handler } = listener();
  child.on_added(handler);
  await subscribed(other, 5, 0);
  other.say(event(1, { source: 4294967296 }));
  other.close();
  await settle();
  assert.deepEqual(heard, [1, 'gone']);
  const again = await network.next();
  again.hello();
  await settle();
  assert.equal(again.frames.length, 0);
  await assert.rejects(child.nothing(), { code: E.DOWN });
  peer.close();
});

test('a subscription waits for the link, and for a role that is away for a while', async () => {
  const network = new Sockets();
  const peer = new Peer(network.dial);
  const facade = new sample.Sample(peer.role('one'));
  const { heard, handler } = listener();
  const { ready } = facade.on_added(handler);
  const other = await network.next();
  other.hello();
  await settle();
  other.say({ kind: 'error', id: other.take('request').id, code: -E.DOWN, text: 'restarts', data: null });
  while (other.frames.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await subscribed(other, 5, 0);
  await ready;
  other.say(event(1));
  assert.deepEqual(heard, [1]);
  peer.close();
});

test('a peer that is closed says so and stays closed', async () => {
  const { network, peer, other, states } = await up();
  peer.close();
  other.take('bye');
  await settle();
  assert.deepEqual([states, network.sockets.length], [[true, false], 1]);
});

test('another end that never says hello is not waited for', async (context) => {
  const network = new Sockets();
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const peer = new Peer(network.dial);
  const other = await network.next();
  context.mock.timers.tick(HELLO_MS - 1);
  assert.equal(other.socket.readyState, 1);
  context.mock.timers.tick(1);
  assert.equal(other.socket.readyState, 3);
  peer.close();
});

test('a message of text, or before hello, ends the link', async () => {
  const network = new Sockets();
  const peer = new Peer(network.dial);
  const other = await network.next();
  other.take('hello');
  other.say(event(1));
  assert.equal(other.take('goaway').code, -E.PROTOCOL);
  const again = await network.next();
  again.hello();
  again.socket.onmessage({ data: 'text' });
  assert.equal(peer.up, false);
  peer.close();
});
