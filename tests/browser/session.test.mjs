// What a browser is given when somebody signs in, and where it is sent.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import {
  PASSWORD, bySession, expectNoMore, fillSignIn, makeCompany, openBrowser, signIn, startServer, whoAmI,
} from './server.mjs';

const MAX = 'max@acme.example';
let server, browser;

before(async () => {
  server = await startServer();
  await makeCompany(server.cli, ['Max Member']);
  browser = await openBrowser(server.url);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => expectNoMore(browser.problems));

test('the cookie is out of reach of scripts and of other sites, and new at each sign-in', async () => {
  const page = await browser.newPage();
  await page.goto('/sign-in');
  assert.deepEqual(await page.context().cookies(), [], 'who has not signed in is given none');
  await signIn(page, MAX);
  const [first] = await page.context().cookies();
  const { name, httpOnly, sameSite, secure, path, expires } = first;
  assert.deepEqual(
    { name, httpOnly, sameSite, secure, path, expires },
    { name: 'offboard', httpOnly: true, sameSite: 'Lax', secure: false, path: '/', expires: -1 },
  );
  assert.equal(await page.evaluate(() => document.cookie), '');

  const form = { email: MAX, password: PASSWORD, next: '' };
  await page.request.post('/sign-in', { form });
  const [second, ...more] = await page.context().cookies();
  assert.deepEqual(more, []);
  assert.notEqual(second.value, first.value);
  assert.equal(await whoAmI(server.url, { cookie: `offboard=${second.value}` }), 200);
  assert.equal(await whoAmI(server.url, { cookie: `offboard=${first.value}` }), 401, 'the one before has ended');
});

test('a cookie that somebody else chose is not taken up', async () => {
  const page = await browser.newPage();
  const value = `obs_${'0'.repeat(38)}`;
  await page.context().addCookies([{ name: 'offboard', value, url: server.url }]);
  await signIn(page, MAX);
  const [cookie, ...more] = await page.context().cookies();
  assert.deepEqual(more, []);
  assert.notEqual(cookie.value, value);
});

test('after signing in one is where one wanted to be, and never elsewhere', async () => {
  for (const [asked, arrived] of [
    ['/settings/tokens', '/settings/tokens'],
    ['/settings/sessions?done=session-ended', '/settings/sessions'],
    ['//evil.example', '/settings/profile'],
    ['https://evil.example/', '/settings/profile'],
    ['/\\evil.example', '/settings/profile'],
    ['/\t/evil.example', '/settings/profile'],
    ['javascript:alert(1)', '/settings/profile'],
  ]) {
    const page = await browser.newPage();
    await page.goto(`/sign-in?next=${encodeURIComponent(asked)}`);
    await fillSignIn(page, MAX, PASSWORD);
    await page.waitForURL(({ pathname }) => pathname !== '/sign-in');
    assert.equal(page.url().split('?')[0], `${server.url}${arrived}`, asked);
    await page.context().close();
  }
  const page = await browser.newPage();
  await page.goto('/settings/password');
  assert.equal(new URL(page.url()).searchParams.get('next'), '/settings/password', 'a page asks to sign in first');
  await fillSignIn(page, MAX, PASSWORD);
  await page.getByRole('heading', { name: 'Password' }).waitFor();
});

test('signing out ends the session, and a second time does no harm', async () => {
  const [page, other] = [await browser.newPage(), await browser.newPage()];
  for (const each of [page, other]) await signIn(each, MAX);
  const session = await bySession(page.context());
  const twin = await page.context().newPage();
  await twin.goto('/settings/tokens');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You have signed out.').waitFor();
  assert.equal(await whoAmI(server.url, session), 401);
  assert.deepEqual(await page.context().cookies(), []);
  await twin.waitForURL('**/sign-in?*');

  assert.equal((await page.request.post('/sign-out')).status(), 200);
  await page.goBack();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await whoAmI(server.url, await bySession(other.context())), 200, 'the session elsewhere goes on');
});

test('who signs out is told so, however slow the answer is', async () => {
  const page = await browser.newPage();
  await signIn(page, MAX);
  const twin = await page.context().newPage();
  await twin.goto('/settings/tokens');
  await page.route('**/sign-out', async (route) => {
    const response = await route.fetch({ maxRedirects: 0 });
    await twin.waitForURL('**/sign-in?*');
    await route.fulfill({ response });
  });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You have signed out.').waitFor();
});

test('a form from another site is refused', async () => {
  const page = await browser.newPage();
  await signIn(page, MAX);
  const session = await bySession(page.context());
  const post = (origin) =>
    fetch(`${server.url}/sign-out`, { method: 'POST', redirect: 'manual', headers: { ...session, origin } });
  assert.equal((await post('https://evil.example')).status, 403);
  assert.equal(await whoAmI(server.url, session), 200);
  assert.equal((await post(server.url)).status, 303);
  assert.equal(await whoAmI(server.url, session), 401);
});
