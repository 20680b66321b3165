// copy.js - copies of what the program holds, fetched when a view reads them and again once they have lapsed. An event does not
// bring a copy up to date: it says that one has lapsed, and so does one that was missed. Only what is shown is fetched.
import { passes } from './words.js';

const PAUSE_MS = 150; // between two fetches of one copy, whatever the flood of events
const AGAIN_MS = 700; // after one that failed for a while

const all = new Set();
let redraw = () => {};

export const draws_with = (draw) => (redraw = draw);

class Copy {
  value;
  error = null;
  #fetch;
  #groups;
  #stale = true;
  #busy = false;
  #turn = 0; // what was fetched before a reset counts no more

  constructor(fetch, groups) {
    this.#fetch = fetch;
    this.#groups = groups;
  }

  // What is known now, undefined at first; what has lapsed is on its way then.
  read() {
    if (this.#stale && !this.#busy) {
      this.#refresh();
    }
    return this.value;
  }

  lapse(group) {
    if (this.#groups.includes(group)) {
      this.#stale = true;
    }
  }

  reset(group) {
    if (this.#groups.includes(group)) {
      this.value = undefined;
      this.error = null;
      this.#stale = true;
      this.#busy = false;
      this.#turn++;
    }
  }

  async #refresh() {
    const turn = this.#turn;
    let pause_ms = PAUSE_MS;
    this.#busy = true;
    this.#stale = false;
    try {
      const value = await this.#fetch();
      if (turn === this.#turn) {
        this.value = value;
        this.error = null;
      }
    } catch (error) {
      if (turn === this.#turn && passes(error)) {
        this.#stale = true;
        pause_ms = AGAIN_MS;
      } else if (turn === this.#turn) {
        this.error = error;
      }
    }
    redraw();
    setTimeout(() => this.#rest(turn), pause_ms);
  }

  #rest(turn) {
    if (turn === this.#turn) {
      this.#busy = false;
      redraw();
    }
  }
}

export function copy(fetch, ...groups) {
  const made = new Copy(fetch, groups);
  all.add(made);
  return made;
}

// Copies of a group are to be fetched anew.
export function lapse(...groups) {
  for (const group of groups) {
    all.forEach((one) => one.lapse(group));
  }
  redraw();
}

// They are of something else from now on.
export function reset(group) {
  all.forEach((one) => one.reset(group));
  redraw();
}
