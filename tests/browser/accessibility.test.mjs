// Every page, in light and dark, wide and narrow: nothing for axe to complain about, and nothing wider than the window.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import axe from 'axe-core';
import {
  PASSWORD, expectNoMore, expectRefusal, fillSignIn, makeCompany, openBrowser, signIn, startServer,
} from './server.mjs';

const LONG = 'A-very-long-name-without-any-space-in-it-which-somebody-may-well-have-given-to-a-script-of-his';
const SCOPES = ['mx:user-deactivation:write', 'mx:mxid3:user-identifiers:uuid:read', 'mx:audit-logging:read'];
let server, browser, people;

before(async () => {
  server = await startServer();
  people = await makeCompany(server.cli, ['Lee Leaver', 'Sam Sabbatical', 'Rea Returner']);
  const token = (user, name) =>
    server.cli(['token', 'create', '--user', user, '--name', name, ...SCOPES.flatMap((scope) => ['--scope', scope])]);
  await token('ada@acme.example', LONG);
  await token('lee@acme.example', 'nightly export');
  await server.cli(['user', 'suspend', 'sam@acme.example', '--reason', 'sabbatical', '--ticket', 'HR-7']);
  browser = await openBrowser(server.url);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => expectNoMore(browser.problems));

/** What stands on the page now, in all four looks. */
async function examine(page, heading) {
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  const before = page.viewportSize();
  const found = [];
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const text of await page.evaluate(look)) found.push(`${width} ${colorScheme}: ${text}`);
    }
  }
  await page.setViewportSize(before);
  assert.deepEqual(found, [], `${heading} at ${page.url()}`);
}

async function look() {
  await Promise.all(document.getAnimations().map((animation) => animation.finished));
  const root = document.documentElement;
  const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > root.clientWidth);
    told.push(`wider than the window: ${wide.map((e) => `${e.localName}.${e.className}`).join(', ')}`);
  }
  return told;
}

/** A page in which axe is there, whatever the policy for content says. */
async function newPage() {
  const page = await browser.newPage({ bypassCSP: true });
  await page.addInitScript({ content: axe.source });
  return page;
}

async function visit(page, path, heading) {
  await page.goto(path);
  await examine(page, heading);
}

test('what is wrong with a page is found', async () => {
  const page = await newPage();
  await page.goto('/sign-in');
  assert.deepEqual(await page.evaluate(look), []);
  await page.evaluate(() => {
    document.querySelector('label').remove();
    document.querySelector('h1').style.cssText = 'color: #ccc; width: 3000px';
  });
  const found = (await page.evaluate(look)).join();
  for (const rule of ['color-contrast', 'label', 'wider than the window']) assert.ok(found.includes(rule), found);
});

test('the pages of who has not signed in', async () => {
  const page = await newPage();
  await visit(page, '/sign-in', 'Sign in');
  await visit(page, '/sign-in?ended=1', 'Sign in');
  await fillSignIn(page, 'ada@acme.example', 'wrong');
  await page.getByRole('alert').waitFor();
  await examine(page, 'Sign in');
  expectRefusal(browser.problems, 401, '/sign-in');
  await visit(page, '/forgot-password', 'Forgot your password?');

  const { link } = await server.cli(['user', 'invite', 'rea@acme.example']);
  await visit(page, link, 'Choose a new password');
  await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('New password again').fill('something else');
  await page.getByRole('button', { name: 'Set password' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'Choose a new password');
  expectRefusal(browser.problems, 400, '/set-password/');
  await server.cli(['user', 'create', 'new@acme.example', '--company', 'Acme', '--name', 'Nele New']);
  const invitation = await server.cli(['user', 'invite', 'new@acme.example']);
  await visit(page, invitation.link, 'Welcome to Acme');
  await visit(page, '/set-password/obl_nothing', 'This link does not work');
  expectRefusal(browser.problems, 410, '/set-password/');
  await visit(page, '/no-such-page', 'Nothing here');
  expectRefusal(browser.problems, 404, '/no-such-page');
});

test('the pages of a member', async () => {
  const page = await newPage();
  await signIn(page, 'lee@acme.example');
  await visit(page, '/settings/profile', 'Profile');
  await page.getByRole('textbox', { name: 'Name' }).fill(' ');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'Profile');
  expectRefusal(browser.problems, 400, '/settings/profile');
  await visit(page, '/settings/password', 'Password');
  await page.getByLabel('Current password').fill('wrong');
  await page.getByLabel('New password', { exact: true }).fill(`${PASSWORD} new`);
  await page.getByLabel('New password again').fill(`${PASSWORD} new`);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'Password');
  expectRefusal(browser.problems, 400, '/settings/password');
  await visit(page, '/settings/sessions', 'Sessions');
  await visit(page, '/control-center/members', 'This is not for you');
  expectRefusal(browser.problems, 403, '/control-center/members');
});

