// frames.js - the frames that cross a link, both ways: bus/frame.h is their reference. Nothing here has state.
//
// A frame is an object with its `kind` and the elements by the names of that header; a message's map, refs and blob size are
// its `map`, `refs` ([{ owner, id }]) and `blob`.
import { decode_first, encode } from './cbor.js';
import { E, TroupeError } from './errors.js';
import { REFS_MAX } from './limits.js';

const U32 = { fits: (value) => Number.isSafeInteger(value) && value >= 0 && value <= 0xffffffff };
const U64 = { fits: (value) => (typeof value === 'bigint' ? value >= 0n : Number.isSafeInteger(value) && value >= 0) };
const TEXT = { fits: (value) => typeof value === 'string' };
const BYTES = { fits: (value) => value instanceof Uint8Array };
const BOOL = { fits: (value) => typeof value === 'boolean' };
const MAP = { fits: (value) => value instanceof Map };
const DATA = { fits: (value) => value === null || value instanceof Map };
const list = (element) => ({ fits: (value) => Array.isArray(value) && value.every(element.fits) });
const tuple = (...elements) => ({
  fits: (value) => Array.isArray(value) && value.length === elements.length && elements.every((one, at) => one.fits(value[at])),
});
const OWNER = { fits: (value) => value === 0 || value === 1 };
const REFS = { fits: (value) => list(tuple(OWNER, U64)).fits(value) && value.length <= REFS_MAX };
const WAITING = { fits: (value) => list(U64).fits(value) && value.length <= 1 };

// By kind: its name, its elements, and whether refs and a blob may follow.
const FRAMES = [
  ['hello', { protocol: U32, max_frame: U32, max_inflight: U32, interfaces: list(tuple(U32, U32, U64)), roles: list(TEXT) }],
  [
    'request',
    { id: U64, target: U64, interface: U32, method: U32, budget_ms: U32, waiting: WAITING, trace: U64, map: MAP },
    'body',
  ],
  ['reply', { id: U64, map: MAP }, 'body'],
  ['error', { id: U64, code: U32, text: TEXT, data: DATA }],
  ['event', { interface: U32, event: U32, source: U64, epoch: U64, sequence: U64, map: MAP, refs: REFS }],
  ['cancel', { id: U64 }],
  ['credit', { channel: U64, bytes: U32, messages: U32 }],
  ['item', { id: U64, index: U64, map: MAP }, 'body'],
  ['chunk', { stream: U64, offset: U64, bytes: BYTES, last: BOOL }],
  ['goaway', { code: U32, text: TEXT, last_id: U64 }],
  ['bye', {}],
  ['bye_ack', {}],
  ['heartbeat', { epoch: U64, topics: list(tuple(U32, U32, U64, U64)) }],
  ['drop', { target: U64 }],
].map(([kind, elements, body]) => ({ kind, elements: Object.entries(elements), body: body !== undefined }));
const NUMBERS = new Map(FRAMES.map(({ kind }, number) => [kind, number]));
const HELLO_ELEMENTS_MAX = 11; // those of later protocols are passed over

function malformed(why) {
  return new TroupeError(E.MALFORMED, why);
}

function check(fits, what) {
  if (!fits) {
    throw malformed(what);
  }
}

// What follows a map: refs? and blob?, in the one way that there is to write them.
function read_body(frame, rest) {
  const [refs = [], blob = 0] = rest;
  check(rest.length <= 2 && REFS.fits(refs) && U64.fits(blob), `the end of a ${frame.kind}`);
  check(rest.length === 0 || rest[rest.length - 1] !== 0, `an empty end of a ${frame.kind}`);
  check(rest.length !== 1 || refs.length > 0, `empty refs of a ${frame.kind}`);
  frame.refs = refs;
  frame.blob = blob;
}

function to_frame(value) {
  check(Array.isArray(value) && value.length > 0, 'a frame that is no array');
  const shape = FRAMES[value[0]];
  if (shape === undefined) {
    throw new TroupeError(E.PROTOCOL, 'a kind of frame that this protocol does not have');
  }
  const frame = { kind: shape.kind };
  const count = shape.elements.length + 1;
  const hello = shape.kind === 'hello' && value.length <= HELLO_ELEMENTS_MAX;
  check(value.length === count || (value.length > count && (shape.body || hello)), `the length of a ${shape.kind}`);
  shape.elements.forEach(([name, type], at) => {
    check(type.fits(value[at + 1]), `${name} of a ${shape.kind}`);
    frame[name] = value[at + 1];
  });
  if (shape.body) {
    read_body(frame, value.slice(count));
  }
  if (frame.refs !== undefined) {
    frame.refs = frame.refs.map(([owner, id]) => ({ owner, id }));
  }
  return frame;
}

// Each frame of a batch. Throws at the first that is malformed, after the ones before it were given.
export function* read_frames(batch) {
  let rest = batch;
  while (rest.length > 0) {
    let value;
    [value, rest] = decode_first(rest);
    yield to_frame(value);
  }
}

export function write_frame(frame) {
  const number = NUMBERS.get(frame.kind);
  const { elements, body } = FRAMES[number];
  const value = [number];
  const refs = frame.refs?.map(({ owner, id }) => [owner, id]) ?? [];
  for (const [name] of elements) {
    value.push(name === 'refs' ? refs : frame[name]);
  }
  if (body && frame.blob) {
    value.push(refs, frame.blob);
  } else if (body && refs.length > 0) {
    value.push(refs);
  }
  return encode(value);
}
