// observer_program.js - what the program is made of, as it says itself: processes of the launcher, actors, links and counters of
// the bus of each. Asked for once a second, only while somebody sees it.
import { Bus } from '../web/bus.js';
import { Launcher, launcher_state } from '../web/launcher.js';
import { connect } from './program.js';

const LOOK_MS = 1000;
const NAMES_MS = 2000;
const ACTORS_MAX = 300; // of a process, as they are shown
const REACHED = ['node', 'wallet', 'launcher', 'web']; // roles by which a tab reaches the bus of their process

// A process as it was seen last: `now` is what its bus said, `before` a look earlier.
class Seen {
  constructor(name) {
    Object.assign(this, { name, told: null, bus: null, now: null, before: null, error: null });
  }

  // Of a counter of something found in `now` and `before`, a second.
  rate(count) {
    if (this.before === null || this.now === null) {
      return 0;
    }
    const [now, before] = [count(this.now), count(this.before)];
    return now === undefined || before === undefined || now < before ? 0 : Number(now - before) / ((this.now.at - this.before.at) / 1000);
  }

  actor_rate(id) {
    return this.rate((look) => look.actors.find((actor) => actor.id === id)?.handled);
  }

  link_rate(id) {
    return this.rate((look) => {
      const link = look.links.find((one) => one.id === id);
      return link && link.frames_in + link.frames_out;
    });
  }

  get handled_rate() {
    return this.rate((look) => look.stats.messages_handled);
  }

  is_running() {
    return this.told?.state === launcher_state.running;
  }
}

export const program = { processes: [], roles: [], up: false, error: null };
const contracts = new Map(); // interface -> its name, methods and events by number; null: asked for
let drawn = () => {};
let looks = false;
let timer = null;

const peer = connect((up) => {
  program.up = up;
  if (up) {
    look();
  } else {
    program.processes.forEach((seen) => (seen.now = seen.before = null));
    drawn();
  }
});
const launcher = new Launcher(peer.role('launcher'));
launcher.on_processes_changed(() => list().then(drawn, () => {})); // at once: a process that is away is not for long

export function on_change(draws) {
  drawn = draws;
}

// `wanted`: somebody looks at actors and links. Processes are listed in any case when they change.
export function look_on(wanted) {
  looks = wanted;
  clearTimeout(timer);
  if (looks && program.up) {
    look();
  }
}

async function look() {
  clearTimeout(timer);
  try {
    await list();
    if (looks && !document.hidden) {
      await Promise.all(program.processes.filter((seen) => seen.is_running()).map(ask));
    }
    program.error = null;
  } catch (error) {
    program.error = error;
  }
  drawn();
  if (looks && !document.hidden && program.up) {
    clearTimeout(timer);
    timer = setTimeout(look, LOOK_MS);
  }
}
document.addEventListener('visibilitychange', () => looks && !document.hidden && program.up && look());

async function list() {
  const { processes, roles } = await launcher.list_processes();
  program.roles = roles;
  program.processes = processes.map((told) => {
    const seen = program.processes.find((one) => one.name === told.name) ?? new Seen(told.name);
    const role = roles.find((one) => one.process === told.name && REACHED.includes(one.name));
    seen.bus ??= role === undefined ? null : new Bus(peer.role(`${role.name}.bus`));
    if (seen.told?.pid !== told.pid) {
      seen.now = seen.before = null; // another process
    }
    seen.told = told;
    return seen;
  });
}

// For names of actors, where nobody looks on: now and then.
export async function name_actors(seen) {
  if (seen.named !== undefined && performance.now() - seen.named < NAMES_MS) {
    return;
  }
  seen.named = performance.now();
  await ask(seen);
  drawn();
}

async function list_actors(bus) {
  const found = [];
  for (let from = 0n; from !== undefined && found.length < ACTORS_MAX;) {
    const { actors, next } = await bus.list_actors({ from });
    found.push(...actors);
    from = next;
  }
  return found;
}

async function ask(seen) {
  try {
    // One after the other: what looks is not to be seen waiting.
    const actors = await list_actors(seen.bus);
    const { links } = await seen.bus.list_links();
    const { stats } = await seen.bus.get_stats();
    const { asks } = await seen.bus.list_asks();
    seen.before = seen.now;
    seen.now = { at: performance.now(), actors, links, stats, asks };
    seen.error = null;
    [...asks.map((one) => one.interface), ...actors.flatMap((one) => one.interfaces ?? [])].forEach((id) => learn(seen, id));
  } catch (error) {
    seen.error = error;
  }
}

// ---- words --------------------------------------------------------------------------------------------------------------------

// Asks a process for the contract of an interface, in words; the names are there a moment later.
export async function learn(seen, id) {
  if (contracts.has(id)) {
    return;
  }
  contracts.set(id, null);
  try {
    const { text } = await seen.bus.get_interface({ id });
    const contract = { name: /^interface (?:\w+\.)*(\w+)/m.exec(text)?.[1] ?? `@${id}`, method: new Map(), event: new Map() };
    for (const [, kind, name, number] of text.matchAll(/^(method|event) (\w+) @(\d+)/gm)) {
      contract[kind].set(Number(number), name);
    }
    contracts.set(id, contract);
    drawn();
  } catch {
    contracts.delete(id); // another process may know it
  }
}

export const interface_name = (id) => contracts.get(id)?.name ?? `@${id}`;

export function member_name(id, number, kind = 'method') {
  return `${interface_name(id)}.${contracts.get(id)?.[kind].get(number) ?? `@${number}`}`;
}

export function actor_name(seen, id) {
  const actor = seen.now?.actors.find((one) => one.id === id);
  return id === 0n ? 'a thread' : actor === undefined ? `#${id}` : actor.role ?? `${actor.name} #${id & 0xffffffffn}`;
}

// ---- what is done -------------------------------------------------------------------------------------------------------------

export const kill = (name) => launcher.kill({ name });
export const restart = (name) => launcher.restart({ name });
