// observer_picture.js - processes as boxes with their actors, and the links between them, each as broad as much passes.
import { nothing, svg } from 'lit-html';

import { launcher_state } from '../web/launcher.js';
import { actor_name, program } from './observer_program.js';

const BOX = { width: 250, head: 54, row: 26, gap_x: 170, gap_y: 90, margin: 12 };
const ROWS_MAX = 6;

export const state_name = (told) => Object.keys(launcher_state).find((name) => launcher_state[name] === told.state) ?? 'unknown';
export const per_second = (rate) => (rate === 0 ? '0/s' : rate < 10 ? `${rate.toFixed(1)}/s` : `${Math.round(rate)}/s`);

// What the bus itself is made of: its agent, and what stands for other processes before tabs.
const OF_THE_BUS = ['bus', 'gate'];

// By how much they do, the busiest first; those with a role before others.
export function actors_of(seen) {
  const actors = (seen.now?.actors ?? []).filter((actor) => !OF_THE_BUS.includes(actor.name));
  return actors.sort((a, b) => (b.role !== undefined) - (a.role !== undefined) || Number(b.handled - a.handled));
}

function place_all(processes) {
  const columns = Math.ceil(Math.sqrt(processes.length)) || 1;
  const heights = processes.map((seen) => BOX.head + BOX.row * Math.min(actors_of(seen).length, ROWS_MAX) + (notes_of(seen) === '' ? 6 : 24));
  const places = new Map();
  let y = BOX.margin;
  for (let first = 0; first < processes.length; first += columns) {
    const row = processes.slice(first, first + columns);
    row.forEach((seen, at) => places.set(seen.name, { x: BOX.margin + at * (BOX.width + BOX.gap_x), y, height: heights[first + at] }));
    y += Math.max(...heights.slice(first, first + columns)) + BOX.gap_y;
  }
  return { places, width: 2 * BOX.margin + columns * BOX.width + (columns - 1) * BOX.gap_x, height: y - BOX.gap_y + BOX.margin };
}

// One for each pair of processes that share a link, with all that passes both ways.
export function pairs() {
  const found = new Map();
  for (const seen of program.processes) {
    for (const link of seen.now?.links ?? []) {
      const other = program.processes.find((one) => one.name === link.peer);
      const key = other && [seen.name, other.name].sort().join('\n');
      if (other !== undefined && !found.has(key)) {
        found.set(key, { from: seen, to: other, link, rate: seen.link_rate(link.id) });
      }
    }
  }
  return [...found.values()];
}

// What there is no room for.
function notes_of(seen) {
  const [more, visitors] = [actors_of(seen).length - ROWS_MAX, others(seen).length];
  return [more > 0 ? `${more} more actors` : '', visitors > 0 ? `${visitors} visitor${visitors > 1 ? 's' : ''}` : ''].filter(Boolean).join(', ');
}

export const others = (seen) => (seen.now?.links ?? []).filter((link) => !program.processes.some((one) => one.name === link.peer));

const broad = (rate) => (rate < 0.1 ? 0 : Math.min(5, 1 + Math.floor(Math.log10(1 + rate) * 1.5)));

function draw_line(pair, places, at) {
  const [a, b] = [places.get(pair.from.name), places.get(pair.to.name)];
  const [x1, y1, x2, y2] = [a.x + BOX.width / 2, a.y + a.height / 2, b.x + BOX.width / 2, b.y + b.height / 2];
  // Two that cross have their words apart; what leads aside has them between the boxes.
  const t = x1 !== x2 && y1 !== y2 ? (at % 2 ? 0.4 : 0.6) : y1 === y2 ? 0.5 : (a.y + a.height + BOX.gap_y / 2 - y1) / (y2 - y1);
  const [x, y] = [x1 + (x2 - x1) * t, y1 + (y2 - y1) * t];
  return { line: svg`<line class="link w${broad(pair.rate)}" x1=${x1} y1=${y1} x2=${x2} y2=${y2}></line>`,
    words: svg`<g class="rate"><rect x=${x - 32} y=${y - 12} width="64" height="24" rx="12"></rect>
      <text x=${x} y=${y + 5} text-anchor="middle">${per_second(pair.rate)}</text></g>` };
}

