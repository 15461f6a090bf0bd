/**
 * The shop's knowledge, to read and to try: entries with their hits, a message tried, findings, the last change.
 *
 * It changes nothing: the files are the source. What files and customers say is text, never markup.
 */

import './knowledge-words.js';
import { announce, button, make } from './dom.js';
import { Refused, ask, query } from './link.js';
import { changesView } from './knowledge-diff.js';
import { findingList, findingsView } from './knowledge-findings.js';
import { chip, entryLink, inMine } from './knowledge-parts.js';
import { tryView } from './knowledge-try.js';
import { instant, say } from './words.js';

const CALM = 150; // several keys at once are one search
const STEP = 100; // entries that are shown at once
const PARTS = { '': 'kEntries', try: 'kTry', findings: 'kFindings', diff: 'kDiff' };
const SORTS = ['hits', 'week', 'last', 'id', 'category', 'review', 'file'];

/** The whole page; it lives as long as the console, so that what was typed stays. */
export class Knowledge {
  constructor() {
    this.wanted = { find: '', only: 'all', sort: 'hits', reverse: false, limit: STEP };
    this.asked = 0;
    this.frame();
  }

  frame() {
    this.tabs = make('nav', { className: 'tabs know-tabs', 'aria-label': say('knowledge') });
    this.body = make('div', { className: 'know-body' });
    this.element = make('div', { className: 'page know' }, make('h1', { className: 'sr' }, say('knowledge')), this.tabs, this.body);
    this.list = this.trial = null;
  }

  /** Shows what the address says; again when the files are other ones. */
  async show(hash, again = false) {
    const [, , part = '', id] = hash.split('/');
    const key = `${part}/${id || ''}`;
    const links = Object.entries(PARTS).map(([name, word]) => make('a', { className: 'tab', href: name ? `#/knowledge/${name}` : '#/knowledge',
      'aria-current': name === part || (part === 'entry' && !name) ? 'page' : null }, say(word)));
    this.tabs.replaceChildren(...links);
    const fresh = this.key !== key || !this.body.firstChild;
    if (!fresh && !again) return;
    this.key = key;
    if (part === 'entry' && id) await this.fill(key, () => this.entry(decodeURIComponent(id)));
    else if (part === 'try') this.showTrial(again);
    else if (part === 'findings') await this.fill(key, findingsView);
    else if (part === 'diff') await this.fill(key, changesView);
    else await this.showList(fresh);
  }

