// A demo server on a port of its own, and a real browser; both end with the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chromium } from 'playwright-core';

const binary = process.env.OFFBOARD_BINARY ?? new URL('../../target/debug/offboard', import.meta.url).pathname;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Starts `offboard serve --demo`; gives its address and what it printed. */
export async function startDemo() {
  const server = spawn(binary, ['serve', '--demo', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let printed = '';
  for await (const chunk of server.stdout) {
    printed += chunk;
    if (printed.includes('Ctrl-C stops.')) break;
  }
  const url = printed.match(/at (http:\S+) /)[1];
  const [leaver, admin] = [...printed.matchAll(/MxToken (obp_\w+)/g)].map((match) => match[1]);
  const leaverUuid = printed.match(/platform-users\/([0-9a-f-]{36})/)[1];
  const stop = async () => {
    server.kill('SIGTERM');
    await once(server, 'exit');
  };
  return { url, admin, leaver, leaverUuid, stop };
}

/** Opens a page; `problems` collects what a person would see in the console, and every request to elsewhere. */
export async function openPage(url) {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage({ viewport: { width: 1280, height: 1200 } });
  const problems = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    const own = request.url().startsWith(url) || /^(data|blob):/.test(request.url());
    if (!own) problems.push(`a request to ${request.url()}`);
  });
  return { browser, page, problems };
}
