// program.js - the program that serves this page, as one peer, and what a page says of the connection to it. What calls of it
// end with is made a sentence by words.js.
import { Peer, SUBPROTOCOL } from '../web/troupe.js';

const FORBIDDEN = 403;
const REFUSED = 'This browser is not let in any more: open the address that the program has printed last.';
const AWAY = 'The program does not answer. The page tries again by itself; if it was ended, start it again with --web.';

// Promises a WebSocket for a link of our own.
async function dial() {
  let response;
  try {
    response = await fetch('/tab', { method: 'POST' });
  } catch {
    throw new Error(AWAY);
  }
  const said = (await response.text()).trim();
  if (!response.ok) {
    throw new Error(response.status === FORBIDDEN ? REFUSED : said);
  }
  return new WebSocket(`ws://${location.host}${said}`, SUBPROTOCOL);
}

// The peer; `changed(up, error)` is told when there is a link and when there is none. The header's #state says so, too.
export function connect(changed) {
  const peer = new Peer(dial, (up, error) => {
    show_state(up ? 'up' : 'down', up ? 'connected' : 'not connected', error?.message);
    changed(up, error);
  });
  addEventListener('pagehide', () => peer.close());
  addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
  return peer;
}

// `kind` is up, down or part (connected, but something is missing); #trouble has the sentence, if there is one.
export function show_state(kind, text, sentence = '') {
  const state = document.getElementById('state');
  const trouble = document.getElementById('trouble');
  document.body.dataset.state = kind;
  state.textContent = text;
  trouble.textContent = sentence;
  trouble.hidden = sentence === '';
}
