// follow.js - snapshot, then stream: a copy of what an actor holds, kept level with it. As in bus/follow.c, whose words these
// are: STALE fetches and holds events, LEVEL hands them over.
import { FOLLOW_HELD_MAX, FOLLOW_MS, FOLLOW_MS_MAX } from './limits.js';

// fetch() promises a snapshot, with its epoch and sequence; subscribe(handler) as in topics.js. Both callbacks get
// (value, info); on_snapshot again after each loss. Returns { close() }.
export function follow(fetch, subscribe, on_snapshot, on_event) {
  let level = false;
  let epoch = null; // level: the last event that the copy includes;
  let sequence = 0n; // stale: the last that a snapshot has to include
  let held = [];
  let fetching = false;
  let timer;
  let pause_ms = FOLLOW_MS;
  let closed = false;

  function go_stale(to_epoch, to_sequence) {
    const all = [to_sequence, ...held.filter((one) => one.info.epoch === to_epoch).map((one) => one.info.sequence)];
    if (epoch === to_epoch) {
      all.push(sequence);
    }
    sequence = all.reduce((most, one) => (one > most ? one : most));
    epoch = to_epoch;
    held = [];
    level = false;
  }

  function pause() {
    clearTimeout(timer);
    timer = setTimeout(refresh, pause_ms);
    pause_ms = Math.min(2 * pause_ms, FOLLOW_MS_MAX);
  }

  async function refresh() {
    clearTimeout(timer);
    if (fetching || closed) {
      return;
    }
    fetching = true;
    let snapshot;
    try {
      snapshot = await fetch();
    } catch {
      snapshot = null;
    }
    fetching = false;
    if (closed || level) {
      return;
    }
    if (snapshot === null || (snapshot.epoch === epoch && snapshot.sequence < sequence)) {
      pause(); // it failed, or was made before something that was missed
    } else {
      become_level(snapshot);
    }
  }

  function become_level(snapshot) {
    const waiting = held.filter((one) => one.info.epoch === snapshot.epoch);
    level = true;
    epoch = snapshot.epoch;
    sequence = snapshot.sequence;
    held = [];
    pause_ms = FOLLOW_MS;
    on_snapshot(snapshot, { epoch, sequence });
    for (const one of waiting) {
      if (!closed) {
        take(one.fields, one.info);
      }
    }
  }

  function take(fields, info) {
    if (level && info.epoch === epoch && info.sequence <= sequence) {
      return;
    }
    if (level && info.epoch === epoch && info.sequence === sequence + 1n) {
      sequence = info.sequence;
      on_event(fields, info);
      return;
    }
    if (level) {
      go_stale(info.epoch, info.sequence - 1n);
    }
    if (held.length === FOLLOW_HELD_MAX) {
      go_stale(info.epoch, info.sequence);
    } else {
      held.push({ fields, info });
    }
    refresh();
  }

  function lost(info) {
    if (level && info.epoch === epoch && info.lost_to !== 0n && info.lost_to <= sequence) {
      return; // the copy includes it
    }
    go_stale(info.epoch, info.lost_to);
    pause_ms = FOLLOW_MS;
    refresh();
  }

  function handler(fields, info) {
    if (closed) {
      return;
    }
    if (fields !== null) {
      take(fields, info);
    } else if (info.gone) {
      close();
      on_event(null, info);
    } else {
      lost(info);
    }
  }

  function close() {
    closed = true;
    clearTimeout(timer);
    subscription.close();
  }

  const subscription = subscribe(handler);
  const ready = subscription.ready.then(() => refresh());
  ready.catch(() => {});
  return { ready, close };
}