test('the pages about tokens', async () => {
  const page = await newPage();
  await signIn(page, 'ada@acme.example');
  await visit(page, '/settings/tokens', 'Tokens');
  await visit(page, '/settings/tokens/new', 'New token');
  await page.getByRole('textbox', { name: 'Name' }).fill(' ');
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'New token');
  expectRefusal(browser.problems, 400, '/settings/tokens');
  await page.getByRole('textbox', { name: 'Name' }).fill('leavers script');
  for (const scope of SCOPES) await page.getByLabel(scope).check();
  await page.getByRole('button', { name: 'Create token' }).click();
  await examine(page, 'leavers script is ready');
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: LONG }).click();
  await examine(page, LONG);
  await page.getByRole('link', { name: 'Rotate' }).click();
  await examine(page, `Rotate ${LONG}?`);
  await page.getByRole('button', { name: 'Rotate token' }).click();
  await examine(page, `The new secret of ${LONG}`);
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'leavers script' }).click();
  await page.getByRole('link', { name: 'Delete' }).click();
  await examine(page, 'Delete leavers script?');
  await page.getByRole('button', { name: 'Delete token' }).click();
  await page.getByText('The token was deleted.').waitFor();
  await page.getByText('Ended tokens').click();
  await examine(page, 'Tokens');
  await page.getByRole('link', { name: 'leavers script' }).click();
  await examine(page, 'leavers script');
});

