// serve.mjs - starts the browser that all scenes share, prints where it listens, and ends it when the input ends.
import { chromium } from 'playwright-core';

const server = await chromium.launchServer({
  executablePath: process.argv[2],
  chromiumSandbox: process.getuid() !== 0, // Chromium has none for root
  args: ['--host-resolver-rules=MAP rebind.test 127.0.0.1', '--disable-gpu'],
});
console.log(server.wsEndpoint());
process.stdin.resume().on('end', () => server.close());
