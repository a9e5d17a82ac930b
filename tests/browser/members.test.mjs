// Ten thousand members: walked, searched, sorted, acted on and taken out.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, test } from 'node:test';
import { bySession, expectNoMore, makeCompany, openBrowser, signIn, startServer } from './server.mjs';

const MANY = 10_000;
const FIRST = ['Zoë', 'Éva', 'Łukasz', 'Ørjan', 'Anna', 'anna', 'Björn', 'Čeněk', 'Ada', 'İpek', '李'];
const LAST = ['Müller', 'Ångström', 'Novák', 'Núñez', 'Smith', "O'Neill", 'Østergård', 'Weiß', 'van der Berg'];
let server, browser, page, people;

before(async () => {
  server = await startServer();
  people = await makeCompany(server.cli, ['Nora Nomad']);
  const name = (i) => `${FIRST[i % FIRST.length]} ${LAST[i % LAST.length]}`;
  const rows = Array.from({ length: MANY - 2 }, (_, i) => `p${i}@acme.example,${name(i)},false\n`);
  rows.push('formula@acme.example,=1+1,false\n', 'grete.lund@acme.example,"Lund, Grete ""G""",false\n');
  const csv = `email,name,admin\n${rows.join('')}`;
  const { created } = await server.cli(['user', 'import', '-', '--company', 'Acme'], { input: csv });
  assert.equal(created, MANY);
  browser = await openBrowser(server.url);
  page = await browser.newPage();
  await signIn(page, 'ada@acme.example');
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => expectNoMore(browser.problems));

/** Follows *Next page* to the end; gives the identifiers on each page. */
async function walk(path, between = async () => {}) {
  const headers = await bySession(page.context());
  const pages = [];
  for (let next = path; next; ) {
    const answer = await fetch(new URL(next, server.url), { headers });
    const html = await answer.text();
    assert.equal(answer.status, 200, html);
    pages.push([...html.matchAll(/ id="member-([0-9a-f-]{36})"/g)].map((match) => match[1]));
    await between(pages);
    next = html.match(/ href="([^"]+)" rel="next"/)?.[1].replaceAll('&amp;', '&').replaceAll('&#38;', '&');
  }
  return pages;
}

const emails = () => page.locator('tbody .cell-email').allInnerTexts();
const names = async () => (await page.locator('tbody .name').allInnerTexts()).map((text) => text.trim());
const rows = (count) => page.waitForFunction((n) => document.querySelectorAll('tbody tr').length === n, count);

for (const sort of ['name', '-name', 'email', '-email', 'since', '-since']) {
  test(`by ${sort}, the pages hold every member once`, async () => {
    const pages = await walk(`/control-center/members?sort=${sort}`);
    const seen = pages.flat();
    assert.equal(seen.length, MANY + 2);
    assert.equal(new Set(seen).size, MANY + 2);
    assert.ok(pages.slice(0, -1).every((ids) => ids.length === 50));
  });
}

test('what changes during the walk makes nobody else be skipped or seen twice', async () => {
  const touched = new Set([people['Nora Nomad'].uuid]);
  const nora = await browser.newPage();
  await signIn(nora, people['Nora Nomad'].email);
  const rename = (name) => nora.request.post('/settings/profile', { form: { name } });
  const seen = await walk('/control-center/members', async (pages) => {
    if (pages.length === 20) await rename('Aaron Nomad');
    if (pages.length === 40) await rename('Zzz Nomad');
    // Gone are: the last of this page, where the next begins, and one long past.
    if (pages.length % 60 === 0) {
      for (const uuid of [pages.at(-1).at(-1), pages[pages.length / 2][7]]) {
        touched.add(uuid);
        await server.cli(['user', 'deactivate', uuid]);
      }
    }
  });
  assert.equal(touched.size, 7);
  const others = seen.flat().filter((uuid) => !touched.has(uuid));
  assert.equal(new Set(others).size, MANY + 2 - 7);
  assert.equal(others.length, MANY + 2 - 7, 'nobody twice');
  for (const uuid of touched) if (uuid !== people['Nora Nomad'].uuid) await server.cli(['user', 'reactivate', uuid]);
  await rename('Nora Nomad');
  await nora.context().close();
});

