// errors.js - the bus's own codes, as in bus/troupe.h, and what a call that failed throws.

export const E = Object.freeze({
  INVAL: -1,
  NOMEM: -2,
  BUSY: -3,
  DOWN: -4,
  LOST: -5,
  TIMEOUT: -6,
  CANCELED: -7,
  WOULDBLOCK: -8,
  CYCLE: -9,
  UNIMPLEMENTED: -10,
  MALFORMED: -11,
  TOOLARGE: -12,
  NOENT: -13,
  REF: -14,
  PERM: -15,
  CLOSED: -16,
  UNANSWERED: -17,
  SYSTEM: -18,
  PROTOCOL: -19,
});

const names = new Map(Object.entries(E).map(([name, code]) => [code, `E${name}`]));

// `code` is one of E, or from 100 up one that the interface declares; then `data` has its fields.
export class TroupeError extends Error {
  constructor(code, text, data) {
    super(text || names.get(code) || `error ${code}`);
    this.name = names.get(code) ?? 'ApplicationError';
    this.code = code;
    this.data = data;
  }
}
