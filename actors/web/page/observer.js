// observer.js - a page that looks into the program: its processes, actors and links as a picture, what passes between them, and two
// buttons that move a process.
import { html, nothing, render } from 'lit-html';

import { draw_asks, draw_chosen, draw_links, draw_table } from './observer_details.js';
import { draw_picture } from './observer_picture.js';
import { kill, look_on, on_change, program, restart } from './observer_program.js';
import { draw_timeline, on_steps, settle, show_timeline } from './observer_timeline.js';
import { sentence } from './words.js';

const VIEWS = { picture: 'Picture', timeline: 'Timeline' };
let chosen = {};
let asks = null; // { what, seen }: a person is asked whether it is meant
let notice = null; // { text, bad }

const shown = () => (Object.hasOwn(VIEWS, location.hash.slice(2)) ? location.hash.slice(2) : 'picture');

function choose(one) {
  chosen = one;
  draw();
}

// ---- kill and restart ---------------------------------------------------------------------------------------------------------------

function does(what, seen) {
  asks = { what, seen };
  draw();
  const dialog = document.querySelector('#dialogs dialog');
  dialog.addEventListener('close', () => (asks = null) ?? draw(), { once: true });
  dialog.showModal();
}

async function confirmed() {
  const { what, seen } = asks;
  document.querySelector('#dialogs dialog').close();
  notice = { text: what === 'kill' ? `${seen.name} is killed.` : `${seen.name} is being restarted.` };
  draw();
  try {
    if (what === 'kill') {
      await kill(seen.name);
    } else {
      const { process } = await restart(seen.name);
      notice = { text: `${process.name} was restarted: process ${process.pid}.` };
    }
  } catch (error) {
    notice = { text: `${seen.name}: ${sentence(error.message)}`, bad: true };
  }
  draw();
}

function draw_dialog() {
  if (asks === null) {
    return nothing;
  }
  const { what, seen } = asks;
  const text = what === 'kill'
    ? 'It ends at once, as in a crash; what it was about to answer is lost. Then it is started again, or the program ends, as “if it dies” says.'
    : 'It finishes what it has begun, ends, and is started again. Meanwhile nobody can use it.';
  return html`<dialog aria-labelledby="asked"><div class="stack"><h2 id="asked">${what === 'kill' ? 'Kill' : 'Restart'} ${seen.name}?</h2>
    <p>${text}</p>
    <div class="ends"><button type="button" @click=${() => document.querySelector('#dialogs dialog').close()}>Leave it</button>
      <button type="button" class=${what === 'kill' ? 'danger' : 'main'} @click=${confirmed}>${what === 'kill' ? 'Kill' : 'Restart'}</button></div></div></dialog>`;
}

// ---- views ----------------------------------------------------------------------------------------------------------------------------

function draw_all() {
  return html`<h1>Picture</h1>
    <div class="look"><section class="card">${draw_picture(chosen, choose)}
      <p class="muted small">Lines are links: requests, answers and stream items a second. Events have sockets of their own.</p></section>
      <section class="card" id="chosen" aria-label="Details">${draw_chosen(chosen, does)}</section></div>
    ${draw_links(chosen)}
    <section class="card"><h2>Requests in flight</h2>${draw_asks()}</section>
    <section class="card"><h2>All processes and actors</h2><p class="muted small">Without those of the bus itself.</p>${draw_table(choose)}</section>`;
}

function draw() {
  const view = shown();
  render(Object.entries(VIEWS).map(([name, title]) => html`<a href="#/${name}" aria-current=${name === view ? 'page' : nothing}>${title}</a>`),
    document.getElementById('views'));
  render([program.error === null ? nothing : html`<p class="note bad">${sentence(program.error.message)}</p>`,
    notice === null ? nothing : html`<p class="note ${notice.bad ? 'bad' : 'good'}">${notice.text}</p>`], document.getElementById('notices'));
  render(view === 'picture' ? draw_all() : draw_timeline(), document.getElementById('view'));
  render(draw_dialog(), document.getElementById('dialogs'));
}

function go() {
  document.title = `${VIEWS[shown()]} - observer - troupe-bitcoin`;
  show_timeline(shown() === 'timeline');
  look_on(shown() === 'picture');
  draw();
}

document.getElementById('view').replaceChildren();
on_change(() => {
  settle();
  draw();
});
on_steps(draw);
addEventListener('hashchange', go);
go();
