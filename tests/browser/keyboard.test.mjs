// The console without a mouse: everything is reached, one sees where one is, and Escape closes what is open.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { expectNoMore, makeCompany, openBrowser, signIn, startServer, tabTo } from './server.mjs';

let server, browser, page;

before(async () => {
  server = await startServer();
  await makeCompany(server.cli, ['Lee Leaver', 'Max Member']);
  browser = await openBrowser(server.url);
  page = await browser.newPage({ reducedMotion: 'reduce' });
  await signIn(page, 'ada@acme.example');
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => expectNoMore(browser.problems));

const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

test('the first Tab offers to skip to the content', async () => {
  await page.goto('/control-center/members');
  const skip = page.getByRole('link', { name: 'Skip to the content' });
  const inside = () => skip.evaluate((link) => link.getBoundingClientRect().bottom > 0 && link.getBoundingClientRect().left >= 0);
  assert.equal(await inside(), false, 'out of sight until it has the focus');
  await page.keyboard.press('Tab');
  assert.ok(await isFocused(skip));
  assert.equal(await inside(), true);
  await page.keyboard.press('Enter');
  assert.ok(await isFocused(page.getByRole('main')));
  await page.keyboard.press('Tab');
  assert.ok(await isFocused(page.getByRole('link', { name: 'Invite member' })), 'the navigation was skipped');
});

for (const [width, path] of [
  [1280, '/control-center/members'],
  [390, '/control-center/members'],
  [1280, '/control-center/audit'],
  [1280, '/settings/tokens/new'],
]) {
  test(`at ${width} pixels, Tab reaches every control of ${path} in order, and each shows it`, async () => {
    await page.setViewportSize({ width, height: 900 });
    await page.goto(path);
    // Not by the mouse: Tab would go on from there.
    if (path.endsWith('/members')) await page.getByLabel('Select Lee Leaver').evaluate((box) => box.click());
    const expected = await page.evaluate(() =>
      [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
        .filter((control) => !control.disabled && control.type !== 'hidden' && control.checkVisibility())
        .map((control, number) => (control.dataset.number = `${number} ${control.textContent.trim() || control.name}`)),
    );
    assert.ok(expected.length > 10);
    const reached = [];
    for (let i = 0; i < expected.length * 4 && new Set(reached).size < expected.length; i += 1) {
      await page.keyboard.press('Tab');
      const { number, shown } = await page.evaluate(() => {
        const control = document.activeElement;
        // A box may leave it to its frame to show the focus; the button within a field for a day has the browser's own.
        const styles = [control, control.parentElement].map((element) => getComputedStyle(element));
        const shown = styles.some(({ outlineStyle, outlineWidth, boxShadow }) =>
          (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || boxShadow !== 'none');
        return { number: control.dataset.number, shown: shown || control === document.body || !control.matches(':focus') };
      });
      const what = () => page.evaluate(() => document.activeElement.outerHTML);
      if (!shown) assert.fail(`no focus to be seen on ${await what()}`);
      if (number && number !== reached.at(-1)) reached.push(number);
    }
    assert.deepEqual(reached, expected);
  });
}

test('what has the focus is not under something else', async () => {
  await page.setViewportSize({ width: 390, height: 600 });
  const csv = `email,name,admin\n${Array.from({ length: 40 }, (_, i) => `k${i}@acme.example,Kim ${i},false\n`).join('')}`;
  await server.cli(['user', 'import', '-', '--company', 'Acme'], { input: csv });
  await page.goto('/control-center/members');
  await page.getByLabel('Select Kim 0', { exact: true }).check();
  for (let i = 0; i < 60; i += 1) {
    await page.keyboard.press('Tab');
    const hidden = await page.evaluate(() => {
      const control = document.activeElement;
      if (control === document.body) return null;
      const { left, top, width, height } = control.getBoundingClientRect();
      const seen = document.elementFromPoint(left + Math.min(width / 2, 20), top + height / 2);
      const own = seen && (control.contains(seen) || seen.contains(control));
      return own ? null : `${control.outerHTML.slice(0, 200)} under ${seen?.outerHTML.slice(0, 200)}`;
    });
    assert.equal(hidden, null);
  }
});

test('Escape closes a menu and goes back to what opened it', async () => {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto('/control-center/members');
  const summary = page.locator('#export-all summary');
  await tabTo(page, summary);
  await page.keyboard.press('Enter');
  const csv = page.getByRole('link', { name: 'CSV' });
  await csv.waitFor();
  await tabTo(page, csv);
  await page.keyboard.press('Escape');
  assert.equal(await csv.isVisible(), false);
  assert.ok(await isFocused(summary));
  await page.keyboard.press('Space');
  assert.equal(await csv.isVisible(), true);
  await page.getByRole('heading', { name: 'Members' }).click();
  assert.equal(await csv.isVisible(), false, 'a click elsewhere closes it too');

  await page.setViewportSize({ width: 390, height: 844 });
  const menu = page.locator('.nav-fold summary');
  await menu.focus();
  await page.keyboard.press('Enter');
  const tokens = page.getByRole('link', { name: 'Tokens' });
  await tokens.waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await tokens.isVisible(), false);
  assert.ok(await isFocused(menu));
});

test('somebody is found, selected and suspended with the keyboard alone', async () => {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto('/control-center/members');
  await tabTo(page, page.getByLabel('Search by name or e-mail'));
  await page.keyboard.type('lee');
  await page.getByRole('row').filter({ hasText: 'Max Member' }).waitFor({ state: 'detached' });
  await tabTo(page, page.getByLabel('Select Lee Leaver'));
  await page.keyboard.press('Space');
  await tabTo(page, page.getByRole('button', { name: 'Suspend' }));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Suspend 1 member?' }).waitFor();
  await tabTo(page, page.getByLabel('Reason'));
  await page.keyboard.type('sabbatical');
  await tabTo(page, page.getByRole('button', { name: 'Suspend 1 member' }));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Suspend: 1 done' }).waitFor();
  assert.equal((await server.cli(['user', 'show', 'lee@acme.example'])).status, 'suspended');
});
