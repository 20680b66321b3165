// observer_timeline.js - requests and events as they pass, joined over all processes by their trace; one of them step by step. The
// processes are looked into only while this is on screen.
import { html, nothing, svg } from 'lit-html';

import { bus_step } from '../web/bus.js';
import { table } from './observer_details.js';
import { actor_name, learn, member_name, name_actors, program } from './observer_program.js';

const TRACES_MAX = 200;
const STEPS_MAX = 400; // of one trace
const AGAIN_MS = 1000;

const traces = new Map(); // trace -> { steps }, the newest last
const streams = new Map(); // process -> what ends its stream
let wanted = false;
let paused = false;
let missed = 0n;
let filter = '';
let chosen = null;
let drawn = () => {};
let due = false;
let clock = null; // a time_ns and when it was, to tell the time of day

export function on_steps(draws) {
  drawn = draws;
}

function soon() {
  if (!due) {
    due = true;
    setTimeout(() => {
      due = false;
      drawn();
    }, 200);
  }
}

// ---- looking ----------------------------------------------------------------------------------------------------------------------

export function show_timeline(on) {
  wanted = on;
  settle();
}
document.addEventListener('visibilitychange', settle);

// Begins to look where it should, and ends where it should not.
export function settle() {
  const looks = wanted && !paused && !document.hidden && program.up;
  for (const seen of program.processes) {
    if (looks && seen.bus !== null && seen.is_running() && !streams.has(seen.name)) {
      watch(seen);
    }
  }
  if (!looks) {
    streams.forEach((stream) => stream.return());
    streams.clear();
  }
}

async function watch(seen) {
  const stream = seen.bus.observe({ contents_bytes_max: 0, bus: false });
  streams.set(seen.name, stream);
  try {
    for await (const item of stream) {
      missed += item.missed;
      item.passed.forEach((passed) => take(seen, passed));
    }
  } catch {
    // its process ended: settle() looks into the next one
  }
  if (streams.get(seen.name) === stream) {
    streams.delete(seen.name);
    setTimeout(settle, AGAIN_MS);
  }
}

function take(seen, passed) {
  if (seen.told.name !== seen.name || !streams.has(seen.name)) {
    return;
  }
  clock ??= { ns: passed.time_ns, at: Date.now() };
  learn(seen, passed.interface);
  if (passed.actor !== 0n && !seen.now?.actors.some((actor) => actor.id === passed.actor)) {
    name_actors(seen);
  }
  const trace = traces.get(passed.trace) ?? { id: passed.trace, steps: [] };
  if (trace.steps.length < STEPS_MAX) {
    trace.steps.push({ seen, ...passed });
  }
  traces.delete(passed.trace);
  traces.set(passed.trace, trace);
  for (const old of traces.keys()) {
    if (traces.size <= TRACES_MAX) {
      break;
    }
    if (old !== chosen) {
      traces.delete(old);
    } else {
      break;
    }
  }
  soon();
}

// ---- a trace ----------------------------------------------------------------------------------------------------------------------

const by_time = (a, b) => (a.time_ns < b.time_ns ? -1 : a.time_ns > b.time_ns ? 1 : 0);
const steps_of = (trace) => [...trace.steps].sort(by_time);
const ms_between = (from, to) => Number(to - from) / 1e6;
const step_name = (step) => Object.keys(bus_step).find((name) => bus_step[name] === step) ?? `step ${step}`;
const what = (step) => member_name(step.interface, step.member, step.step === bus_step.publish ? 'event' : 'method');

function summary(trace) {
  const steps = steps_of(trace);
  const [first, last] = [steps[0], steps.at(-1)];
  const processes = [...new Set(steps.map((step) => step.seen.name))];
  return { trace, steps, processes, name: what(first), ms: ms_between(first.time_ns, last.time_ns), failed: steps.find((step) => step.code !== 0),
    at: new Date(clock.at + ms_between(clock.ns, first.time_ns)) };
}

function to_whom(step) {
  if (step.to_role !== undefined) {
    return step.to_role;
  }
  if (step.to_actor !== undefined) {
    return actor_name(step.seen, step.to_actor);
  }
  const link = step.seen.now?.links.find((one) => one.id === step.to_link);
  return step.to_link === undefined ? '' : link?.peer ?? 'a peer';
}

// What has a beginning and an end in one process: a request asked for and its answer, one begun and answered.
function spans(steps) {
  const ends = { [bus_step.send]: bus_step.done, [bus_step.handle]: bus_step.answer };
  return steps.filter((step) => step.step in ends).map((step) => ({ step, end: steps.find((one) => one.step === ends[step.step] &&
    one.seen === step.seen && one.actor === step.actor && one.interface === step.interface && one.member === step.member &&
    one.time_ns >= step.time_ns) ?? step }));
}

