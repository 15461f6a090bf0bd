/**
 * The agents' console: who waits, a case, deliveries and the state of the shop, live by /v1/events.
 *
 * It owns the frame, the list and the keyboard; `console/` holds the rest. It decides nothing: what may be done is the daemon's
 * to say, and what it shows is what the daemon said last.
 */

import { Case, called, wordsOf } from './case.js';
import { announce, button, byId, make, now, serverClock, toast } from './dom.js';
import { Knowledge } from './knowledge.js';
import { Refused, ask, keepToken, listen, signedIn } from './link.js';
import { deliveriesView, shopView } from './shop.js';
import { unmatchedView } from './unmatched.js';
import { instant, length, locale, say, sayOf, switchLanguage } from './words.js';

const POLL = 15000; // for what no event tells: files, hours, deliveries
const CALM = 200; // several events at once are one look

const state = {
  me: '', queue: null, recent: null, status: null, line: 'connecting', tab: 'queue', outgoing: 'dead', open: null, known: null,
};
const part = {};

// --- Frame

const VIEWS = ['cases', 'deliveries', 'unmatched', 'knowledge', 'shop'];
const view = () => { const name = location.hash.split('/')[1]; return VIEWS.includes(name) ? name : 'cases'; };
const wanted = () => { const found = /^#\/case\/([^/]+)$/.exec(location.hash); return found ? decodeURIComponent(found[1]) : null; };

function frame() {
  document.documentElement.lang = locale();
  document.title = say('title');
  part.nav = make('nav', { 'aria-label': say('title') });
  part.line = make('span', { className: 'line', role: 'status' });
  part.me = make('span', { className: 'me' }, state.me);
  part.main = make('main', {});
  part.listHead = make('div', { className: 'tabs', role: 'group' });
  part.list = make('div', { className: 'list' });
  part.side = make('section', { className: 'side', 'aria-label': say('list') }, part.listHead, part.list);
  part.stage = make('div', { className: 'stage' });
  const language = button({ className: 'plain small' }, () => { switchLanguage(); reframe(); }, say('language'));
  language.lang = locale() === 'zh-CN' ? 'en' : 'zh-CN';
  const bar = make('header', { className: 'bar' },
    make('span', { className: 'brand' }, 'nightdesk'), part.nav, part.line, part.me, language,
    button({ className: 'plain small wide-only', 'aria-label': say('help'), title: say('help') }, help, '?'));
  if (signedIn()) bar.append(button({ className: 'plain small' }, signOut, say('signOut')));
  byId('app').replaceChildren(bar, part.main);
}

/** The same in the other language; what is typed stays. */
function reframe() {
  state.open = null;
  state.knowledge = null;
  frame();
  showAll();
}

function showAll() {
  showNav();
  showLine();
  showView();
}

function showNav() {
  const waiting = state.queue?.total || 0;
  const dead = (state.status?.deliveries || []).reduce((sum, each) => sum + each.dead, 0);
  const bad = state.status && !state.status.last_reload.ok;
  const tried = state.status && (state.status.pilots.some((pilot) => pilot.stopped) || state.status.candidate?.ok === false || state.status.tls?.problem);
  const link = (name, count, loud) => make('a', { href: `#/${name}`, 'aria-current': view() === name ? 'page' : null }, say(name),
    count ? make('span', { className: `count${loud ? ' loud' : ''}` }, String(count)) : null);
  part.nav.replaceChildren(link('cases', waiting), link('deliveries', dead, true), link('unmatched', 0), link('knowledge', bad ? '!' : 0, true), link('shop', tried ? '!' : 0, true));
  document.title = `${waiting ? `(${waiting}) ` : ''}${say('title')}`;
}

function showLine() {
  const word = { live: 'live', lost: 'lost', connecting: 'connecting' }[state.line];
  part.line.className = `line ${state.line}`;
  part.line.textContent = say(word);
}

async function showView() {
  const name = view();
  document.body.dataset.view = name;
  document.body.classList.toggle('has-case', name === 'cases' && Boolean(wanted()));
  if (name === 'cases') {
    if (part.side.parentNode !== part.main) part.main.replaceChildren(part.side, part.stage);
    showList();
    showCase();
  } else if (name === 'shop') {
    part.main.replaceChildren(state.status ? shopView(state.status, loadStatus) : make('div', { className: 'empty' }, say('connecting')));
  } else if (name === 'unmatched') {
    await show(name, unmatchedView);
  } else if (name === 'knowledge') {
    await showKnowledge();
  } else {
    await showDeliveries();
  }
}

async function show(name, made) {
  try {
    const page = await made();
    if (view() === name) part.main.replaceChildren(page);
  } catch (error) {
    failed(error);
  }
}

/** `again` when the files are other ones. */
async function showKnowledge(again = false) {
  state.knowledge ||= new Knowledge();
  if (state.knowledge.element.parentNode !== part.main) part.main.replaceChildren(state.knowledge.element);
  try {
    await state.knowledge.show(location.hash, again);
  } catch (error) {
    failed(error);
  }
}

async function showDeliveries() {
  const again = () => { loadStatus(); showDeliveries(); };
  const choose = (which) => { state.outgoing = which; showDeliveries(); };
  await show('deliveries', () => deliveriesView(state.outgoing, choose, again));
}

// --- The list

function showList() {
  const tab = (name) => button({ className: 'tab', 'aria-pressed': String(state.tab === name), data: { tab: name } }, () => choose(name), say(name));
  const had = document.activeElement;
  const kept = had?.dataset?.case || (had?.dataset?.tab && `tab:${had.dataset.tab}`);
  part.listHead.replaceChildren(tab('queue'), tab('recent'));
  const sections = state.tab === 'queue' ? queueSections() : recentSection();
  const top = part.list.scrollTop;
  part.list.replaceChildren(...sections);
  part.list.scrollTop = top;
  if (kept && !part.side.contains(document.activeElement)) {
    (kept.startsWith('tab:') ? part.listHead.querySelector(`[data-tab="${CSS.escape(kept.slice(4))}"]`) : itemOf(kept))?.focus({ preventScroll: true });
  }
  tick();
}

function queueSections() {
  const queue = state.queue;
  if (!queue) return [make('p', { className: 'soft pad' }, say('connecting'))];
  const mine = queue.taken.filter((row) => row.agent === state.me), others = queue.taken.filter((row) => row.agent !== state.me);
  const sections = [section('waiting', queue.waiting), section('mine', mine), section('others', others)].filter(Boolean);
  if (!queue.waiting.length) sections.unshift(make('div', { className: 'empty small' }, make('b', {}, say('nobody')), make('p', {}, say('nobodyHint'))));
  const more = queue.total - queue.waiting.length;
  if (more > 0) sections.push(make('p', { className: 'soft pad' }, say('more', more)));
  return sections;
}

function recentSection() {
  if (!state.recent) return [make('p', { className: 'soft pad' }, say('connecting'))];
  if (!state.recent.length) return [make('div', { className: 'empty small' }, make('b', {}, say('nothing')))];
  return [make('ul', { 'aria-label': say('recent') }, state.recent.map(item))];
}

function section(word, rows) {
  if (!rows.length) return null;
  return make('section', { 'aria-label': say(word) }, make('h2', {}, say(word), make('span', { className: 'count' }, String(rows.length))), make('ul', {}, rows.map(item)));
}

function item(row) {
  const waits = row.state === 'queued';
  const since = row.handoff?.created_at || row.updated_at;
  const time = make('time', { className: 'age', dateTime: since, data: { since, ...(waits && row.deadline ? { due: row.deadline } : {}) } });
  const loud = row.handoff && (row.priority === 'urgent' || row.priority === 'high') ? make('span', { className: `chip ${row.priority}` }, sayOf('priority', row.priority)) : null;
  const small = [row.queue, row.handoff && sayOf('reason', row.handoff.reason), !waits && row.agent].filter(Boolean).join(' · ');
  return make('li', {}, button({ className: `item ${row.handoff ? row.priority : ''}`, data: { case: row.id }, 'aria-current': row.id === wanted() ? 'true' : null },
    () => { location.hash = `#/case/${encodeURIComponent(row.id)}`; },
    make('span', { className: 'top' }, make('span', { className: 'name' }, called(row.customer)),
      row.customer?.tier ? make('span', { className: 'chip' }, String(row.customer.tier)) : null, loud, time),
    row.last ? make('span', { className: 'last' }, wordsOf(row.last)) : null,
    make('span', { className: 'small' }, row.handoff ? small : `${sayOf('state', row.state)} · ${row.channel}`)));
}

const items = () => [...part.list.querySelectorAll('.item')];
const itemOf = (id) => part.list.querySelector(`.item[data-case="${CSS.escape(id)}"]`);

/** Lets the times go on. */
function tick() {
  for (const time of part.list.querySelectorAll('[data-since]')) {
    const since = Date.parse(time.dataset.since), late = time.dataset.due ? now() - Date.parse(time.dataset.due) : -1;
    const text = length(now() - since);
    if (time.textContent !== text) time.textContent = text;
    time.classList.toggle('late', late > 0);
    if (time.dataset.due) time.title = late > 0 ? say('overdue', length(late)) : `${say('due')} ${instant(time.dataset.due)}`;
  }
}

function choose(name) {
  state.tab = name;
  showList();
  if (name === 'recent') loadRecent();
}

// --- The case

function showCase() {
  const id = wanted();
  for (const each of items()) {
    if (each.dataset.case === id) each.setAttribute('aria-current', 'true'); else each.removeAttribute('aria-current');
  }
  if (!id) {
    state.open = null;
    part.stage.replaceChildren(make('div', { className: 'empty' }, make('b', {}, say('pick')), make('p', {}, say('pickHint'))));
    return;
  }
  if (state.open?.id === id) {
    if (!state.open.element.isConnected) part.stage.replaceChildren(state.open.element);
    return;
  }
  const open = new Case(id, { me: () => state.me, changed: () => soon('queue', loadQueue), leave });
  state.open = open;
  part.stage.replaceChildren(open.element);
  open.load().then(() => state.open === open && open.name.focus({ preventScroll: true }), (error) => {
    if (state.open !== open) return;
    if (error instanceof Refused && error.status === 404) part.stage.replaceChildren(make('div', { className: 'empty' }, make('b', {}, say('gone'))));
    failed(error);
  });
}

function leave() {
  const id = wanted();
  location.hash = '#/cases';
  // At once, so that the next key finds the list; `hashchange` comes later and changes nothing more.
  showView();
  (id && itemOf(id) ? itemOf(id) : items()[0])?.focus();
}

// --- What the daemon says

const timers = {};
/** Does it once for several reasons. */
function soon(name, what) {
  if (timers[name]) return;
  timers[name] = setTimeout(() => { timers[name] = null; what(); }, CALM);
}

async function loadQueue() {
  try {
    const queue = await ask('/v1/queue');
    serverClock(queue.now);
    state.me = queue.agent;
    part.me.textContent = state.me;
    tellNew(queue);
    state.queue = queue;
    showNav();
    if (view() === 'cases' && state.tab === 'queue') showList();
  } catch (error) { failed(error); }
}

/** New cases are said aloud to a screen reader. */
function tellNew(queue) {
  const ids = new Set(queue.waiting.map((row) => row.handoff?.id));
  const fresh = state.known ? queue.waiting.filter((row) => !state.known.has(row.handoff?.id)) : [];
  if (fresh.length) announce(say('newCase', called(fresh[0].customer)));
  state.known = ids;
}

async function loadRecent() {
  try {
    state.recent = (await ask('/v1/conversations?limit=50')).conversations;
    if (view() === 'cases' && state.tab === 'recent') showList();
  } catch (error) { failed(error); }
}

async function loadStatus() {
  try {
    state.status = await ask('/v1/status');
    showNav();
    if (view() === 'shop') showView();
  } catch (error) { failed(error); }
}

function loadAll() {
  loadQueue();
  loadStatus();
  if (state.tab === 'recent') loadRecent();
  state.open?.load().catch(failed);
  if (view() === 'deliveries') showDeliveries();
  if (view() === 'knowledge') showKnowledge(true);
}

function heard(name, data) {
  if (name === 'resync') { loadAll(); return; }
  if (name === 'pilot') { loadStatus(); return; }
  if (name === 'mode') { soon('status', loadStatus); return; }
  if (name === 'files') { loadStatus(); if (view() === 'knowledge') showKnowledge(true); return; }
  const id = data.conversation;
  const inList = (list) => list?.some((row) => row.id === id);
  if (name === 'queue' || inList(state.queue?.waiting) || inList(state.queue?.taken)) soon('queue', loadQueue);
  if (state.tab === 'recent') soon('recent', loadRecent);
  if (state.open?.id === id) soon('case', () => state.open?.load().catch(failed));
}

function failed(error) {
  if (error instanceof Refused && (error.status === 401 || error.status === 403)) signOut(error);
  else if (error instanceof Refused && error.status !== 404) toast(error.message);
}

// --- Who is here

function signOut(error) {
  const had = signedIn();
  keepToken(null);
  if (error instanceof Refused) signIn(error.code === 'local_only' ? say('localOnly') : had ? say('badToken') : '');
  else location.reload();
}

function signIn(problem) {
  stopped = true;
  document.documentElement.lang = locale();
  const field = make('input', { type: 'password', id: 'token', autocomplete: 'current-password', required: true, spellcheck: false });
  const form = make('form', { className: 'sign' }, make('span', { className: 'brand' }, 'nightdesk'), make('h1', {}, say('title')),
    make('label', { htmlFor: 'token' }, say('token')), field, make('p', { className: 'soft' }, say('signInHint')),
    make('p', { className: 'bad', role: 'alert' }, problem || ''), make('button', { type: 'submit', className: 'main' }, say('signIn')),
    button({ className: 'plain small' }, () => { switchLanguage(); signIn(problem ? say('badToken') : ''); }, say('language')));
  form.addEventListener('submit', (event) => { event.preventDefault(); keepToken(field.value.trim()); start(); });
  byId('app').replaceChildren(form);
  field.focus();
}

let stopped = true, listening = false;

async function start() {
  try {
    state.status = await ask('/v1/status');
  } catch (error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) { signOut(error); return; }
    byId('app').replaceChildren(make('div', { className: 'empty' }, make('b', {}, say('noServer'))));
    setTimeout(start, 3000);
    return;
  }
  stopped = false;
  serverClock(state.status.now);
  state.me = state.status.agent;
  frame();
  showAll();
  loadQueue();
  if (listening) return;
  listening = true;
  let away = false;
  listen({
    heard,
    state: (line) => {
      state.line = line;
      if (!stopped) showLine();
      if (line === 'lost') away = true;
      // What the stream cannot know of, such as files, may have changed meanwhile too.
      else if (away) { away = false; loadAll(); } else loadQueue();
    },
    refused: () => { listening = false; if (!stopped) failed(new Refused(401, {})); },
  });
}

