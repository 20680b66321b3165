// Values and frames are the same bytes here as in C: what C wrote is read, written again and compared.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { decode, encode } from '../../web/cbor.js';
import { E } from '../../web/errors.js';
import { read_frames, write_frame } from '../../web/frames.js';
import * as sample from '../../web/sample.js';

const ROOT = process.env.TROUPE_ROOT;
const golden = (name) => readFileSync(`${ROOT}/test/golden/${name}`, 'utf8');
const bytes_of = (hex) => new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
const hex_of = (bytes) => Buffer.from(bytes).toString('hex');

const frames = golden('frames.hex')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => [line.split(/\s+/)[0], bytes_of(line.slice(line.indexOf(' ')))]);

test('every frame that C writes is read and written as the same bytes', () => {
  assert.ok(frames.length > 20);
  for (const [name, bytes] of frames) {
    const read = [...read_frames(bytes)];
    assert.equal(read.length, 1, name);
    assert.equal(hex_of(write_frame(read[0])), hex_of(bytes), name);
  }
});

test('frames that follow one another in a batch are read one by one', () => {
  const batch = Uint8Array.from(frames.flatMap(([, bytes]) => [...bytes]));
  assert.equal([...read_frames(batch)].length, frames.length);
});

test('a frame that is cut at any byte is refused', () => {
  for (const [name, bytes] of frames) {
    for (let size = 1; size < bytes.length; size++) {
      assert.throws(() => [...read_frames(bytes.subarray(0, size))], { code: E.MALFORMED }, `${name} cut at ${size}`);
    }
  }
});

test('no byte that is changed makes a reader stumble', () => {
  for (const [name, bytes] of frames) {
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0x01, 0x20, 0x80, 0xff]) {
        const changed = bytes.slice();
        changed[at] ^= flip;
        try {
          [...read_frames(changed)].forEach((frame) => write_frame(frame));
        } catch (error) {
          assert.ok([E.MALFORMED, E.PROTOCOL].includes(error.code), `${name}: ${error.stack}`);
        }
      }
    }
  }
});

test('a value of everything is what C wrote', () => {
  const bytes = bytes_of(golden('everything.hex'));
  const value = sample.sample_everything.$read(decode(bytes), 'everything', { refs: [] });
  assert.equal(value.huge, 18446744073709551615n);
  assert.equal(value.signed_huge, -9223372036854775808n);
  assert.equal(value.name, '12345678');
  assert.deepEqual([...value.key], [1, 2, 3, 4]);
  assert.equal(value.holes.length, 3);
  assert.equal(value.holes.filter((one) => one === null).length, 2);
  assert.equal(hex_of(encode(sample.sample_everything.$write(value, 'everything', { refs: [] }))), hex_of(bytes));
});

test('what is missing, and what equals its default, is not written', () => {
  const write = (value) => hex_of(encode(sample.sample_new.$write(value, 'new', { refs: [] })));
  assert.equal(write({ a: 1 }), 'a10001');
  assert.equal(write({ a: 1, b: undefined, c: 9 }), 'a10001');
  assert.equal(write({ a: 1, c: 8 }), 'a200010208');
  assert.deepEqual(sample.sample_new.$read(decode(bytes_of('a1 00 01')), 'new', { refs: [] }), { a: 1, c: 9 });
});

test('a default is a value of its type', () => {
  const map = decode(bytes_of(golden('everything.hex')));
  for (let ordinal = 30; ordinal <= 36; ordinal++) {
    map.delete(ordinal);
  }
  const value = sample.sample_everything.$read(map, 'everything', { refs: [] });
  const { level, lowest, is_on, title, empty, paint, most } = value;
  assert.deepEqual([level, lowest, is_on, title, empty, paint, most], [-5, -9223372036854775808n, true, 'none', '', sample.sample_color.green, 18446744073709551615n]);
  assert.equal(hex_of(encode(sample.sample_everything.$write(value, 'everything', { refs: [] }))), hex_of(encode(map)));
});

test('fields of later versions are passed over', () => {
  assert.deepEqual(sample.sample_old.$read(decode(bytes_of('a2 00 01 07 82 01 a1 00 f6')), 'old', { refs: [] }), { a: 1 });
});

test('bytes that are no deterministic CBOR are refused', () => {
  for (const hex of [
    'f93c00', 'fb3ff0000000000000', // floats
    '1801', '190001', '1b0000000000000001', '5801ff', // longer than they need to be
    '9f01ff', '5f4101ff', 'bf0001ff', // of no length
    'c001', 'f7', 'f818', // tags, undefined, simple values
    'a200010002', 'a201010001', 'a1f501', 'a1613101', // keys that do not rise, or are no numbers
    '61ff', '62c080', '63eda080', // no UTF-8
    '81'.repeat(40) + '01', '9affffffff', 'bb7fffffffffffffff', '5affffffff', // deeper or larger than can be
    '0001', '', // more than one value, or none
  ]) {
    assert.throws(() => decode(bytes_of(hex)), { code: E.MALFORMED }, hex);
  }
});

const point = { x: 1, y: 2 };
const refused = (record, value, says) =>
  assert.throws(() => record.$write(value, 'it', { refs: [] }), (error) => error.code === E.INVAL && error.message.includes(says));

test('what the interface does not allow is refused with the field that is wrong', () => {
  refused(sample.sample_point, { x: 1 }, 'it.y');
  refused(sample.sample_point, { ...point, z: 1 }, 'it.z');
  refused(sample.sample_point, { ...point, x: 2 ** 31 }, 'it.x');
  refused(sample.sample_point, { ...point, x: 1.5 }, 'it.x');
  refused(sample.sample_point, { ...point, x: 1n }, 'it.x');
  refused(sample.sample_point, { ...point, x: '1' }, 'it.x');
  refused(sample.sample_new, { a: 1, b: '123456789' }, 'it.b');
  refused(sample.sample_new, { a: 1, b: 'ééééé' }, 'it.b');
  refused(sample.sample_new, { a: 1, b: '\ud800' }, 'it.b');
  refused(sample.sample_new, { a: 1, d: [point, point, point] }, 'it.d');
  refused(sample.sample_new, { a: 1, d: [point, { x: 1 }] }, 'it.d[1].y');
  refused(sample.sample_new, null, 'it');
});

test('what comes is checked the same way', () => {
  const read = (record, hex) => record.$read(decode(bytes_of(hex)), 'it', { refs: [] });
  const wrong = { code: E.INVAL };
  assert.throws(() => read(sample.sample_point, 'a1 00 01'), wrong);
  assert.throws(() => read(sample.sample_point, 'a2 00 01 01 61 31'), wrong);
  assert.throws(() => read(sample.sample_point, 'a2 00 1a 80000000 01 01'), wrong);
  assert.throws(() => read(sample.sample_new, 'a2 00 01 01 69 313233343536373839'), wrong);
  assert.throws(() => sample.sample_color.$read(2, 'it'), wrong); // closed
  assert.equal(sample.sample_mood.$read(2, 'it'), 2); // open
  assert.throws(() => sample.sample_key.$read(new Uint8Array(3), 'it'), wrong);
});
