// door.mjs - who is let in by the page's server, as a browser sees it.
import assert from 'node:assert/strict';
import http from 'node:http';

export async function wrong_token_is_refused(stage) {
  const page = await (await stage.visitor()).newPage();
  const refused = await page.goto(`${stage.origin}/?token=${'0'.repeat(64)}`);
  assert.equal(refused.status(), 403);
  assert.match(await page.textContent('body'), /Open the address that the program has printed/);
  assert.deepEqual(await page.context().cookies(), []);
  assert.equal((await page.goto(stage.address)).status(), 200);
  const second = await (await stage.visitor()).newPage();
  assert.equal((await second.goto(stage.address)).status(), 403, 'a token is good once');
}

// The name leads to 127.0.0.1, as an attacker's may, after a page of his was loaded from it.
export async function rebound_host_is_refused(stage) {
  const page = await stage.enter();
  const { port } = new URL(stage.origin);
  const other = await page.context().newPage();
  for (const path of ['/', `/?token=${'0'.repeat(64)}`, '/page.js']) {
    const refused = await other.goto(`http://rebind.test:${port}${path}`);
    assert.equal(refused.status(), 403);
    assert.match(await other.textContent('body'), /This server has another name/);
  }
}

// A page of another port of 127.0.0.1: the browser sends it our cookie, since cookies know no ports.
export async function foreign_origin_is_refused(stage) {
  const page = await stage.enter();
  const server = http.createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<title>foreign</title>'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const foreign = await page.context().newPage();
    await foreign.goto(`http://127.0.0.1:${server.address().port}/`);
    const path = await page.evaluate(() => fetch('/tab', { method: 'POST' }).then((response) => response.text()));
    assert.match(path, /^\/tab/);
    const tried = await foreign.evaluate(attack, [stage.origin, path]);
    assert.deepEqual(tried, { posted: 'TypeError', read: 'TypeError', framed: 'kept out', heard: 0, closed: true });
    await page.locator('body[data-state="up"]').waitFor();
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function attack([origin, path]) {
  const ended = (promise) =>
    promise.then(
      () => 'answered',
      (error) => error.name,
    );
  const posted = await ended(fetch(`${origin}/tab`, { method: 'POST', credentials: 'include' }));
  const read = await ended(fetch(`${origin}/page.js`, { credentials: 'include' }));
  const frame = document.body.appendChild(Object.assign(document.createElement('iframe'), { src: `${origin}/` }));
  await new Promise((resolve) => (frame.onload = resolve));
  let framed = 'kept out';
  try {
    framed = frame.contentDocument === null ? framed : frame.contentDocument.title;
  } catch {
    // of another origin: Chromium's own page that says so, or ours, which nobody can see into
  }
  const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}`, 'pair.sp.nanomsg.org');
  let heard = 0;
  socket.onmessage = () => heard++;
  const closed = await new Promise((resolve) => (socket.onclose = () => resolve(true)));
  return { posted, read, framed, heard, closed };
}
