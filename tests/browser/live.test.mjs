// What somebody else changes appears on an open page by itself, and takes nothing away that one has begun.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { expectNoMore, makeCompany, openBrowser, signIn, startServer } from './server.mjs';

let server, browser, page, people;
// Set on a page, it is there until the page is loaded anew.
const mark = () => page.evaluate(() => (window.sameLoad = true));
const isSame = () => page.evaluate(() => window.sameLoad === true);

before(async () => {
  server = await startServer();
  people = await makeCompany(server.cli, ['Bob Baker', 'Lee Leaver', 'Max Member', 'Zoe Zuse']);
  browser = await openBrowser(server.url);
  page = await browser.newPage();
  await signIn(page, 'ada@acme.example');
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => expectNoMore(browser.problems));

const row = (name) => page.getByRole('row').filter({ hasText: name });

test('who is deactivated elsewhere leaves the list of an open page, and the counts change', async () => {
  await page.goto('/control-center/members');
  await mark();
  await page.getByRole('link', { name: 'Active 5' }).waitFor();
  await server.cli(['user', 'deactivate', 'lee@acme.example', '--reason', 'left']);
  await row('Lee Leaver').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Active 4' }).waitFor();
  await page.getByRole('link', { name: 'Deactivated 1' }).waitFor();
  await row('Max Member').waitFor();
  await page.getByRole('status').filter({ hasText: 'The page was updated' }).waitFor({ state: 'attached' });
  assert.ok(await isSame(), 'the page was not loaded anew');
});

test('checked boxes and what is being typed survive', async () => {
  await page.goto('/control-center/members');
  await mark();
  await page.getByLabel('Select Max Member').check();
  await page.getByLabel('Select Zoe Zuse').check();
  await page.getByText('2 selected').waitFor();
  await page.getByText('Export all').click();
  await server.cli(['user', 'create', 'eve@acme.example', '--company', 'Acme', '--name', 'Eve Early']);
  await row('Eve Early').waitFor();
  assert.ok(await page.getByLabel('Select Max Member').isChecked());
  assert.ok(await page.getByLabel('Select Zoe Zuse').isChecked());
  assert.ok(!(await page.getByLabel('Select Eve Early').isChecked()));
  await page.getByText('2 selected').waitFor();
  assert.ok(await page.getByRole('link', { name: 'CSV' }).isVisible(), 'what was opened stays open');

  await server.cli(['user', 'suspend', 'zoe@acme.example']);
  await row('Zoe Zuse').waitFor({ state: 'detached' });
  await page.getByText('1 selected').waitFor();

  const search = page.getByLabel('Search by name or e-mail');
  await search.pressSequentially('max');
  await row('Eve Early').waitFor({ state: 'detached' });
  await server.cli(['user', 'create', 'maxi@acme.example', '--company', 'Acme', '--name', 'Maxi Much']);
  await row('Maxi Much').waitFor();
  assert.equal(await search.inputValue(), 'max');
  assert.equal(await search.evaluate((field) => field === document.activeElement), true);
  assert.ok(await isSame(), 'the page was not loaded anew');
});

test('a member’s page tells at once what another admin did', async () => {
  const { uuid } = people['Max Member'];
  await page.goto(`/control-center/members/${uuid}`);
  await mark();
  await page.getByText('No live token.').waitFor();
  const scope = 'mx:audit-logging:read';
  await server.cli(['token', 'create', '--user', 'max@acme.example', '--name', 'new one', '--scope', scope]);
  await page.getByRole('listitem').filter({ hasText: 'new one' }).waitFor();

  await server.cli(['user', 'create', 'carl@acme.example', '--company', 'Acme', '--name', 'Carl Cook', '--admin']);
  const { link } = await server.cli(['user', 'invite', 'carl@acme.example']);
  const carl = await browser.newPage();
  await carl.goto(link);
  await carl.getByLabel('New password', { exact: true }).fill('purple monkey dishwasher');
  await carl.getByLabel('New password again').fill('purple monkey dishwasher');
  await carl.getByRole('button', { name: 'Set password' }).click();
  await signIn(carl, 'carl@acme.example', 'purple monkey dishwasher');
  await carl.goto(`/control-center/members/${uuid}`);
  await carl.getByRole('button', { name: 'Suspend' }).click();
  await carl.getByLabel('Reason').fill('looked odd');
  await carl.getByRole('button', { name: 'Suspend 1 member' }).click();
  await page.getByText('“looked odd”').waitFor();
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await carl.context().close();
  assert.ok(await isSame(), 'the page was not loaded anew');
});

test('a page with a form that somebody fills in waits', async () => {
  await page.goto('/control-center/company');
  await mark();
  await page.getByLabel('Company name').fill('Acme and Sons');
  const other = await page.context().newPage();
  await other.goto('/control-center/company');
  await other.getByRole('textbox', { name: 'Domain' }).fill('second.example');
  await other.getByRole('button', { name: 'Add domain' }).click();
  await other.getByText('Saved.').waitFor();
  await other.close();
  // Longer than the page would need: what happens on another page proves that the news has come.
  const audit = await page.context().newPage();
  await audit.goto('/control-center/audit');
  await server.cli(['user', 'suspend', 'bob@acme.example', '--ticket', 'HR-9']);
  await audit.getByText('HR-9').waitFor();
  await audit.close();
  assert.equal(await page.getByLabel('Company name').inputValue(), 'Acme and Sons');
  assert.equal(await page.locator('.domain', { hasText: 'second.example' }).count(), 0);
  await page.bringToFront();
  await page.getByLabel('Company name').fill('Acme');
  await page.getByLabel('Company name').blur();
  await page.locator('.domain', { hasText: 'second.example' }).waitFor();
  assert.ok(await isSame(), 'the page was not loaded anew');
});

test('who loses the admin role is told on the open page', async () => {
  await server.cli(['user', 'create', 'dan@acme.example', '--company', 'Acme', '--name', 'Dan Deputy', '--admin']);
  await server.cli(['user', 'set-password', 'dan@acme.example', '--stdin'], { input: 'purple monkey dishwasher' });
  const dan = await browser.newPage();
  await signIn(dan, 'dan@acme.example', 'purple monkey dishwasher');
  await dan.getByRole('heading', { name: 'Members' }).waitFor();
  await page.goto('/control-center/admins');
  await page.getByRole('button', { name: 'Remove admin role of Dan Deputy' }).click();
  await page.getByText('The admin role was removed.').waitFor();
  await dan.getByRole('heading', { name: 'This is not for you' }).waitFor();
  await dan.goto('/settings/profile');
  await dan.getByRole('heading', { name: 'Profile' }).waitFor();
  browser.problems.splice(0, browser.problems.length, ...browser.problems.filter((text) => !/status of 403/.test(text)));
});
