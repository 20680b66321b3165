// dial.mjs - how a tab reaches the web role, for what plays one.
import WebSocket from '../../web/node_modules/ws/wrapper.mjs';

import { SUBPROTOCOL } from '../../web/troupe.js';

// For a Peer: asks for a path with the cookie, opens the WebSocket there.
export function dial_tab(base, cookie) {
  return async () => {
    const response = await fetch(`${base}/tab`, { method: 'POST', headers: { cookie, origin: base } });
    if (response.status !== 200) {
      throw new Error(`no tab: ${response.status}`);
    }
    return new WebSocket(base.replace('http:', 'ws:') + (await response.text()), SUBPROTOCOL, { headers: { cookie, origin: base } });
  };
}

export async function until(condition) {
  const end = Date.now() + 60000;
  while (!condition()) {
    if (Date.now() > end) {
      throw new Error('waited in vain');
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