function pressable(name, current, choose) {
  return { label: name, press: choose, key: (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      choose();
    }
  }, current };
}

function draw_actor(seen, actor, place, at, chosen, choose) {
  const y = place.y + BOX.head + at * BOX.row;
  const rate = seen.actor_rate(actor.id);
  const name = actor_name(seen, actor.id);
  const does = `${actor.waiting > 0n ? `${actor.waiting} waiting, ` : ''}${per_second(rate)}`;
  const p = pressable(`${name.slice(0, 20)} ${does}, actor of ${seen.name}`,
    chosen.process === seen.name && chosen.actor === actor.id, () => choose({ process: seen.name, actor: actor.id }));
  return svg`<g class="actor ${p.current ? 'chosen' : ''} ${actor.waiting > 0n ? 'waits' : ''}" role="button" tabindex="0" aria-label=${p.label}
    aria-pressed=${p.current} @click=${p.press} @keydown=${p.key}>
    <rect x=${place.x + 8} y=${y} width=${BOX.width - 16} height=${BOX.row - 4} rx="6"></rect>
    <text x=${place.x + 18} y=${y + 15.5}>${name.slice(0, 20)}</text>
    <text class="right" x=${place.x + BOX.width - 18} y=${y + 15.5} text-anchor="end">${does}</text>
  </g>`;
}

function draw_process(seen, place, chosen, choose) {
  const { told } = seen;
  const actors = actors_of(seen);
  const state = state_name(told);
  const line = `${told.pid === 0 ? 'no process' : `pid ${told.pid}`}${told.restarts > 0n ? `, started again ${told.restarts}×` : ''}`;
  const p = pressable(`${seen.name} ${state} ${line}, process`,
    chosen.process === seen.name && chosen.actor === undefined, () => choose({ process: seen.name }));
  return svg`<g class="process ${state} ${p.current ? 'chosen' : ''}">
    <rect class="box" x=${place.x} y=${place.y} width=${BOX.width} height=${place.height} rx="12"></rect>
    <g class="head" role="button" tabindex="0" aria-label=${p.label} aria-pressed=${p.current} @click=${p.press} @keydown=${p.key}>
      <rect x=${place.x + 4} y=${place.y + 4} width=${BOX.width - 8} height=${BOX.head - 10} rx="9"></rect>
      <text class="name" x=${place.x + 16} y=${place.y + 24}>${seen.name}</text>
      <text class="right state" x=${place.x + BOX.width - 16} y=${place.y + 24} text-anchor="end">${state}</text>
      <text class="right" x=${place.x + 16} y=${place.y + 41}>${line}</text>
    </g>
    ${actors.slice(0, ROWS_MAX).map((actor, at) => draw_actor(seen, actor, place, at, chosen, choose))}
    <text class="right" x=${place.x + 18} y=${place.y + BOX.head + Math.min(actors.length, ROWS_MAX) * BOX.row + 14}>${notes_of(seen)}</text>
  </g>`;
}

// `chosen` is { process, actor }; `choose` is told another one.
export function draw_picture(chosen, choose) {
  const { places, width, height } = place_all(program.processes);
  const lines = pairs().map((pair, at) => draw_line(pair, places, at));
  return program.processes.length === 0 ? nothing : svg`<svg class="picture" viewBox="0 0 ${width} ${height}" role="group" aria-label="Processes, actors and links">
    ${lines.map(({ line }) => line)}
    ${program.processes.map((seen) => draw_process(seen, places.get(seen.name), chosen, choose))}
    ${lines.map(({ words }) => words)}
  </svg>`;
}
