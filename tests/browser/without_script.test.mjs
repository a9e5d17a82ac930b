// Every page works with scripts switched off.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { bySession, byToken, expectNoMore, makeCompany, openBrowser, signIn, startServer, whoAmI } from './server.mjs';

let server, browser, page;

before(async () => {
  server = await startServer();
  await makeCompany(server.cli);
  const rows = Array.from({ length: 60 }, (_, i) => `m${i}@acme.example,Member ${String(i).padStart(2, '0')},false\n`);
  const csv = `email,name,admin\n${rows.join('')}zoe@acme.example,Zoë Zuse,false\n`;
  await server.cli(['user', 'import', '-', '--company', 'Acme'], { input: csv });
  browser = await openBrowser(server.url);
  page = await browser.newPage({ javaScriptEnabled: false });
  await signIn(page, 'ada@acme.example');
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => expectNoMore(browser.problems));

const names = async () => (await page.locator('tbody .name').allInnerTexts()).map((name) => name.trim());

test('members are found page by page, by status, and by a search', async () => {
  await page.goto('/control-center/members');
  const first = await names();
  await page.getByRole('link', { name: 'Next page' }).click();
  const second = await names();
  assert.deepEqual([first.length, second.length], [50, 12]);
  assert.equal(new Set([...first, ...second]).size, 62, 'nobody twice');
  await page.getByRole('link', { name: 'First page' }).click();
  assert.deepEqual(await names(), first);

  await page.getByLabel('Search by name or e-mail').fill('zoe');
  await page.getByRole('button', { name: 'Search' }).click();
  assert.deepEqual(await names(), ['Zoë Zuse']);
  await page.getByRole('link', { name: /^Suspended/ }).click();
  await page.getByText('Nobody found for “zoe”').waitFor();
});

test('selected members are deactivated, after a page that says what will stop', async () => {
  await page.goto('/control-center/members?q=member');
  assert.equal(await page.getByLabel('Select all on this page').isVisible(), false, 'what needs a script is not shown');
  await page.getByRole('checkbox', { name: 'Select Member 03' }).check();
  await page.getByRole('checkbox', { name: 'Select Member 05' }).check();
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await page.getByRole('heading', { name: 'Deactivate 2 members?' }).waitFor();
  await page.getByLabel('Reason').fill('left');
  await page.getByRole('button', { name: 'Deactivate 2 members' }).click();
  await page.getByRole('heading', { name: 'Deactivate: 2 done' }).waitFor();
  await page.getByRole('link', { name: 'Back to the members' }).click();
  await page.getByRole('link', { name: /^Deactivated/ }).click();
  assert.deepEqual(await names(), ['Member 03', 'Member 05']);
});

test('nobody selected brings one back to the list', async () => {
  await page.goto('/control-center/members');
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await page.getByRole('heading', { name: 'Members' }).waitFor();
});

test('a list is exported', async () => {
  await page.goto('/control-center/members?q=zoe');
  await page.getByText('Export all').click();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'CSV' }).click();
  assert.equal((await download).suggestedFilename(), 'members.csv');
});

test('a token is made and deleted', async () => {
  await page.goto('/settings/tokens');
  await page.getByRole('link', { name: 'New token' }).click();
  await page.getByLabel('Name').fill('script');
  await page.getByRole('button', { name: 'Create token' }).click();
  const secret = await page.getByLabel('Secret of the token').inputValue();
  assert.equal(await page.getByRole('button', { name: 'Copy' }).isVisible(), false, 'what needs a script is not shown');
  assert.equal(await whoAmI(server.url, byToken(secret)), 200);
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'script' }).click();
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete token' }).click();
  await page.getByText('The token was deleted.').waitFor();
  assert.equal(await whoAmI(server.url, byToken(secret)), 401);
});

test('a service is registered and deleted', async () => {
  const asks = async (id, secret) => {
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const body = new URLSearchParams({ token: 'x' });
    return (await fetch(`${server.url}/oauth2/introspect`, { method: 'POST', headers: { authorization }, body })).status;
  };
  await page.goto('/control-center/services');
  await page.getByLabel('Name').fill('gateway');
  await page.getByRole('button', { name: 'Create service' }).click();
  const id = await page.getByLabel('Client id of the service').inputValue();
  const secret = await page.getByLabel('Secret of the service').inputValue();
  assert.equal(await asks(id, secret), 200);
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'Delete gateway' }).click();
  assert.equal(await asks(id, secret), 200, 'asking changes nothing');
  await page.getByRole('button', { name: 'Delete service' }).click();
  await page.getByText('The service was deleted.').waitFor();
  assert.equal(await asks(id, secret), 401);
});

test('a name, and a company’s policy, are changed', async () => {
  await page.goto('/settings/profile');
  await page.getByRole('textbox', { name: 'Name' }).fill('Ada King');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await page.locator('.nav-wide').getByText('Ada King').waitFor();
  await page.goto('/control-center/company');
  await page.getByLabel('Longest life of a new token').fill('30');
  await page.getByRole('region', { name: 'Token policy' }).getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
});

test('times are shown in UTC', async () => {
  await page.goto('/settings/profile');
  assert.match(await page.locator('time').first().innerText(), /^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
});

test('on a phone the menu opens, and one signs out', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto('/control-center/members');
  const session = await bySession(page.context());
  assert.equal(await whoAmI(server.url, session), 200);
  await page.getByText('Menu').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You have signed out.').waitFor();
  assert.equal(await whoAmI(server.url, session), 401);
});
