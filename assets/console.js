// What the console adds to plain links and forms: search as you type, selecting rows, copying, local times and live
// pages. Without this script every page works all the same.
(() => {
  'use strict';

  const root = document.documentElement;
  const page = () => document.getElementById('page');
  const main = document.getElementById('main');
  root.classList.add('js');

  function announce(text) {
    const place = document.getElementById('announce');
    if (!place) return;
    place.textContent = '';
    setTimeout(() => { place.textContent = text; }, 50);
  }

  // Times: in the reader's zone, in the same form and length as without script.
  const format = new Intl.DateTimeFormat('en-GB', {
    year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
    timeZoneName: 'short',
  });

  function localTimes() {
    for (const time of document.querySelectorAll('time[datetime]:not([data-local])')) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
      time.title = time.textContent;
      time.textContent = `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute} ${part.timeZoneName}`;
      time.dataset.local = '';
    }
  }

  // Selecting rows.
  function selection() {
    for (const form of document.querySelectorAll('[data-bulk]')) {
      const boxes = [...form.querySelectorAll('input[name="user"]:not(:disabled)')];
      const selected = boxes.filter((box) => box.checked).length;
      const all = form.querySelector('[data-select-all]');
      const count = form.querySelector('[data-bulk-count]');
      const bar = count.parentElement;
      all.checked = selected > 0 && selected === boxes.length;
      all.indeterminate = selected > 0 && selected < boxes.length;
      all.disabled = boxes.length === 0;
      const text = selected ? `${selected} selected` : 'Select members to act on them.';
      if (count.textContent !== text) count.textContent = text;
      bar.toggleAttribute('data-selected', selected > 0);
      for (const button of form.querySelectorAll('[data-bulk-act]')) button.disabled = selected === 0;
    }
  }

  document.addEventListener('change', ({ target }) => {
    const form = target.closest?.('[data-bulk]');
    if (!form) return;
    if (target.matches('[data-select-all]')) {
      for (const box of form.querySelectorAll('input[name="user"]:not(:disabled)')) box.checked = target.checked;
    }
    selection();
  });

  // Copying.
  async function copy(button) {
    const field = document.querySelector(button.dataset.copy);
    if (!field) return;
    let copied = false;
    try {
      await navigator.clipboard.writeText(field.value);
      copied = true;
    } catch {
      field.focus();
      field.select();
      copied = document.execCommand('copy');
    }
    const label = button.dataset.label ?? (button.dataset.label = button.textContent);
    button.textContent = copied ? 'Copied' : 'Press Ctrl+C';
    announce(copied ? 'Copied' : 'Press Control and C to copy');
    setTimeout(() => { button.textContent = label; }, 2500);
  }

  document.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-copy]');
    if (button) copy(button);
    for (const open of document.querySelectorAll('.menu[open], .nav-fold[open]')) {
      if (!open.contains(target)) open.open = false;
    }
  });

  document.addEventListener('focusin', ({ target }) => {
    if (target.matches('input.secret')) target.select();
  });

  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const open of document.querySelectorAll('.menu[open], .nav-fold[open]')) {
      const within = open.contains(document.activeElement);
      open.open = false;
      if (within) open.querySelector('summary').focus();
    }
  });

  // Search as you type. htmx asks and swaps; here: the busy mark, errors, and what a screen reader hears.
  document.addEventListener('htmx:before:request', () => {
    document.getElementById('results')?.setAttribute('aria-busy', 'true');
  });
  document.addEventListener('htmx:finally:request', () => {
    document.getElementById('results')?.removeAttribute('aria-busy');
  });
  document.addEventListener('htmx:before:response', (event) => {
    const { raw } = event.detail.ctx.response;
    if (raw.redirected || raw.status >= 400) {
      event.preventDefault();
      location.assign(raw.url);
    }
  });
  document.addEventListener('htmx:after:swap', ({ detail }) => {
    refresh();
    if (detail.ctx.live) return;
    seen = null;
    const text = document.getElementById('results')?.dataset.announce;
    if (text) announce(text);
  });

  // A morph leaves open what the reader has opened.
  window.htmx?.registerExtension?.('console', {
    htmx_before_morph_attr: (element, { attrName }) => !(attrName === 'open' && element.localName === 'details'),
  });

  function refresh() {
    localTimes();
    selection();
  }

  // Live pages. What a page asks by itself does not keep the session alive.
  const byItself = { 'X-Offboard-Live': '1' };
  const plain = (element) => element.outerHTML.replace(/ data-htmx-powered="[^"]*"/g, '');
  let seen = page() ? plain(page()) : null;
  let source = null;
  let timer = 0;
  let last = 0;
  let busy = false;
  let waiting = false;

  function unsaved() {
    for (const field of main.querySelectorAll('input, textarea, select')) {
      if (field.type === 'hidden' || field.disabled) continue;
      if (field.type === 'checkbox' || field.type === 'radio') {
        if (field.checked !== field.defaultChecked) return true;
      } else if (field.localName === 'select') {
        const usual = Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
        if (field.selectedIndex !== usual) return true;
      } else if (field.value !== field.defaultValue) {
        return true;
      }
    }
    return false;
  }

  // A page that answers a form must not be fetched again: its address is another page's.
  const still = () => 'liveStill' in main.dataset || main.querySelector('[data-error]') !== null;
  const hold = () => document.hidden || ('liveQuiet' in main.dataset && unsaved());

  function changed() {
    if (timer || still()) return;
    timer = setTimeout(update, Math.max(0, last + 1000 - Date.now()));
  }

  async function update() {
    timer = 0;
    if (busy || hold()) {
      waiting = true;
      return;
    }
    waiting = false;
    busy = true;
    last = Date.now();
    try {
      const address = location.href;
      const answer = await fetch(address, { headers: { Accept: 'text/html', ...byItself }, cache: 'no-store' });
      if (address !== location.href) {
        waiting = true;
        return;
      }
      if (answer.redirected || [401, 403, 404, 410].includes(answer.status)) {
        location.assign(answer.url);
        return;
      }
      if (!answer.ok) return;
      const text = await answer.text();
      const next = new DOMParser().parseFromString(text, 'text/html').getElementById('page');
      if (!next || next.dataset.page !== page().dataset.page || hold()) return;
      const html = plain(next);
      if (html === seen) return;
      seen = html;
      const target = page();
      await window.htmx.swap({
        live: true, text, target, sourceElement: target, select: '#page', swap: 'outerMorph', request: {},
      });
      announce('The page was updated');
    } catch {
      // The stream tells of the next change; there is nothing to show for this one.
    } finally {
      busy = false;
      if (waiting && !hold()) changed();
    }
  }

  function listen() {
    if (source && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource(document.body.dataset.live);
    source.addEventListener('changed', changed);
    source.addEventListener('ended', cut);
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED && !document.hidden) listenAgain();
    });
  }

  function cut() {
    source.close();
    location.assign('/sign-in?ended=1');
  }

  // A stream that was refused does not say why: the session has ended, or the server is away for a while.
  async function listenAgain() {
    const answer = await fetch('/api/v1/me', { headers: byItself, cache: 'no-store' }).catch(() => null);
    if (answer?.status === 401) {
      cut();
    } else {
      setTimeout(() => { if (!document.hidden) listen(); }, 2000);
    }
  }

  // A page that nobody sees has no stream: a browser opens few connections to a server, and many tabs would use them
  // up. When it is seen again it catches up.
  function hear() {
    if (document.hidden) {
      source?.close();
    } else {
      if (!source || source.readyState === EventSource.CLOSED) changed();
      listen();
    }
  }

  if (document.body.dataset.live && window.EventSource && page()) {
    if (!document.hidden) listen();
    document.addEventListener('visibilitychange', hear);
    document.addEventListener('focusout', () => { if (waiting && !hold()) changed(); });
    addEventListener('pagehide', () => source?.close());
    // Who signs out is told so by the next page, and not by this one's stream before it.
    document.addEventListener('submit', ({ target }) => {
      if (target.getAttribute('action') === '/sign-out') source?.close();
    });
    addEventListener('pageshow', ({ persisted }) => { if (persisted) hear(); });
  }

  addEventListener('pageshow', selection);
  refresh();
  document.querySelector('[data-error]')?.focus();
})();
