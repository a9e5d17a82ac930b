// The API page as a person uses it: Authorize, Try it out, Execute.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, startDemo } from './server.mjs';

let demo, browser, page, problems;

before(async () => {
  demo = await startDemo();
  ({ browser, page, problems } = await openPage(demo.url));
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function execute(operation, fill = async () => {}) {
  const block = page.locator(`[id$="-${operation}"]`);
  if ((await block.locator('.execute').count()) === 0) await block.locator('.opblock-summary-control').click();
  await fill(block);
  await block.locator('.execute').click();
  const answer = block.locator('.live-responses-table');
  await answer.locator('.response-col_status').nth(1).waitFor();
  return answer.innerText();
}

test('authorize makes try it out work, to the end of the walk', async () => {
  await page.goto(`${demo.url}/docs/`);
  await page.locator('button.authorize').first().click();
  const token = page.locator('.auth-container form').filter({ hasText: 'MxToken' });
  await token.locator('input').fill(`MxToken ${demo.admin}`);
  await token.locator('button.authorize').click();
  await page.locator('.btn-done').first().click();

  const found = await execute('look_up_users');
  assert.match(found, /\b200\b/);
  assert.ok(found.includes(demo.leaverUuid), found);

  const before = await fetch(`${demo.url}/api/v1/me`, { headers: { authorization: `MxToken ${demo.leaver}` } });
  assert.equal(before.status, 200);
  const deactivated = await execute('deactivate_user', (block) =>
    block.locator('.parameters input').first().fill(demo.leaverUuid),
  );
  assert.match(deactivated, /\b204\b/);
  const afterwards = await fetch(`${demo.url}/api/v1/me`, { headers: { authorization: `MxToken ${demo.leaver}` } });
  assert.equal(afterwards.status, 401);

  assert.deepEqual(problems, [], 'no error in the console, nothing from elsewhere');
});