test('a search as one types finds by the beginnings of words, without accents and in any case', async () => {
  await page.goto('/control-center/members');
  await rows(50);
  const search = page.getByLabel('Search by name or e-mail');
  const expected = (i) => i % FIRST.length === 1 && i % LAST.length === 2;
  const evas = Array.from({ length: MANY - 2 }, (_, i) => i).filter(expected);
  for (const text of ['eva nov', 'NOVAK éva', 'Éva Novák']) {
    await search.fill('');
    await page.getByRole('link', { name: 'Ada Admin' }).waitFor();
    await search.pressSequentially(text);
    await page.waitForFunction(() => [...document.querySelectorAll('tbody .name')].every((e) => e.innerText === 'Éva Novák'));
    assert.equal(await search.evaluate((field) => field === document.activeElement), true, 'typing goes on');
    assert.equal(await search.inputValue(), text);
    assert.equal(new URL(page.url()).searchParams.get('q'), text, 'the address can be kept');
    assert.equal((await names()).length, 50);
    const found = await walk(page.url());
    assert.equal(found.flat().length, evas.length, text);
  }
  for (const [text, email] of [
    ['p1234@', 'p1234@acme.example'],
    ['p1234@acme.example', 'p1234@acme.example'],
    ['lund', 'grete.lund@acme.example'],
  ]) {
    await search.fill(text);
    await page.getByRole('cell', { name: email, exact: true }).waitFor();
    await rows(1);
  }
  await search.fill('nobody at all');
  await page.getByText('Nobody found for “nobody at all”').waitFor();
  await page.getByRole('link', { name: 'see all members' }).click();
  await rows(50);
});

test('an address with a search, a status and an order opens what it says', async () => {
  await page.goto('/control-center/members?q=eva+novak&sort=-email');
  assert.equal(await page.getByLabel('Search by name or e-mail').inputValue(), 'eva novak');
  const found = await emails();
  assert.deepEqual(found, [...found].sort().reverse());
  await page.getByRole('link', { name: 'Next page' }).click();
  const more = await emails();
  assert.ok(more.length > 0 && more.every((email) => email < found.at(-1)));
  assert.equal(await page.getByLabel('Search by name or e-mail').inputValue(), 'eva novak');
  await page.goBack();
  assert.deepEqual(await emails(), found);
});

test('a click on a heading sorts, a second one the other way round', async () => {
  await page.goto('/control-center/members');
  const heading = page.getByRole('columnheader', { name: 'E-mail' });
  for (const [order, sorted] of [
    ['ascending', (found) => [...found].sort()],
    ['descending', (found) => [...found].sort().reverse()],
  ]) {
    await heading.getByRole('link').click();
    await page.waitForURL('**sort=*email*');
    assert.equal(await heading.getAttribute('aria-sort'), order);
    const found = await emails();
    assert.deepEqual(found, sorted(found));
  }
});

test('a whole page is selected and deactivated, with a result for each', async () => {
  await page.goto('/control-center/members?q=smith');
  const found = await emails();
  assert.equal(found.length, 50);
  await page.getByLabel('Select all on this page').check();
  await page.getByText('50 selected').waitFor();
  await page.getByRole('checkbox', { name: /^Select / }).nth(3).uncheck();
  await page.getByText('49 selected').waitFor();
  assert.equal(await page.getByLabel('Select all on this page').evaluate((box) => box.indeterminate), true);
  await page.getByLabel('Select all on this page').check();
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await page.getByRole('heading', { name: 'Deactivate 50 members?' }).waitFor();
  await page.getByLabel('Reason').fill('the branch was closed');
  await page.getByRole('button', { name: 'Deactivate 50 members' }).click();
  await page.getByRole('heading', { name: 'Deactivate: 50 done' }).waitFor();
  assert.deepEqual(await emails(), found);
  assert.equal(await page.getByRole('cell', { name: 'Done', exact: true }).count(), 50);
  for (const email of [found[0], found[49]]) {
    assert.equal((await server.cli(['user', 'show', email])).status, 'deactivated');
  }
  await page.goto('/control-center/members?q=smith');
  const left = new Set(await emails());
  assert.ok(found.every((email) => !left.has(email)));
});

