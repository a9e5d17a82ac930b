// What everybody decides for himself: name, password, sessions and tokens; and what his company lets him.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import {
  PASSWORD, bySession, byToken, expectNoMore, expectRefusal, fillSignIn, makeCompany, openBrowser, signIn, startServer,
  whoAmI,
} from './server.mjs';

const MAX = 'max@acme.example';
let server, browser, page;

before(async () => {
  server = await startServer();
  await makeCompany(server.cli, ['Max Member']);
  browser = await openBrowser(server.url);
  page = await browser.newPage();
  await signIn(page, MAX);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => expectNoMore(browser.problems));

test('a new name is shown everywhere', async () => {
  const admin = await browser.newPage();
  await signIn(admin, 'ada@acme.example');
  await admin.getByRole('link', { name: 'Max Member' }).waitFor();
  await page.goto('/settings/profile');
  await page.getByRole('textbox', { name: 'Name' }).fill('  Mäx   Müller ');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  assert.equal(await page.locator('.nav-wide .account-name').innerText(), 'Mäx Müller');
  await admin.reload();
  await admin.getByRole('link', { name: 'Mäx Müller' }).waitFor();
  await admin.context().close();
});

test('a new password ends the other sessions and keeps this one', async () => {
  const other = await browser.newPage();
  await signIn(other, MAX);
  const session = await bySession(other.context());
  await page.goto('/settings/password');
  const change = async (current, password, again = password) => {
    await page.getByLabel('Current password').fill(current);
    await page.getByLabel('New password', { exact: true }).fill(password);
    await page.getByLabel('New password again').fill(again);
    await page.getByRole('button', { name: 'Change password' }).click();
  };
  for (const [words, ...passwords] of [
    ['not the same', PASSWORD, 'purple monkey dishwasher', 'purple donkey dishwasher'],
    ['not right', 'wrong', 'purple monkey dishwasher'],
    ['password', PASSWORD, 'password1234'],
  ]) {
    await change(...passwords);
    await page.getByRole('alert').filter({ hasText: words }).waitFor();
    assert.equal(await page.getByRole('alert').evaluate((alert) => alert === document.activeElement), true);
    expectRefusal(browser.problems, 400, '/settings/password');
  }
  assert.equal(await whoAmI(server.url, session), 200, 'what was refused changed nothing');

  await change(PASSWORD, 'purple monkey dishwasher');
  await page.getByText('Your password was changed. All your other sessions have ended.').waitFor();
  await other.waitForURL('**/sign-in?*');
  assert.equal(await whoAmI(server.url, session), 401);
  assert.equal(await whoAmI(server.url, await bySession(page.context())), 200);
  await fillSignIn(other, MAX, PASSWORD);
  await other.getByRole('alert').waitFor();
  expectRefusal(browser.problems, 401, '/sign-in');
  await signIn(other, MAX, 'purple monkey dishwasher');
  await other.context().close();
});

test('the other sessions are seen and ended, one or all', async () => {
  await page.goto('/settings/sessions');
  await page.getByRole('button', { name: 'End all others' }).click();
  await page.getByText('All your other sessions have ended.').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'This session' }).waitFor();

  const others = [await browser.newPage(), await browser.newPage()];
  for (const other of others) await signIn(other, MAX, 'purple monkey dishwasher');
  const sessions = await Promise.all(others.map((other) => bySession(other.context())));
  await page.goto('/settings/sessions');
  const items = page.getByRole('main').locator('li.item');
  assert.equal(await items.count(), 3);
  await items.filter({ hasNotText: 'This session' }).first().getByRole('button', { name: /^End/ }).click();
  await page.getByText('The session has ended.').waitFor();
  assert.equal(await items.count(), 2);
  const statuses = await Promise.all(sessions.map((session) => whoAmI(server.url, session)));
  assert.deepEqual(statuses.sort(), [200, 401], 'one has ended, one has not');
  await page.getByRole('button', { name: 'End all others' }).click();
  for (const other of others) await other.waitForURL('**/sign-in?*');
  assert.equal(await items.count(), 1);
  for (const other of others) await other.context().close();
});

test('a rotated token has a new secret; a deleted one is refused', async () => {
  const make = async (name) => {
    await page.goto('/settings/tokens/new');
    await page.getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Create token' }).click();
    return page.getByLabel('Secret of the token').inputValue();
  };
  const [old, untouched] = [await make('rotated'), await make('untouched')];
  assert.deepEqual([await whoAmI(server.url, byToken(old)), await whoAmI(server.url, byToken(untouched))], [200, 200]);

  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'rotated', exact: true }).click();
  await page.getByRole('link', { name: 'Rotate' }).click();
  await page.getByRole('button', { name: 'Rotate token' }).click();
  const fresh = await page.getByLabel('Secret of the token').inputValue();
  assert.deepEqual([await whoAmI(server.url, byToken(old)), await whoAmI(server.url, byToken(fresh))], [401, 200]);

  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'rotated', exact: true }).click();
  await page.getByRole('link', { name: 'Delete' }).click();
  assert.equal(await whoAmI(server.url, byToken(fresh)), 200, 'asking changes nothing');
  await page.getByRole('button', { name: 'Delete token' }).click();
  await page.getByText('The token was deleted. It is refused from now on.').waitFor();
  assert.equal(await whoAmI(server.url, byToken(fresh)), 401);
  assert.equal(await whoAmI(server.url, byToken(untouched)), 200);
});

test('a token lives as long as is chosen, within the company’s maximum', async () => {
  const offered = () => page.getByLabel('Expires').locator('option').allInnerTexts();
  await page.goto('/settings/tokens/new');
  const all = ['in 7 days', 'in 30 days', 'in 90 days', 'in 180 days', 'in 365 days', 'never'];
  assert.deepEqual((await offered()).map((label) => label.trim()), all);
  await page.getByLabel('Name').fill('for a week');
  await page.getByLabel('Expires').selectOption('in 7 days');
  await page.getByRole('button', { name: 'Create token' }).click();
  const expires = await page.getByText('It expires on').locator('time').getAttribute('datetime');
  assert.ok(Math.abs(new Date(expires) - Date.now() - 7 * 86_400_000) < 300_000, expires);

  const admin = await browser.newPage();
  await signIn(admin, 'ada@acme.example');
  await admin.getByRole('link', { name: 'Company' }).click();
  await admin.getByLabel('Longest life of a new token').fill('60');
  await admin.getByRole('region', { name: 'Token policy' }).getByRole('button', { name: 'Save' }).click();
  await admin.getByText('Saved.').waitFor();
  await admin.context().close();

  await page.goto('/settings/tokens/new');
  assert.deepEqual((await offered()).map((label) => label.trim()), ['in 7 days', 'in 30 days', 'in 60 days']);
  await page.getByText('Your company allows at most 60 days.').waitFor();
  // A form from before the maximum is held to it too.
  await page.getByLabel('Expires').evaluate((select) => select.add(new Option('never', 'never')));
  await page.getByLabel('Name').fill('for ever');
  await page.getByLabel('Expires').selectOption('never');
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('alert').waitFor();
  expectRefusal(browser.problems, 400, '/settings/tokens');
});
