// format.js - amounts, ids and times as people read them. An amount is a BigInt of satoshi and shown with all of its eight digits.
const COIN = 100000000n;
const HOUR_S = 3600;

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

// Bitcoin shows hashes with their last byte first.
export const id_text = (hash) => hex(Uint8Array.from(hash).reverse());

export function id_bytes(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16)).reverse();
}

export function btc(sat, signed = false) {
  const size = sat < 0n ? -sat : sat;
  const sign = sat < 0n ? '−' : signed && sat > 0n ? '+' : '';
  return `${sign}${size / COIN}.${String(size % COIN).padStart(8, '0')}`;
}

// The other way round; undefined: it is no amount.
export function satoshi(text) {
  const [, whole, part = ''] = /^(\d{1,8})(?:[.,](\d{1,8}))?$/.exec(text.trim()) ?? [];
  return whole === undefined ? undefined : BigInt(whole) * COIN + BigInt(part.padEnd(8, '0'));
}

// Satoshi for 1,000 virtual bytes, as people name it: for one.
export const rate = (sat) => `${(Number(sat) / 1000).toFixed(sat % 1000n === 0n ? 0 : 2)} sat/vB`;

// The other way round; undefined: it is no rate, or more than interfaces/wallet.iface takes.
export function rate_sat(text) {
  const [, whole, part = ''] = /^(\d{1,5})(?:[.,](\d{1,3}))?$/.exec(text.trim()) ?? [];
  const sat = whole === undefined ? 0n : BigInt(whole) * 1000n + BigInt(part.padEnd(3, '0'));
  return sat > 0n && sat <= 10000000n ? sat : undefined;
}

export const fee_rate = (fee_sat, vsize) => `${(Number(fee_sat) / Math.max(1, vsize)).toFixed(2)} sat/vB`;

export const date = (time_s) => new Date(Number(time_s) * 1000);

export function when(time_s) {
  return date(time_s).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

// As short as it is clear now: today's by the clock, this year's without the year.
export function when_shortly(time_s, now = new Date()) {
  const then = date(time_s);
  const clock = { hour: 'numeric', minute: '2-digit' };
  const day = { month: 'short', day: 'numeric' };
  return then.toDateString() === now.toDateString()
    ? then.toLocaleTimeString(undefined, clock)
    : then.getFullYear() === now.getFullYear()
      ? then.toLocaleString(undefined, { ...day, ...clock })
      : then.toLocaleDateString(undefined, { ...day, year: 'numeric' });
}

export function duration(seconds) {
  const minutes = Math.ceil(seconds / 60);
  return seconds < 60 ? `${Math.ceil(seconds)} s` : seconds < HOUR_S ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}

export const number = (value) => value.toLocaleString('en');

export const count = (value, one, many = `${one}s`) => `${number(value)} ${Number(value) === 1 ? one : many}`;

export function bytes(size) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const at = Math.min(3, Math.floor(Math.log2(Math.max(1, Number(size))) / 10));
  return `${(Number(size) / 1024 ** at).toFixed(at === 0 ? 0 : 1)} ${units[at]}`;
}

// The name of an enumeration's value.
export const name_of = (enumeration, value) => Object.keys(enumeration).find((name) => enumeration[name] === value) ?? 'unknown';
