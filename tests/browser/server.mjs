// A server on a port of its own, the command line beside it, and a real browser; all end with the test.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';

const binary = process.env.OFFBOARD_BINARY ?? new URL('../../target/debug/offboard', import.meta.url).pathname;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** The password of everybody whom a test makes. */
export const PASSWORD = 'correct horse battery staple 42';

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
  return { url, admin, leaver, leaverUuid, stop: () => end(server) };
}

/**
 * Starts `offboard serve` on a database of its own; `cli` runs a command on the same database and gives its JSON.
 * Without `limited` there is no rate limit; `more` are further variables.
 */
export async function startServer({ limited = false, more = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'offboard-browser-'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const env = {
    ...process.env,
    OFFBOARD_DATABASE: `sqlite:${join(folder, 'offboard.db')}`,
    OFFBOARD_PUBLIC_URL: url,
    OFFBOARD_LISTEN: new URL(url).host,
    OFFBOARD_RATE_LIMIT: limited ? '' : 'off',
    ...more,
  };
  const server = spawn(binary, ['serve'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  server.stderr.on('data', (chunk) => (log += chunk));
  while (!(await isReady(url))) {
    if (server.exitCode !== null) throw new Error(`the server did not start: ${log}`);
  }
  const cli = (args, { input = '' } = {}) => run(env, args, input);
  const stop = async () => {
    await end(server);
    await rm(folder, { recursive: true });
  };
  return { url, cli, stop };
}

/** Makes a company with an admin; and members, by name, each with a password. */
export async function makeCompany(cli, members = []) {
  await cli(['company', 'create', 'Acme', '--domain', 'acme.example']);
  const people = {};
  for (const name of ['Ada Admin', ...members]) people[name] = await makePerson(cli, name, name === 'Ada Admin');
  return people;
}

/** Makes `ada@acme.example` of `Ada Admin`, with a password. */
export async function makePerson(cli, name, admin = false) {
  const email = `${name.split(' ')[0].toLowerCase()}@acme.example`;
  const role = admin ? ['--admin'] : [];
  const { uuid } = await cli(['user', 'create', email, '--company', 'Acme', '--name', name, ...role]);
  await cli(['user', 'set-password', email, '--stdin'], { input: PASSWORD });
  return { uuid, email, name };
}

/** Asks who one is; gives the status. */
export async function whoAmI(url, headers) {
  return (await fetch(`${url}/api/v1/me`, { headers })).status;
}

/** The header line of a token. */
export const byToken = (secret) => ({ authorization: `MxToken ${secret}` });

/** The header line of the session that a context has now. */
export async function bySession(context) {
  const cookies = await context.cookies();
  return { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') };
}

/**
 * Opens a browser. Each page of it has a context of its own; `problems` collects what a person would see in the
 * console, and every request to elsewhere.
 */
export async function openBrowser(url) {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];
  const browser = await chromium.launch({ executablePath, args });
  const problems = [];
  const newPage = async (options = {}) => {
    const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 1200 }, ...options });
    context.on('page', (page) => watch(page, url, problems));
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    return page;
  };
  return { newPage, problems, close: () => browser.close() };
}

/** Opens one page. */
export async function openPage(url) {
  const browser = await openBrowser(url);
  return { browser, page: await browser.newPage(), problems: browser.problems };
}

function watch(page, url, problems) {
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`${message.text()} at ${message.location().url}`);
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    const own = request.url().startsWith(url) || /^(data|blob):/.test(request.url());
    if (!own) problems.push(`a request to ${request.url()}`);
  });
}

/** Takes a problem that the test itself caused out of the others: it must be among them. */
export function expectProblem(problems, words, path) {
  const found = problems.findIndex((text) => text.includes(words) && text.includes(path));
  if (found < 0) throw new Error(`no '${words}' at ${path} in ${JSON.stringify(problems)}`);
  problems.splice(found, 1);
}

/** Nothing went wrong but what was expected. */
export function expectNoMore(problems) {
  assert.deepEqual(problems.splice(0), [], 'no error in the console, nothing from elsewhere');
}

/** As `expectProblem`, for an answer with this status. */
export function expectRefusal(problems, status, path) {
  expectProblem(problems, `status of ${status} `, path);
}

/** Fills the form of the page to sign in. */
export async function fillSignIn(page, email, password) {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signs in, and is past the page to do so. */
export async function signIn(page, email, password = PASSWORD) {
  await page.goto('/sign-in');
  await fillSignIn(page, email, password);
  await page.waitForURL(({ pathname }) => pathname !== '/sign-in');
}

/** Presses Tab until this has the focus. */
export async function tabTo(page, locator) {
  for (let pressed = 0; pressed < 100; pressed += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${locator}`);
}

async function run(env, args, input) {
  const command = spawn(binary, ['--format', 'json', ...args], { env });
  command.stdin.end(input);
  const [out, err, [status]] = await Promise.all([text(command.stdout), text(command.stderr), once(command, 'exit')]);
  if (status !== 0) throw new Error(`offboard ${args.join(' ')}: ${out}${err}`);
  return JSON.parse(out);
}

async function isReady(url) {
  try {
    return (await fetch(`${url}/health/ready`)).ok;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function end(server) {
  if (server.exitCode !== null) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
}