  /** Puts a part there once it has come, if it is still wanted. */
  async fill(key, made) {
    let part;
    try {
      part = await made();
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 401 || error.status === 403) throw error;
      part = make('div', { className: 'empty' }, make('b', {}, error.message), make('a', { href: '#/knowledge' }, say('backToList')));
    }
    if (this.key === key) this.body.replaceChildren(part);
  }

  showTrial(again) {
    this.trial ||= tryView();
    if (this.body.firstChild !== this.trial.element) this.body.replaceChildren(this.trial.element);
    this.trial.begin();
    if (again) this.trial.again();
  }

  // --- The list

  async showList(fresh) {
    this.list ||= this.listFrame();
    if (fresh) this.body.replaceChildren(this.list.element);
    await this.load();
  }

  listFrame() {
    const search = make('input', { type: 'search', className: 'search', placeholder: say('find'), 'aria-label': say('find'), value: this.wanted.find, maxLength: 120, spellcheck: false });
    let timer;
    search.addEventListener('input', () => {
      this.wanted.find = search.value;
      this.wanted.limit = STEP;
      clearTimeout(timer);
      timer = setTimeout(() => this.load(), CALM);
    });
    const only = make('div', { className: 'tabs', role: 'group', 'aria-label': say('kEntries') });
    const sort = make('select', { 'aria-label': say('sortBy'), className: 'sort' }, SORTS.map((name) => make('option', { value: name }, say(`sort.${name}`))));
    sort.addEventListener('change', () => this.order(sort.value, false));
    const rows = make('div', { className: 'card wide know-list' });
    const note = make('p', { className: 'soft note-line' });
    return { search, only, sort, rows, note,
      element: make('div', { className: 'lines' }, make('div', { className: 'row know-find' }, search, only, sort), rows, note) };
  }

  order(sort, reverse) {
    Object.assign(this.wanted, { sort, reverse });
    this.load();
  }

  async load() {
    const asked = ++this.asked, list = this.list;
    const { find, only, sort, reverse, limit } = this.wanted;
    const got = await ask(`/v1/knowledge?${query({ find, only, sort, reverse: reverse ? 'true' : '', limit: String(Math.min(limit, 500)) })}`);
    // A slower answer to what was typed before is not shown.
    if (asked !== this.asked || list !== this.list) return;
    const count = { all: got.total, unused: got.unused, overdue: got.overdue, pilots: got.pilots };
    const focused = document.activeElement?.dataset?.keep;
    list.only.replaceChildren(...['all', 'unused', 'overdue', ...(got.pilots || only === 'pilots' ? ['pilots'] : [])].map((name) => button(
      { className: 'tab', 'aria-pressed': String(only === name), data: { keep: `only-${name}` } },
      () => { Object.assign(this.wanted, { only: name, limit: STEP }); this.load(); }, say(`only.${name}`), make('span', { className: 'count' }, String(count[name])))));
    list.sort.value = sort;
    list.rows.replaceChildren(...(got.entries.length ? this.table(got) : [make('div', { className: 'empty' }, make('b', {}, say('noneFound')), make('p', {}, say('noneFoundHint')))]));
    list.note.replaceChildren(say('countedSince', instant(got.counted_since)), ' ', say('readOnly'));
    if (focused) list.element.querySelector(`[data-keep="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    if (find) announce(`${got.found} / ${got.total}`);
  }

  table(got) {
    const { sort, reverse } = this.wanted;
    const head = (name, kind) => make('th', { scope: 'col', className: kind, 'aria-sort': sort === name ? (reverse === (name === 'id' || name === 'category' || name === 'review' || name === 'file') ? 'descending' : 'ascending') : null },
      button({ className: 'by', data: { keep: `sort-${name}` } }, () => this.order(name, sort === name && !reverse), say(`sort.${name}`),
        make('span', { 'aria-hidden': 'true' }, sort === name ? (reverse ? ' ↑' : ' ↓') : '')));
    const table = make('table', { className: 'entries' },
      make('thead', {}, make('tr', {}, head('id'), head('category', 'minor'), head('hits', 'num'), head('week', 'num'), head('last', 'minor'), head('review', 'minor'), head('file', 'minor'))),
      make('tbody', {}, got.entries.map(entryRow)));
    const left = got.found - got.entries.length;
    if (left <= 0 || got.entries.length >= 500) return [table];
    const more = () => { this.wanted.limit += STEP; this.load(); };
    return [table, make('div', { className: 'pad' }, button({ className: 'plain', data: { keep: 'more' } }, more, say('moreEntries', Math.min(STEP, left))))];
  }

  // --- One entry

  async entry(id) {
    const got = await ask(`/v1/knowledge/entry/${encodeURIComponent(id)}`);
    const part = (word, items) => (items.length ? [make('h3', {}, say(word)), make('ul', { className: 'said' }, items.map((item) => make('li', {}, item)))] : []);
    const replies = (list) => list.map(texts);
    const facts = [
      [say('hitsMonth'), String(got.hits.month)], [say('hitsWeek'), String(got.hits.week)],
      [say('sort.last'), got.hits.last ? instant(got.hits.last) : say('never')], [say('subject'), got.category || got.class],
      [say('priorityOf'), String(got.priority)], [say('review'), got.review_by], [say('source'), got.file ? `${got.file}:${got.line}` : null],
    ].filter(([, value]) => value).flatMap(([word, value]) => [make('dt', {}, word), make('dd', { className: 'num' }, value)]);
    const flags = [
      got.looks_up && say('looksUp'), got.channels.length && say('onlyChannels', got.channels.join(', ')), got.from && say('validFrom', got.from), got.until && say('validUntil', got.until),
      got.replaces && say('replacesIt', got.replaces), got.handoff && say('handsTo', got.handoff.queue || say('byRoute')),
    ].filter(Boolean);
    const branches = got.branches.flatMap((branch) => [make('p', { className: 'soft' }, branch.if ? say('branch', branch.if) : say('otherwise')), ...replies(branch.replies)]);
    const source = got.source
      ? make('pre', { className: 'source' }, got.source.map((line, at) => make('span', { className: 'src' }, make('i', { 'aria-hidden': 'true' }, String(got.line + at)), `${line}\n`)))
      : make('p', { className: 'soft' }, say('noSource'));
    const title = make('h2', { tabIndex: -1 }, inMine(got.title) || got.id);
    setTimeout(() => title.isConnected && title.focus({ preventScroll: true }));
    return make('div', { className: 'lines' },
      make('p', {}, make('a', { href: '#/knowledge' }, `← ${say('backToList')}`)),
      make('section', { className: 'card entry' }, title, make('p', {}, make('code', {}, got.id), ' ', chips(got)),
        flags.length ? make('p', { className: 'soft' }, flags.join(' · ')) : null, make('dl', { className: 'figures' }, facts)),
      got.findings.length ? make('section', { className: 'card' }, make('h2', {}, say('kFindings')), findingList(got.findings)) : null,
      make('div', { className: 'two' },
        make('section', { className: 'card' }, part('questions', got.questions), part('phrases', got.phrases), part('patterns', got.patterns.map((text) => make('code', {}, text))),
          part('conditions', got.conditions.map((text) => make('code', {}, text)))),
        make('section', { className: 'card' }, make('h3', {}, say('replies')), ...replies(got.replies), ...branches,
          ...part('asksFor', got.asks.map((each) => `${each.name}: ${inMine(each.ask)}`)),
          got.options.length ? make('h3', {}, say('optionsBelow')) : null, make('ul', { className: 'said' }, got.options.map((option) => make('li', {}, entryLink(option)))))),
      make('section', { className: 'card' }, make('h2', {}, say('source')), make('p', { className: 'soft' }, `${got.file || ''} · ${say('readOnly')}`), source));
  }
}

/** One reply in each of its languages. */
const texts = (reply) => make('dl', { className: 'reply' }, Object.entries(reply).flatMap(([code, text]) => [
  make('dt', {}, code || say('allLanguages')), make('dd', { lang: code || null }, text)]));

const chips = (row) => [
  row.kind === 'rule' ? chip('', say('ruleChip')) : null, row.urgent ? chip('urgent', say('urgentChip')) : null,
  row.pilot !== null ? chip('good', say('pilotChip', `${row.pilot} %`)) : null, row.expired ? chip('high', say('expiredChip')) : null,
  row.overdue ? chip('high', say('overdueChip')) : null, row.hits.last ? null : chip('', say('unusedChip')),
].filter(Boolean).flatMap((each) => [each, ' ']);

function entryRow(row) {
  const line = make('tr', {},
    make('th', { scope: 'row' }, entryLink(row.id, inMine(row.title) || row.id), ' ', chips(row), make('span', { className: 'id' }, row.id), make('span', { className: 'preview' }, inMine(row.reply))),
    make('td', { className: 'minor' }, row.category || ''), make('td', { className: 'num', data: { word: say('sort.hits') } }, String(row.hits.month)), make('td', { className: 'num', data: { word: say('sort.week') } }, String(row.hits.week)),
    make('td', { className: 'minor num' }, row.hits.last ? instant(row.hits.last) : say('never')), make('td', { className: 'minor num' }, row.review_by || ''),
    make('td', { className: 'minor id' }, row.file ? `${row.file}:${row.line}` : ''));
  line.addEventListener('click', (event) => { if (!event.target.closest('a') && !String(getSelection())) line.querySelector('a').click(); });
  return line;
}