test('the pages about members', async () => {
  const page = await newPage();
  await signIn(page, 'ada@acme.example');
  await visit(page, '/control-center/members', 'Members');
  await page.getByText('Export all').click();
  await page.getByLabel('Select all on this page').check();
  await examine(page, 'Members');
  await visit(page, '/control-center/members?q=nobody', 'Members');
  await visit(page, '/control-center/members?status=deactivated', 'Members');
  await visit(page, '/control-center/members?status=suspended', 'Members');
  await page.goto('/control-center/members');
  await page.getByText('Select all on this page').waitFor({ state: 'attached' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByText('Menu', { exact: true }).click();
  await examine(page, 'Members');
  await page.setViewportSize({ width: 1280, height: 1200 });

  await visit(page, '/control-center/members/new', 'Invite member');
  await page.getByLabel('E-mail').fill('lee@acme.example');
  await page.getByRole('textbox', { name: 'Name' }).fill('Eve');
  await page.getByRole('button', { name: 'Invite' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'Invite member');
  expectRefusal(browser.problems, 400, '/control-center/members');
  await page.getByLabel('E-mail').fill('eve@acme.example');
  await page.getByRole('button', { name: 'Invite' }).click();
  await examine(page, 'Eve is invited');

  await visit(page, `/control-center/members/${people['Lee Leaver'].uuid}`, 'Lee Leaver');
  await visit(page, `/control-center/members/${people['Ada Admin'].uuid}`, 'Ada Admin You');
  await visit(page, `/control-center/members/${people['Sam Sabbatical'].uuid}`, 'Sam Sabbatical');
  await visit(page, `/control-center/members/${people['Lee Leaver'].uuid.replace(/^./, 'f')}`, 'Nothing here');
  expectRefusal(browser.problems, 404, '/control-center/members/');
});

test('the pages on which somebody is deactivated', async () => {
  const page = await newPage();
  await signIn(page, 'ada@acme.example');
  await page.goto('/control-center/members?q=lee');
  await page.getByLabel('Select Lee Leaver').check();
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await examine(page, 'Deactivate 1 member?');
  await page.getByLabel('Reason').fill(' ');
  await page.getByRole('button', { name: 'Deactivate 1 member' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'Deactivate 1 member?');
  expectRefusal(browser.problems, 400, '/control-center/members/apply');
  await page.getByLabel('Reason').fill('left the company');
  await server.cli(['user', 'deactivate', 'rea@acme.example']);
  await page.getByRole('button', { name: 'Deactivate 1 member' }).click();
  await examine(page, 'Deactivate: 1 done');
  await page.getByRole('link', { name: 'Lee Leaver' }).click();
  await page.getByText('Ended tokens').click();
  await examine(page, 'Lee Leaver');
  await page.getByRole('button', { name: 'Reactivate' }).click();
  await examine(page, 'Reactivate 1 member?');
});

test('the other pages of an admin', async () => {
  const page = await newPage();
  await signIn(page, 'ada@acme.example');
  await visit(page, '/control-center/admins', 'Admins');
  await page.getByRole('textbox', { name: 'E-mail' }).fill('nobody@acme.example');
  await page.getByRole('button', { name: 'Make Mendix Admin' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'Admins');
  expectRefusal(browser.problems, 400, '/control-center/admins');
  await visit(page, '/control-center/audit', 'Audit');
  await page.getByText('Export', { exact: true }).click();
  await examine(page, 'Audit');
  await visit(page, '/control-center/audit?person=nobody%40acme.example', 'Audit');
  await visit(page, '/control-center/audit?from=yesterday', 'Audit');
  expectRefusal(browser.problems, 400, '/control-center/audit');
  await page.goto('/control-center/audit?action=user.suspend');
  await page.getByRole('row').filter({ hasText: 'sabbatical' }).getByRole('link').click();
  await examine(page, /^Entry \d+$/);
  await visit(page, '/control-center/company', 'Company');
  for (const [label, wrong, button] of [
    ['Company name', ' ', 'Save'],
    ['Domain', 'no domain', 'Add domain'],
    ['Longest life of a new token', '0', 'Save'],
  ]) {
    const form = page.locator('form').filter({ has: page.getByLabel(label) });
    await form.getByLabel(label).fill(wrong);
    await form.getByRole('button', { name: button }).click();
    await form.getByRole('alert').waitFor();
    await examine(page, 'Company');
    expectRefusal(browser.problems, 400, '/control-center/company');
  }
});

test('the pages about services', async () => {
  const page = await newPage();
  await signIn(page, 'ada@acme.example');
  await visit(page, '/control-center/services', 'Services');
  await page.getByLabel('Name').fill(' ');
  await page.getByRole('button', { name: 'Create service' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'Services');
  expectRefusal(browser.problems, 400, '/control-center/services');
  await page.getByLabel('Name').fill(LONG);
  await page.getByRole('button', { name: 'Create service' }).click();
  await examine(page, `${LONG} is ready`);
  await page.getByRole('link', { name: 'Done' }).click();
  await examine(page, 'Services');
  await page.getByRole('link', { name: /^Rotate/ }).click();
  await examine(page, `Rotate the secret of ${LONG}?`);
  await page.getByRole('button', { name: 'Rotate secret' }).click();
  await examine(page, `The new secret of ${LONG}`);
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: /^Delete/ }).click();
  await examine(page, `Delete ${LONG}?`);
  await page.getByRole('button', { name: 'Delete service' }).click();
  await page.getByText('The service was deleted.').waitFor();
  await examine(page, 'Services');
});

test('the pages about groups', async () => {
  const page = await newPage();
  await signIn(page, 'ada@acme.example');
  await visit(page, '/control-center/groups', 'Groups');
  await visit(page, '/control-center/groups/new', 'New group');
  await page.getByLabel('Name').fill(' ');
  await page.getByRole('button', { name: 'Create group' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, 'New group');
  expectRefusal(browser.problems, 400, '/control-center/groups');
  await page.getByLabel('Name').fill(LONG);
  await page.getByLabel('Description').fill('Who runs the platform');
  await page.getByRole('button', { name: 'Create group' }).click();
  await page.getByText('The group is made.').waitFor();
  await examine(page, LONG);
  await page.getByRole('textbox', { name: 'E-mail' }).fill('nobody@acme.example');
  await page.getByRole('button', { name: 'Add to the group' }).click();
  await page.getByRole('alert').waitFor();
  await examine(page, LONG);
  expectRefusal(browser.problems, 400, '/members');
  await page.getByRole('textbox', { name: 'E-mail' }).fill('sam@acme.example');
  await page.getByRole('button', { name: 'Add to the group' }).click();
  await page.getByText('The member is in the group.').waitFor();
  await page.getByLabel('Role').selectOption('Member Manager');
  await page.getByLabel('mx:audit-logging:read').check();
  await page.getByRole('button', { name: 'Save what it gives' }).click();
  await page.getByText('What the group gives is set').waitFor();
  await examine(page, /./);
  await page.getByRole('link', { name: 'Delete' }).click();
  await examine(page, `Delete ${LONG}?`);
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Lock' }).click();
  await page.getByText('The group is locked: its name').waitFor();
  await examine(page, /./);
  await visit(page, '/control-center/groups', 'Groups');
  await visit(page, '/control-center/groups?q=nowhere', 'Groups');
  await visit(page, `/control-center/members/${people['Sam Sabbatical'].uuid}`, 'Sam Sabbatical');
});

test('the pages about the identity provider and the deprecated API', async () => {
  const page = await newPage();
  await signIn(page, 'ada@acme.example');
  await visit(page, '/control-center/scim', 'SCIM');
  await page.getByLabel('Name').fill('Okta');
  await page.getByRole('button', { name: 'Create SCIM token' }).click();
  await examine(page, 'Okta is ready');
  await page.getByRole('link', { name: 'Done' }).click();
  await examine(page, 'SCIM');
  await page.getByLabel('Most people').fill('0');
  await page.getByLabel('Most people').press('Enter');
  await page.getByRole('alert').waitFor();
  await examine(page, 'SCIM');
  expectRefusal(browser.problems, 400, '/control-center/scim/guard');
  await page.getByRole('link', { name: /^Rotate/ }).click();
  await examine(page, 'Rotate the secret of Okta?');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByRole('link', { name: /^Delete/ }).click();
  await examine(page, 'Delete Okta?');
  await visit(page, '/control-center/deprecated-api', 'Deprecated API');
  await visit(page, '/settings/api-keys', 'API keys');
  await visit(page, '/settings/api-keys/new', 'New API key');
  await page.getByLabel('Name').fill('old script');
  await page.getByRole('button', { name: 'Create API key' }).click();
  await examine(page, 'old script is ready');
  await page.getByRole('link', { name: 'Done' }).click();
  await examine(page, 'API keys');
});

test('the pages of a break-glass session', async () => {
  const page = await newPage();
  const { link } = await server.cli(['break-glass', 'Acme', '--reason', 'no admin is left']);
  await visit(page, link, 'Break-glass access');
  await page.getByRole('button', { name: 'Open break-glass session' }).click();
  await page.getByRole('region', { name: 'Break-glass session' }).waitFor();
  await examine(page, 'Members');
  await visit(page, '/settings/profile', /./);
  expectRefusal(browser.problems, 403, '/settings/profile');
});

test('the pages of a server that sends mail', async () => {
  // Nobody listens there: what could not be sent is told on a page too.
  const more = { OFFBOARD_SMTP_URL: 'smtp://127.0.0.1:9', OFFBOARD_SMTP_FROM: 'offboard@acme.example' };
  const mailing = await startServer({ more });
  try {
    const { 'Ada Admin': ada } = await makeCompany(mailing.cli, ['Max Member']);
    const page = await newPage();
    await visit(page, `${mailing.url}/forgot-password`, 'Forgot your password?');
    await page.getByRole('textbox', { name: 'E-mail' }).fill('nobody@acme.example');
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByText('a link is on its way').waitFor();
    await examine(page, 'Forgot your password?');
    await page.goto(`${mailing.url}/sign-in?next=/control-center/members`);
    await fillSignIn(page, ada.email, PASSWORD);
    await page.getByRole('link', { name: 'Max Member' }).click();
    await page.getByRole('button', { name: 'Make sign-in link' }).click();
    await page.getByText('could not be sent').waitFor();
    await examine(page, 'A sign-in link for Max Member');
    const foreign = browser.problems.filter((text) => !text.startsWith(`a request to ${mailing.url}/`));
    browser.problems.splice(0, browser.problems.length, ...foreign);
  } finally {
    await mailing.stop();
  }
});