test('two hundred are deactivated at once; for those that can’t be, it says why', async () => {
  const ids = (await walk('/control-center/members?q=nunez')).flat().slice(0, 200);
  assert.equal(ids.length, 200);
  await server.cli(['user', 'deactivate', ids[0]]);
  const unknown = '00000000-0000-4000-8000-000000000000';
  const { uuid: oneself } = people['Ada Admin'];
  const form = new URLSearchParams({ act: 'deactivate', reason: 'the branch was closed', ticket: 'HR-200' });
  for (const id of [...ids, unknown, oneself, ids[1]]) form.append('user', id);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await page.request.post('/control-center/members/apply', { headers, data: String(form) });
  const html = await answer.text();
  assert.equal(answer.status(), 200, html);
  const results = [...html.matchAll(/status-(done|failed)">/g)].map((match) => match[1]);
  assert.equal(results.filter((result) => result === 'done').length, 200);
  assert.equal(results.filter((result) => result === 'failed').length, 2);
  for (const words of ['Deactivate: 200 done, 2 not', 'Was deactivated already', 'has no such member', 'This is you']) {
    assert.ok(html.includes(words), words);
  }
  assert.equal((await server.cli(['user', 'show', ids[199]])).status, 'deactivated');
  assert.equal((await server.cli(['user', 'show', oneself])).status, 'active');
});

async function taken(click) {
  const download = page.waitForEvent('download');
  await click();
  const file = await download;
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

test('the list is taken out as CSV: all that was searched for, and no formula', async () => {
  await page.goto('/control-center/members');
  await page.getByText('Export all').click();
  const all = await taken(() => page.getByRole('link', { name: 'CSV' }).click());
  const [header, ...lines] = parseCsv(all.bytes.toString());
  assert.equal(all.name, 'members.csv');
  assert.deepEqual(header, ['uuid', 'email', 'name', 'role', 'status', 'since', 'created']);
  assert.equal(lines.length, MANY + 2 - 250);
  assert.equal(new Set(lines.map(([uuid]) => uuid)).size, lines.length);
  const named = (email) => lines.find((line) => line[1] === email)[2];
  assert.equal(named('formula@acme.example'), "'=1+1");
  assert.equal(named('grete.lund@acme.example'), 'Lund, Grete "G"');
  assert.equal(lines.find((line) => line[1] === 'ada@acme.example')[3], 'Mendix Admin');

  await page.goto('/control-center/members?status=deactivated&q=nunez');
  await page.getByText('Export all').click();
  const some = await taken(() => page.getByRole('link', { name: 'CSV' }).click());
  const left = parseCsv(some.bytes.toString()).slice(1);
  assert.equal(left.length, 200);
  assert.ok(left.every((line) => line[4] === 'deactivated' && line[2].endsWith('Núñez')));
});

test('the selected are taken out as a workbook or as CSV', async () => {
  await page.goto('/control-center/members?q=p77');
  const boxes = page.getByRole('checkbox', { name: /^Select (?!all)/ });
  for (const i of [0, 2]) await boxes.nth(i).check();
  const chosen = (await emails()).filter((_, i) => i === 0 || i === 2);
  const csv = await taken(() => page.getByRole('button', { name: 'Export selection (CSV)' }).click());
  assert.deepEqual(parseCsv(csv.bytes.toString()).slice(1).map((line) => line[1]), chosen);
  const workbook = await taken(() => page.getByRole('button', { name: 'Export selection (XLSX)' }).click());
  assert.equal(workbook.name, 'members.xlsx');
  assert.equal(workbook.bytes.subarray(0, 2).toString(), 'PK');
  await page.goto('/control-center/members');
  await page.getByText('Export all').click();
  const all = await taken(() => page.getByRole('link', { name: 'Excel (XLSX)' }).click());
  assert.equal(all.bytes.subarray(0, 2).toString(), 'PK');
  assert.ok(all.bytes.length > 10 * workbook.bytes.length);
});

/** The cells of RFC 4180. */
function parseCsv(text) {
  const lines = text.matchAll(/(?:(?:"(?:[^"]|"")*"|[^",\n]*)(?:,|(?=\r?\n)))+\r?\n/g);
  const cell = (found) => (found.startsWith('"') ? found.slice(1, -1).replaceAll('""', '"') : found);
  return [...lines].map(([line]) =>
    [...line.trimEnd().matchAll(/("(?:[^"]|"")*"|[^",]*)(?:,|$)/g)].map((match) => cell(match[1])).slice(0, 7),
  );
}