const WIDE = { left: 210, width: 900, row: 26, right: 90 };

function draw_waterfall({ steps, ms }) {
  const rows = spans(steps);
  const start = steps[0].time_ns;
  const x = (ns) => WIDE.left + (ms === 0 ? 0 : ms_between(start, ns) / ms) * (WIDE.width - WIDE.left - WIDE.right);
  return svg`<svg class="waterfall" viewBox="0 0 ${WIDE.width} ${rows.length * WIDE.row + 8}" role="img" aria-label="The steps of this call as bars over time; the table below says the same">
    ${rows.map(({ step, end }, at) => svg`<g class=${step_name(step.step)}>
      <text x="4" y=${at * WIDE.row + 20}>${step.seen.name}</text>
      <text class="right" x="70" y=${at * WIDE.row + 20}>${what(step).slice(0, 22)}</text>
      <rect x=${x(step.time_ns)} y=${at * WIDE.row + 6} width=${Math.max(2, x(end.time_ns) - x(step.time_ns))} height=${WIDE.row - 8} rx="4"></rect>
      <text class="right" x=${x(end.time_ns) + 6} y=${at * WIDE.row + 20}>${ms_between(step.time_ns, end.time_ns).toFixed(3)} ms</text></g>`)}
  </svg>`;
}

function draw_one(trace) {
  const whole = summary(trace);
  const start = whole.steps[0].time_ns;
  return html`<section class="card" id="one"><div class="card-head"><h2>${whole.name}</h2><span class="mono small">${trace.id.toString(16).padStart(16, '0')}</span></div>
    <p>${whole.processes.join(' → ')}: ${whole.ms.toFixed(3)} ms, ${whole.steps.length} steps</p>
    ${draw_waterfall(whole)}
    ${table('Steps of the call', ['after', 'since the last', 'process', 'actor', 'step', 'what', 'to', 'bytes'], whole.steps.map((step, at) => [
      `${ms_between(start, step.time_ns).toFixed(3)} ms`, at === 0 ? '' : `${ms_between(whole.steps[at - 1].time_ns, step.time_ns).toFixed(3)} ms`,
      step.seen.name, actor_name(step.seen, step.actor), `${step_name(step.step)}${step.code === 0 ? '' : `, error ${step.code}`}`, what(step),
      to_whom(step), `${step.size_bytes}`]))}</section>`;
}

// ---- the view ---------------------------------------------------------------------------------------------------------------------

function choose(trace) {
  chosen = trace.id;
  drawn();
  document.getElementById('one')?.scrollIntoView({ block: 'nearest' });
}

function pause() {
  paused = !paused;
  settle();
  drawn();
}

function set_filter(event) {
  filter = event.target.value.trim().toLowerCase();
  drawn();
}

export function draw_timeline() {
  const all = [...traces.values()].reverse().map(summary);
  const seen = all.filter(({ name, processes, steps }) => filter === '' || name.toLowerCase().includes(filter) ||
    processes.some((process) => process === filter) || steps.some((step) => what(step).toLowerCase().includes(filter)));
  const one = traces.get(chosen);
  return html`<h1>Timeline</h1>
    <p class="muted">What passes in all processes while this is on screen: ${streams.size} of ${program.processes.length} are looked into${
      missed > 0n ? html`, <span class="warn">${missed} steps were missed</span>` : nothing}.</p>
    <div class="row"><label for="filter">Only</label><input id="filter" class="short" placeholder="a method, event or process" @input=${set_filter}>
      <button type="button" aria-pressed=${paused} @click=${pause}>${paused ? 'Go on' : 'Pause'}</button></div>
    ${one === undefined ? nothing : draw_one(one)}
    <section class="card"><h2>Calls and events</h2>${seen.length === 0 ? html`<p class="muted">Nothing has passed yet.</p>` : table('Calls and events, the newest first',
      ['at', 'what', 'through', 'took', 'steps', ''], seen.map(({ trace, name, processes, ms, failed, steps, at }) => [
        at.toLocaleTimeString(), html`<button type="button" class="plain slim" aria-pressed=${trace.id === chosen} @click=${() => choose(trace)}>${name}</button>`,
        processes.join(' → '), `${ms.toFixed(3)} ms`, steps.length, failed === undefined ? '' : html`<span class="tag bad">error ${failed.code}</span>`]))}</section>`;
}
