// shapes.js - what travels: the types of the interface language, each with how a value of it is written and read. Generated
// modules describe records by these.
//
//   in the contract               in JavaScript
//   bool                          boolean
//   u8..u32, i8..i32, enums       number
//   u64, i64                      bigint
//   text                          string
//   bytes, blob, NAME[n]          Uint8Array
//   [T]                           array; null for an element of [T?] that is missing
//   struct, arguments, results    object; a property that is missing or undefined for a field of T? that is
//   ref<I>                        Ref, which `new I(ref)` makes callable
//
// Both ways are checked against the interface: what is wrong is a TroupeError with E.INVAL that names the field. `context`
// holds what travels beside a map: `refs` and `blob`.
import { E, TroupeError } from './errors.js';
import { REFS_MAX } from './limits.js';

const utf8 = new TextEncoder();

function wrong(where, expected) {
  return new TroupeError(E.INVAL, `${where}: expected ${expected}`);
}

function same(check) {
  return Object.freeze({ $write: check, $read: check });
}

export function bool() {
  return same((value, where) => {
    if (typeof value !== 'boolean') {
      throw wrong(where, 'true or false');
    }
    return value;
  });
}

function whole(low, high) {
  const expected = `a whole number from ${low} to ${high}`;
  const fits = (value) => value >= low && value <= high;
  if (high <= BigInt(Number.MAX_SAFE_INTEGER)) {
    return same((value, where) => {
      if (!Number.isSafeInteger(value) || !fits(value)) {
        throw wrong(where, expected);
      }
      return value;
    });
  }
  const check = (value, where) => {
    const number = typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value) : null;
    if (number === null || !fits(number)) {
      throw wrong(where, expected);
    }
    return number;
  };
  return same(check);
}

export function uint(bits, bound) {
  const made = whole(0n, bound !== undefined ? BigInt(bound) : (1n << BigInt(bits)) - 1n);
  return bits === 64 ? wide(made) : made;
}

export function int(bits) {
  const half = 1n << BigInt(bits - 1);
  const made = whole(-half, half - 1n);
  return bits === 64 ? wide(made) : made;
}

// A u64 with a small bound is a bigint, too.
function wide(made) {
  const check = (value, where) => BigInt(made.$read(typeof value === 'bigint' ? narrow(value) : value, where));
  return same(check);
}

function narrow(value) {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

export function text(bound) {
  return same((value, where) => {
    if (typeof value !== 'string' || !value.isWellFormed() || utf8.encode(value).length > bound) {
      throw wrong(where, `text of at most ${bound} bytes`);
    }
    return value;
  });
}

export function bytes(bound) {
  return same((value, where) => {
    if (!(value instanceof Uint8Array) || value.length > bound) {
      throw wrong(where, `at most ${bound} bytes`);
    }
    return value;
  });
}

export function fixed(size) {
  return same((value, where) => {
    if (!(value instanceof Uint8Array) || value.length !== size) {
      throw wrong(where, `${size} bytes`);
    }
    return value;
  });
}

// Its size travels in the map, its bytes beside.
export function blob(bound) {
  return Object.freeze({
    $write(value, where, context) {
      if (!(value instanceof Uint8Array) || value.length > bound) {
        throw wrong(where, `at most ${bound} bytes`);
      }
      context.blob = value;
      return value.length;
    },
    $read(value, where, context) {
      const came = context.blob?.length ?? 0;
      if (value !== came || value > bound) {
        throw wrong(where, `a blob of at most ${bound} bytes`);
      }
      return context.blob ?? new Uint8Array(0);
    },
  });
}

// The values by name, too: node_network.regtest.
export function enumeration(name, open, values) {
  const known = new Set(Object.values(values));
  const check = (value, where) => {
    if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff || (!open && !known.has(value))) {
      throw wrong(where, `a ${name}`);
    }
    return value;
  };
  return Object.freeze({ ...values, $write: check, $read: check });
}

export function array(type, bound, holes = false) {
  const each = (how) => (value, where, context) => {
    if (!Array.isArray(value) || value.length > bound) {
      throw wrong(where, `an array of at most ${bound}`);
    }
    return value.map((one, at) => (holes && one === null ? null : type[how](one, `${where}[${at}]`, context)));
  };
  return Object.freeze({ $write: each('$write'), $read: each('$read') });
}

export function ref(name) {
  return Object.freeze({
    $write(value, where, context) {
      const id = context.name_ref(value?.$ref ?? value);
      if (id === undefined) {
        throw new TroupeError(E.REF, `${where}: expected a ref<${name}> that came over this link and is still there`);
      }
      if (context.refs.length === REFS_MAX) {
        throw new TroupeError(E.TOOLARGE, `${where}: expected at most ${REFS_MAX} refs in one message`);
      }
      return context.refs.push(id) - 1;
    },
    $read(value, where, context) {
      const found = Number.isInteger(value) ? context.refs[value] : undefined;
      if (found === undefined) {
        throw wrong(where, `a ref<${name}>`);
      }
      return found;
    },
  });
}

// ---- records --------------------------------------------------------------------------------------------------------------

export function field(ordinal, type, { optional = false, preset } = {}) {
  return Object.freeze({ ordinal, type, optional, preset });
}

export function struct(name, fields) {
  const ordered = Object.entries(fields)
    .map(([key, one]) => ({ key, ...one }))
    .sort((a, b) => a.ordinal - b.ordinal);

  function write(value, where, context) {
    if (value === null || typeof value !== 'object') {
      throw wrong(where, `an object with the fields of ${name}`);
    }
    const stranger = Object.keys(value).find((key) => !Object.hasOwn(fields, key));
    if (stranger !== undefined) {
      throw wrong(`${where}.${stranger}`, `nothing: ${name} has no such field`);
    }
    const map = new Map();
    for (const { key, ordinal, type, optional, preset } of ordered) {
      const given = value[key];
      if (given === undefined) {
        if (!optional && preset === undefined) {
          throw wrong(`${where}.${key}`, 'a value');
        }
        continue;
      }
      const made = type.$write(given, `${where}.${key}`, context);
      if (preset === undefined || made !== preset) {
        map.set(ordinal, made);
      }
    }
    return map;
  }

  function read(map, where, context) {
    if (!(map instanceof Map)) {
      throw wrong(where, `a ${name}`);
    }
    const value = {};
    for (const { key, ordinal, type, optional, preset } of ordered) {
      if (map.has(ordinal)) {
        value[key] = type.$read(map.get(ordinal), `${where}.${key}`, context);
      } else if (preset !== undefined) {
        value[key] = preset;
      } else if (!optional) {
        throw wrong(`${where}.${key}`, 'a value');
      }
    }
    return value;
  }

  return Object.freeze({ name, $write: write, $read: read });
}

// ---- what an interface has --------------------------------------------------------------------------------------------------

export function failure(name, code, fields) {
  return Object.freeze({ name, code, fields: struct(name, fields) });
}

export function method(contract, ordinal, name, shape) {
  return Object.freeze({ contract, ordinal, name, throws: [], since: 1, secret: false, ...shape });
}

export function event(contract, ordinal, name, shape) {
  return Object.freeze({ contract, ordinal, name, ...shape });
}
