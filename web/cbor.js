// cbor.js - CBOR as the wire has it (RFC 8949, 4.2.1): cborg's, made as strict as bus/cbor_reader.c. One way to write each
// value, so what would be written otherwise is refused: long forms, indefinite lengths, tags, floats, keys out of order.
import { decodeFirst, encode as encodeAny, rfc8949EncodeOptions, Tokenizer, Type } from 'cborg';

import { E, TroupeError } from './errors.js';
import { DEPTH_MAX, ITEMS_MAX } from './limits.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const frame_items_max = ITEMS_MAX + 128;
const options = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowBigInt: true,
  allowIndefinite: false,
  allowUndefined: false,
  retainStringBytes: true,
};

function malformed(why) {
  return new TroupeError(E.MALFORMED, why);
}

// Counts what a frame consists of while it is read, so that nothing large is made of few bytes.
class Strict extends Tokenizer {
  items = 0;
  open = []; // of each array or map that is not complete: how many values are left

  next() {
    const token = super.next();
    if (++this.items > frame_items_max) {
      throw malformed('too many items');
    }
    while (this.open.length > 0 && this.open[this.open.length - 1] === 0) {
      this.open.pop();
    }
    if (this.open.length > 0) {
      this.open[this.open.length - 1]--;
    }
    if (token.type.name === 'array' || token.type.name === 'map') {
      this.open.push(token.type.name === 'map' ? 2 * token.value : token.value);
      if (this.open.length > DEPTH_MAX + 1) {
        throw malformed('nested too deeply');
      }
    } else if (token.type.name === 'string') {
      token.value = utf8.decode(token.byteValue);
    } else if (Type.equals(token.type, Type.float) || Type.equals(token.type, Type.tag)) {
      throw malformed(`a ${token.type.name}`);
    }
    return token;
  }
}

// Keys are ordinals that rise: a duplicate is one that does not.
function check_keys(value) {
  if (value instanceof Map) {
    let last = -1;
    for (const [key, inner] of value) {
      if (typeof key !== 'number' || key <= last) {
        throw malformed('the keys of a map must be numbers that rise');
      }
      last = key;
      check_keys(inner);
    }
  } else if (Array.isArray(value)) {
    value.forEach(check_keys);
  }
}

// The value at the start of `data`, and what follows it. Text, bytes and arrays are copies; whole numbers are `number`, or
// `bigint` beyond 2^53.
export function decode_first(data) {
  try {
    const [value, rest] = decodeFirst(data, { ...options, tokenizer: new Strict(data, options) });
    check_keys(value);
    return [value, rest];
  } catch (error) {
    throw error instanceof TroupeError ? error : malformed(error.message);
  }
}

export function decode(data) {
  const [value, rest] = decode_first(data);
  if (rest.length > 0) {
    throw malformed('something behind the value');
  }
  return value;
}

// A Map must have its keys in order.
export function encode(value) {
  return encodeAny(value, rfc8949EncodeOptions);
}
