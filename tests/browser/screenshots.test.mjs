// The pictures in docs/screenshots, of a company with people in it. UPDATE_SCREENSHOTS=1 takes them anew; otherwise the
// same pages are only looked at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PASSWORD, byToken, expectNoMore, openBrowser, signIn, startServer, whoAmI } from './server.mjs';

const FOLDER = new URL('../../docs/screenshots/', import.meta.url).pathname;
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const ADMINS = ['Greta Lindqvist', 'Tomás Aguirre'];
const MEMBERS = [
  'Amara Okafor', 'Anders Holm', 'Beatriz Sousa', 'Chiara Conti', 'Daan Visser', 'Elif Yılmaz', 'Emma Fischer',
  'Farid Haddad', 'Hana Kobayashi', 'Henrik Dahl', 'Ivana Horvat', 'Jonas Weber', 'Julia Kowalska', 'Karim Nasser',
  'Léa Moreau', 'Linh Nguyen', 'Lucas Martin', 'Maya Cohen', 'Mikko Virtanen', 'Noor de Vries', 'Olivia Brown',
  'Pavel Novák', 'Priya Raman', 'Rosa Jiménez', 'Sofia Rossi', 'Stefan Keller', 'Yuki Tanaka', 'Zoë Peeters',
];
let server, browser, page, uuids;

const plain = (name) => name.normalize('NFD').replace(/\p{M}/gu, '').replaceAll('ı', 'i').toLowerCase();
const email = (name) => `${plain(name).replaceAll(' ', '.')}@acme.example`;

before(async () => {
  server = await startServer();
  const { cli } = server;
  await cli(['company', 'create', 'Acme', '--domain', 'acme.example']);
  const rows = [...ADMINS, ...MEMBERS].map((name) => `${email(name)},${name},${ADMINS.includes(name)}\n`);
  await cli(['user', 'import', '-', '--company', 'Acme'], { input: `email,name,admin\n${rows.join('')}` });
  const { users } = await cli(['user', 'list']);
  uuids = Object.fromEntries(users.map((user) => [user.name, user.uuid]));
  for (const name of [...ADMINS, 'Anders Holm', 'Chiara Conti']) {
    await cli(['user', 'set-password', email(name), '--stdin'], { input: PASSWORD });
  }
  const scopes = {
    audit: 'mx:audit-logging:read', leavers: 'mx:user-deactivation:write', lookup: 'mx:mxid3:user-identifiers:uuid:read',
  };
  for (const [owner, name, expires, used, ...granted] of [
    ['Anders Holm', 'nightly backup', '90d', true, 'audit'],
    ['Anders Holm', 'build server', '30d', true, 'lookup'],
    ['Anders Holm', 'laptop', '365d', false, 'audit'],
    ['Chiara Conti', 'release pipeline', '90d', true, 'audit'],
    ['Greta Lindqvist', 'leavers from HR', '90d', true, 'leavers', 'lookup'],
    ['Greta Lindqvist', 'audit to SIEM', '365d', true, 'audit'],
    ['Greta Lindqvist', 'try-out', '7d', false, 'lookup'],
  ]) {
    const granting = granted.flatMap((scope) => ['--scope', scopes[scope]]);
    const asked = ['token', 'create', '--user', email(owner), '--name', name, '--expires', expires, ...granting];
    const { token } = await cli(asked);
    if (used) assert.equal(await whoAmI(server.url, byToken(token)), 200);
  }
  const because = (name, act, reason, ticket) =>
    cli(['user', act, email(name), '--reason', reason, '--ticket', ticket]);
  await because('Ivana Horvat', 'suspend', 'parental leave until March', 'HR-2291');
  await because('Mikko Virtanen', 'suspend', 'laptop was stolen', 'SEC-118');
  await because('Daan Visser', 'deactivate', 'left the company', 'HR-2304');
  await because('Sofia Rossi', 'deactivate', 'contract ended', 'HR-2317');
  await because('Lucas Martin', 'deactivate', 'left the company', 'HR-2322');

  browser = await openBrowser(server.url);
  for (const name of ['Anders Holm', 'Chiara Conti']) await signIn(await browser.newPage(), email(name));
  page = await browser.newPage({ viewport: WIDE, locale: 'en-GB', timezoneId: 'UTC', reducedMotion: 'reduce' });
  await page.goto('/sign-in');
  await picture('sign-in', 'Sign in');
  await signIn(page, email('Greta Lindqvist'));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Takes a picture, or looks whether there is something to take one of. */
async function picture(name, heading) {
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
    return document.fonts.ready;
  });
  if (process.env.UPDATE_SCREENSHOTS === '1') {
    await page.screenshot({ path: `${FOLDER}${name}.png`, caret: 'hide', animations: 'disabled' });
  } else {
    assert.ok((await page.screenshot()).length > 5000, `${name} is not empty`);
  }
}

test('every page of which there is a picture renders', async () => {
  await page.goto('/control-center/members');
  await page.getByLabel('Select Anders Holm').check();
  await page.getByLabel('Select Chiara Conti').check();
  await picture('members', 'Members');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('members-dark', 'Members');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(PHONE);
  await picture('members-phone', 'Members');
  await page.setViewportSize(WIDE);

  await page.getByRole('button', { name: 'Deactivate' }).click();
  await page.getByLabel('Reason').fill('The contract with the agency ends today.');
  await page.getByLabel('Ticket').fill('HR-2340');
  await picture('confirm', 'Deactivate 2 members?');

  await page.goto(`/control-center/members/${uuids['Anders Holm']}`);
  await picture('member', 'Anders Holm');
  await page.goto('/control-center/audit');
  await picture('audit', 'Audit');
  await page.goto('/settings/tokens');
  await picture('tokens', 'Tokens');
  expectNoMore(browser.problems);
});
