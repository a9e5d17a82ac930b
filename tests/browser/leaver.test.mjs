// The whole way of somebody who leaves, by mouse and keyboard: invited, at work, deactivated, out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  PASSWORD, bySession, byToken, expectNoMore, expectRefusal, fillSignIn, makePerson, openBrowser, signIn,
  startServer, tabTo, whoAmI,
} from './server.mjs';

const LEE = 'lee@acme.example';
let server, browser, lee, ada;

before(async () => {
  server = await startServer({ limited: true });
  browser = await openBrowser(server.url);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test('deactivating somebody ends all access, and the open page too', async (t) => {
  let link, secret, refusedWords, session;

  await t.test('the operator makes a company, an admin and a member', async () => {
    await server.cli(['company', 'create', 'Acme', '--domain', 'acme.example']);
    await makePerson(server.cli, 'Ada Admin', true);
    await makePerson(server.cli, 'Max Member');
    await server.cli(['user', 'create', LEE, '--company', 'Acme', '--name', 'Lee Leaver']);
    ({ link } = await server.cli(['user', 'invite', LEE]));
    assert.ok(link.startsWith(`${server.url}/set-password/`), link);
  });

  await t.test('the member sets a password with the keyboard alone, and the link is dead afterwards', async () => {
    lee = await browser.newPage();
    await lee.goto(link);
    await lee.getByRole('heading', { name: 'Welcome to Acme' }).waitFor();
    await tabTo(lee, lee.getByLabel('New password', { exact: true }));
    await lee.keyboard.type(PASSWORD);
    await lee.keyboard.press('Tab');
    await lee.keyboard.type(PASSWORD);
    await lee.keyboard.press('Tab');
    assert.equal(await lee.evaluate(() => document.activeElement.textContent), 'Set password');
    await lee.keyboard.press('Enter');
    await lee.getByText('Your password is set. Sign in with it.').waitFor();

    const again = await lee.goto(link);
    assert.equal(again.status(), 410);
    await lee.getByRole('heading', { name: 'This link does not work' }).waitFor();
    expectRefusal(browser.problems, 410, '/set-password/');
  });

  await t.test('the member signs in with the keyboard alone; a wrong password is refused', async () => {
    await lee.goto('/sign-in');
    await tabTo(lee, lee.getByLabel('E-mail'));
    await lee.keyboard.type(LEE);
    await lee.keyboard.press('Tab');
    await lee.keyboard.type('not the password');
    await lee.keyboard.press('Enter');
    refusedWords = await lee.getByRole('alert').innerText();
    expectRefusal(browser.problems, 401, '/sign-in');

    assert.equal(await lee.getByLabel('E-mail').inputValue(), LEE, 'what was typed is kept');
    await tabTo(lee, lee.getByLabel('Password'));
    await lee.keyboard.type(PASSWORD);
    await lee.keyboard.press('Tab');
    await lee.keyboard.press('Enter');
    await lee.getByRole('heading', { name: 'Profile' }).waitFor();
    session = await bySession(lee.context());
    assert.equal(await whoAmI(server.url, session), 200);
  });

  await t.test('the member makes a token and uses it', async () => {
    await lee.getByRole('link', { name: 'Tokens' }).click();
    await lee.getByText('You have no token').waitFor();
    await lee.getByRole('link', { name: 'New token' }).click();
    await lee.getByLabel('Name').fill('nightly export');
    await lee.getByRole('button', { name: 'Create token' }).click();
    await lee.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await lee.getByRole('button', { name: 'Copy' }).click();
    await lee.getByRole('button', { name: 'Copied' }).waitFor();
    secret = await lee.evaluate(() => navigator.clipboard.readText());
    assert.match(secret, /^obp_\w+$/);
    assert.equal(await whoAmI(server.url, byToken(secret)), 200);
    await lee.getByRole('link', { name: 'Done' }).click();
    await lee.getByRole('link', { name: 'nightly export' }).waitFor();
    await lee.goto('/settings/tokens');
    assert.ok(!(await lee.content()).includes(secret), 'the secret is shown once');
  });

  await t.test('the admin searches, selects, sees what will stop, says why and confirms', async (t) => {
    ada = await browser.newPage();
    await signIn(ada, 'ada@acme.example');
    await ada.getByRole('heading', { name: 'Members' }).waitFor();
    await ada.getByLabel('Search by name or e-mail').pressSequentially('leav');
    await ada.getByRole('row', { name: 'Max Member' }).waitFor({ state: 'detached' });
    await ada.getByRole('checkbox', { name: 'Select Lee Leaver' }).check();
    await ada.getByRole('status').filter({ hasText: '1 selected' }).waitFor();
    await ada.getByRole('button', { name: 'Deactivate' }).click();

    await ada.getByRole('heading', { name: 'Deactivate 1 member?' }).waitFor();
    const who = await ada.getByRole('listitem').filter({ hasText: LEE }).innerText();
    assert.match(who, /1 open session/);
    assert.match(who, /nightly export/);
    await ada.getByLabel('Reason').fill('left the company');
    await ada.getByLabel('Ticket').fill('HR-1042');

    const cut = lee.waitForURL('**/sign-in?*', { timeout: 15_000 }).then(() => performance.now());
    const posted = ada.waitForResponse('**/members/apply');
    await ada.getByRole('button', { name: 'Deactivate 1 member' }).click();
    assert.equal((await posted).status(), 200);
    const returned = performance.now();
    assert.equal(await whoAmI(server.url, byToken(secret)), 401, 'the token is refused at once');
    assert.equal(await whoAmI(server.url, session), 401, 'the session is refused at once');
    const milliseconds = Math.max(0, Math.round((await cut) - returned));
    t.diagnostic(`the open page was cut after ${milliseconds} ms`);
    assert.ok(milliseconds < 2000, `${milliseconds} ms`);

    await ada.getByRole('heading', { name: 'Deactivate: 1 done' }).waitFor();
    const result = await ada.getByRole('row', { name: 'Lee Leaver' }).innerText();
    assert.match(result, /Done[\s\S]*Deactivated: 1 session ended, 1 token revoked/);
    assert.equal(await whoAmI(server.url, await bySession(ada.context())), 200, 'who stays is let in as before');
  });

  await t.test('the member is told that the session ended, and gets in no more', async () => {
    await lee.getByText('Your session has ended. Sign in again.').waitFor();
    await fillSignIn(lee, LEE, PASSWORD);
    assert.equal(await lee.getByRole('alert').innerText(), refusedWords, 'the same words as for a wrong password');
    expectRefusal(browser.problems, 401, '/sign-in');
    await lee.goto('/settings/tokens');
    await lee.getByRole('button', { name: 'Sign in' }).waitFor();
    await signIn(lee, 'max@acme.example');
    assert.equal(await whoAmI(server.url, await bySession(lee.context())), 200, 'somebody active gets in there');
  });

  await t.test('the audit and the member’s page tell who, why and the ticket', async () => {
    await ada.getByRole('link', { name: 'Lee Leaver' }).click();
    const entry = ada.getByRole('listitem').filter({ hasText: 'left the company' });
    assert.match(await entry.innerText(), /Deactivated[\s\S]*by ada@acme\.example[\s\S]*“left the company”\s+HR-1042/);
    await ada.getByText('No live token.').waitFor();
    await ada.getByText('No open session.').waitFor();

    await ada.getByRole('link', { name: 'Audit', exact: true }).click();
    const row = ada.getByRole('row').filter({ hasText: 'HR-1042' });
    assert.match(await row.innerText(), /Deactivated: lee@acme\.example[\s\S]*ada@acme\.example[\s\S]*left the company/);
    await row.getByRole('link').click();
    await ada.getByText('HR-1042').waitFor();
    assert.match(await ada.getByRole('main').innerText(), /"tokensRevoked": 1/);
  });

  expectNoMore(browser.problems);
});
