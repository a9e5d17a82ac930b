// Somebody stops for a while and comes back; somebody was deactivated and comes back with nothing.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import {
  PASSWORD, bySession, byToken, expectNoMore, expectRefusal, fillSignIn, makeCompany, makePerson, openBrowser, signIn,
  startServer, whoAmI,
} from './server.mjs';

let server, browser, admin, member, people, secret, session;

before(async () => {
  server = await startServer();
  people = await makeCompany(server.cli, ['Max Member']);
  browser = await openBrowser(server.url);
  admin = await browser.newPage();
  await signIn(admin, people['Ada Admin'].email);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function atWork(name) {
  const person = people[name] ?? (people[name] = await makePerson(server.cli, name));
  const scope = 'mx:audit-logging:read';
  ({ token: secret } = await server.cli(['token', 'create', '--user', person.email, '--name', 'script', '--scope', scope]));
  member = await browser.newPage();
  await signIn(member, person.email);
  session = await bySession(member.context());
  assert.deepEqual([await whoAmI(server.url, byToken(secret)), await whoAmI(server.url, session)], [200, 200]);
  return person;
}

async function act(person, label, reason) {
  await admin.goto(`/control-center/members/${person.uuid}`);
  await admin.getByRole('button', { name: label, exact: true }).click();
  if (reason) await admin.getByLabel('Reason').fill(reason);
  await admin.getByRole('button', { name: `${label} 1 member` }).click();
  await admin.getByRole('heading', { name: `${label}: 1 done` }).waitFor();
}

async function refusedSignIn(email) {
  await fillSignIn(member, email, PASSWORD);
  await member.getByRole('alert').filter({ hasText: 'do not match, or access has ended' }).waitFor();
  expectRefusal(browser.problems, 401, '/sign-in');
}

beforeEach(async () => {
  const page = await browser.newPage();
  await signIn(page, people['Max Member'].email);
  assert.equal(await whoAmI(server.url, await bySession(page.context())), 200, 'who stays is let in throughout');
  await page.context().close();
});

afterEach(() => expectNoMore(browser.problems));

test('a suspended member’s credentials sleep; resuming wakes the token and the password, not the session', async () => {
  const sam = await atWork('Sam Sabbatical');
  await act(sam, 'Suspend', 'sabbatical');
  await member.waitForURL('**/sign-in?*');
  assert.equal(await whoAmI(server.url, byToken(secret)), 401);
  assert.equal(await whoAmI(server.url, session), 401);
  await refusedSignIn(sam.email);

  await act(sam, 'Resume');
  assert.equal(await whoAmI(server.url, byToken(secret)), 200, 'the token works again');
  assert.equal(await whoAmI(server.url, session), 401, 'the session stays ended');
  await signIn(member, sam.email);
  assert.equal(await whoAmI(server.url, await bySession(member.context())), 200);
});

test('a reactivated member has no credential until a new link lets him in', async () => {
  const rea = await atWork('Rea Returner');
  await act(rea, 'Deactivate', 'left');
  await member.waitForURL('**/sign-in?*');
  await act(rea, 'Reactivate');
  assert.equal(await whoAmI(server.url, byToken(secret)), 401, 'the token is gone');
  assert.equal(await whoAmI(server.url, session), 401, 'the session is gone');
  await refusedSignIn(rea.email);

  await admin.goto(`/control-center/members/${rea.uuid}`);
  await admin.getByText('not set').waitFor();
  await admin.getByText('No live token.').waitFor();
  await admin.getByRole('button', { name: 'Make sign-in link' }).click();
  const link = await admin.getByLabel('Sign-in link').inputValue();
  await member.goto(link);
  await member.getByLabel('New password', { exact: true }).fill(`${PASSWORD} again`);
  await member.getByLabel('New password again').fill(`${PASSWORD} again`);
  await member.getByRole('button', { name: 'Set password' }).click();
  await member.getByText('Your password is set.').waitFor();
  await signIn(member, rea.email, `${PASSWORD} again`);
  assert.equal(await whoAmI(server.url, await bySession(member.context())), 200);
  assert.equal(await whoAmI(server.url, byToken(secret)), 401, 'the token stays gone');
});