setInterval(() => { if (!stopped && !document.hidden) loadStatus(); }, POLL);
setInterval(() => { if (!stopped && view() === 'cases') tick(); }, 1000);
document.addEventListener('visibilitychange', () => { if (!stopped && !document.hidden) loadAll(); });
addEventListener('hashchange', () => { if (!stopped) { showNav(); showView(); } });

// --- Keyboard

const KEYS = [
  ['j / k', 'kMove'], ['Enter', 'kOpen'], ['t', 'take'], ['r', 'reply'], ['b', 'giveBack'], ['x', 'kTransfer'], ['c', 'close'], ['Esc', 'kLeave'],
  ['Alt+1…5', 'kInsert'], ['q', 'kRecent'], ['1 2 3 4 5', 'kViews'], ['?', 'kHelp'],
];

function help() {
  if (document.querySelector('dialog[open]')) return;
  const rows = KEYS.map(([keys, word]) => make('tr', {}, make('th', { scope: 'row' }, keys.split(/ \/ | /).flatMap((each, at) => [at ? ' ' : '', make('kbd', {}, each)])), make('td', {}, say(word))));
  const dialog = make('dialog', { className: 'help', 'aria-label': say('help') }, make('h2', {}, say('help')), make('table', {}, make('tbody', {}, rows)),
    make('div', { className: 'row end' }, button({ className: 'main', autofocus: true }, () => dialog.close(), 'OK')));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** From the focused case, or the open one, to the next or the one before. */
function move(by) {
  const all = items();
  if (!all.length) return;
  const focused = all.indexOf(document.activeElement), open = all.findIndex((each) => each.dataset.case === wanted());
  const from = focused >= 0 ? focused : open;
  all[Math.min(all.length - 1, Math.max(0, from < 0 ? 0 : from + by))].focus();
}

document.addEventListener('keydown', (event) => {
  if (stopped || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName || '')) return;
  const cases = view() === 'cases', open = cases ? state.open : null;
  const does = {
    '?': help, 1: () => { location.hash = '#/cases'; }, 2: () => { location.hash = '#/deliveries'; }, 3: () => { location.hash = '#/unmatched'; },
    4: () => { location.hash = '#/knowledge'; }, 5: () => { location.hash = '#/shop'; },
    ...(cases ? { j: () => move(1), k: () => move(-1), q: () => choose(state.tab === 'queue' ? 'recent' : 'queue') } : {}),
    ...(open ? { t: () => open.act('take'), b: () => open.act('return'), x: () => open.act('transfer'), c: () => open.act('close'), r: () => open.input.focus(), Escape: leave } : {}),
  }[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

start();
