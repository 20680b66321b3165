// observer_details.js - what is known of the process or actor that was chosen, and what can be done to it; and all of them as a
// table.
import { html, nothing } from 'lit-html';

import { launcher_policy } from '../web/launcher.js';
import { actors_of, others, per_second, state_name } from './observer_picture.js';
import { actor_name, interface_name, member_name, program } from './observer_program.js';

const ms = (value) => (value < 1000n ? `${value} ms` : `${(Number(value) / 1000).toFixed(value < 10000n ? 1 : 0)} s`);
const KINDS = { never: 'the program ends with it', on_failure: 'it is started again after a failure', always: 'it is started again' };

function facts(rows) {
  return html`<dl class="facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function table(what, columns, rows) {
  return html`<div class="wide" tabindex="0" role="region" aria-label=${what}><table><caption class="unseen">${what}</caption>
    <thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td class="num">${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

// ---- requests in flight ---------------------------------------------------------------------------------------------------------

// All that any process waits for, as chains: those of one trace together, from the oldest on.
function chains() {
  const found = new Map();
  for (const seen of program.processes) {
    for (const ask of seen.now?.asks ?? []) {
      found.set(ask.trace, [...(found.get(ask.trace) ?? []), { seen, ask }]);
    }
  }
  return [...found].map(([trace, asks]) => ({ trace, asks: asks.sort((a, b) => Number(b.ask.age_ms - a.ask.age_ms) || a.ask.incoming - b.ask.incoming) }));
}

const who = (seen, id) => (id === 0n ? seen.name : `${seen.name}: ${actor_name(seen, id)}`);

function draw_chain({ trace, asks }) {
  return html`<li><span class="mono">${trace.toString(16).padStart(16, '0')}</span><ol>${asks.map(({ seen, ask }) => html`<li>${
    who(seen, ask.actor)} ${ask.incoming ? 'answers' : 'waits for'} <b>${member_name(ask.interface, ask.method)}</b> ${
    ask.incoming ? 'to' : 'of'} ${ask.peer}, for ${ms(ask.age_ms)}, at most ${ms(ask.left_ms)} more</li>`)}</ol></li>`;
}

export function draw_asks(of = () => true) {
  const found = chains().filter(({ asks }) => asks.some(of));
  return found.length === 0 ? html`<p class="muted">none</p>` : html`<ul class="chains">${found.map(draw_chain)}</ul>`;
}

// ---- one of them ------------------------------------------------------------------------------------------------------------------

function draw_actor(seen, actor) {
  return html`<h2>${actor_name(seen, actor.id)}</h2>${facts([
    ['in process', seen.name], ['definition', `${actor.name}, #${actor.id}`],
    ['mailbox', `${actor.waiting} waiting${actor.waiting > 0n ? `, not empty for ${ms(actor.waiting_ms)}` : ''}`],
    ['handled', `${actor.handled}, ${per_second(seen.actor_rate(actor.id))}`], ['its open asks', `${actor.asks_open}`],
    ['serves', (actor.interfaces ?? []).map(interface_name).join(', ') || 'nothing']])}
    <h3>Its requests over links</h3>${draw_asks((one) => one.seen === seen && one.ask.actor === actor.id)}`;
}

function draw_process(seen, does) {
  const { told, now } = seen;
  const state = state_name(told);
  const policy = Object.keys(launcher_policy).find((name) => launcher_policy[name] === told.policy);
  const roles = program.roles.filter((role) => role.process === seen.name).map((role) => role.name).join(', ');
  return html`<h2>${seen.name}</h2>${facts([
    ['state', html`${state} for ${ms(told.since_ms)}`], ['process', told.pid === 0 ? 'none' : `${told.pid}`], ['roles', roles],
    ['started again', `${told.restarts} times`], ['ended before', told.ended || 'never'], ['if it dies', KINDS[policy] ?? 'unknown'],
    ['sandboxed', told.sandboxed ? 'yes' : 'no'],
    ...(now === null ? [] : [['actors', `${now.stats.actors}`], ['messages', `${now.stats.messages_handled}, ${per_second(seen.handled_rate)}`],
      ['waiting', `${now.stats.messages_waiting}`], ['asks open', `${now.stats.asks_open}`], ['late replies', `${now.stats.replies_late}`],
      ['dead letters', `${now.stats.dead_letters}`], ['events lost', `${now.stats.events_lost}`], ['refused, queue full', `${now.stats.refused_busy}`],
      ['visitors', others(seen).map((link) => link.peer).join(', ') || 'none']])])}
    ${told.own ? html`<p class="muted">The launcher’s own process: the program ends with it.</p>` : html`<div class="row">
      <button type="button" @click=${() => does('restart', seen)}>Restart</button>
      <button type="button" class="danger" @click=${() => does('kill', seen)} ?disabled=${told.pid === 0}>Kill</button></div>`}`;
}

// What each peer takes of the process, asked for when somebody wants to know.
const quotas = new Map();

function draw_quotas(seen) {
  const known = quotas.get(seen.name);
  if (known === undefined) {
    return html`<p><button type="button" class="slim" @click=${() => ask_quotas(seen)}>Ask what each peer may take</button></p>`;
  }
  return table(`What each peer takes of ${seen.name}`, ['of', 'at most', ...known.map(({ peer }) => peer)], known[0]?.all.map(({ name, max }) => [
    name.replaceAll('_', ' '), `${max}`, ...known.map(({ all }) => `${all.find((quota) => quota.name === name)?.used ?? ''}`)]) ?? []);
}

async function ask_quotas(seen) {
  quotas.set(seen.name, await Promise.all(seen.now.links.map(async (link) => {
    const { quotas: all } = await seen.bus.get_quotas({ link: link.id }).catch(() => ({ quotas: [] }));
    return { peer: link.peer, all };
  })));
}

// Of a process that was chosen, or whose actor was.
export function draw_links(chosen) {
  const seen = program.processes.find((one) => one.name === chosen.process);
  if (seen === undefined || seen.now === null) {
    return nothing;
  }
  return html`<section class="card"><h2>Links of ${seen.name}</h2>${table(`Links of ${seen.name}`, ['to', 'messages', 'bytes in', 'bytes out', 'open asks', 'bytes queued'],
    seen.now.links.map((link) => [link.peer, per_second(seen.link_rate(link.id)), `${link.bytes_in}`, `${link.bytes_out}`, `${link.asks_open}`, `${link.queued_bytes}`]))}
    ${draw_quotas(seen)}</section>`;
}

export function draw_chosen(chosen, does) {
  const seen = program.processes.find((one) => one.name === chosen.process);
  const actor = seen?.now?.actors.find((one) => one.id === chosen.actor);
  if (seen === undefined || (chosen.actor !== undefined && actor === undefined)) {
    return html`<p class="muted">Choose a process or an actor in the picture.</p>`;
  }
  return actor === undefined ? draw_process(seen, does) : draw_actor(seen, actor);
}

// ---- all of them --------------------------------------------------------------------------------------------------------------------

export function draw_table(choose) {
  const rows = program.processes.flatMap((seen) => [
    [html`<button type="button" class="plain slim" @click=${() => choose({ process: seen.name })}>${seen.name}</button>`, state_name(seen.told),
      seen.told.pid || '', `${seen.told.restarts}`, '', '', per_second(seen.handled_rate), `${seen.now?.stats.asks_open ?? ''}`],
    ...actors_of(seen).map((actor) => [html`<button type="button" class="plain slim inner" @click=${() => choose({ process: seen.name, actor: actor.id })}>${
      actor_name(seen, actor.id)}</button>`, '', '', '', `${actor.waiting}`, actor.waiting > 0n ? ms(actor.waiting_ms) : '',
    per_second(seen.actor_rate(actor.id)), `${actor.asks_open}`])]);
  return table('Processes and actors', ['name', 'state', 'pid', 'restarts', 'waiting', 'since', 'messages', 'asks open'], rows);
}
