/** One case: its transcript with what the bot decided and why, what is known of the customer, and what a person does with it. */

import { announce, button, confirmed, key, make, toast } from './dom.js';
import { Refused, ask, freshId, query } from './link.js';
import { elsewhere, summary } from './pass.js';
import { Wording } from './wording.js';
import { instant, say, sayOf } from './words.js';

/** What a customer is called. */
export function called(customer) {
  const id = String(customer?.id || '');
  return customer?.name ? String(customer.name) : say('guest', id.replace(/^v_/, '').slice(0, 8));
}

/** The words of a message, or what stands for a picture or file. */
export function wordsOf(data) {
  const text = String(data?.text ?? '');
  if (text) return text;
  return data?.kind === 'image' ? say('image') : data?.kind === 'file' ? say('file') : say('noWords');
}

/** What is typed and not sent, by case, with the id that it is sent under: leaving a case loses nothing. */
const drafts = new Map();

/** A bar from 0 to 1; the figure stands beside it. */
function measure(score) {
  const bar = make('i', {});
  bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, Number(score) || 0)))}%`;
  return make('span', { className: 'measure', 'aria-hidden': 'true' }, bar);
}

const SEARCH_AFTER = 220; // milliseconds after the last key
const TELL_AGAIN = 4000; // milliseconds between two words to the customer that somebody writes

/** The view of one case. `me()` is the agent's name; `changed()` is called after an action. */
export class Case {
  constructor(id, { me, changed, leave }) {
    Object.assign(this, { id, me, changed, leave, row: null, shown: 0, stale: false, loading: null, searched: 0, offered: [] });
    this.build();
    this.draft = drafts.get(id)?.id || freshId();
    this.input.value = drafts.get(id)?.text || '';
  }

  build() {
    this.name = make('h2', { tabIndex: -1, id: 'case-name' });
    this.sub = make('p', { className: 'sub' });
    this.actions = make('div', { className: 'actions' });
    this.note = make('p', { className: 'note', hidden: true, role: 'status' });
    this.unfold = button({ className: 'plain unfold', 'aria-expanded': 'false' }, () => this.unfoldFacts(), say('details'));
    this.log = make('ol', { className: 'log', role: 'log', 'aria-label': say('transcript'), 'aria-live': 'off' });
    this.scroll = make('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': say('transcript') }, this.log);
    this.facts = make('aside', { className: 'facts', 'aria-label': say('details') });
    this.list = make('ul', {});
    this.suggestHead = make('h3', {});
    this.suggest = make('section', { className: 'suggest', hidden: true, 'aria-label': say('suggestions') }, this.suggestHead, this.list);
    this.input = make('textarea', { rows: 2, maxLength: 8000, 'aria-label': say('reply'), autocomplete: 'off', enterKeyHint: 'send' });
    this.go = make('button', { type: 'submit', className: 'main' }, say('send'));
    this.wording = new Wording({ input: this.input, changed: () => this.rewritten(), insist: () => this.send(true) });
    this.form = make('form', { className: 'write' }, this.wording.element, this.suggest,
      make('div', { className: 'row' }, this.input, this.go), make('p', { className: 'hint', 'aria-hidden': 'true' }, say('keyHint')));
    this.element = make('section', { className: 'case', 'aria-labelledby': 'case-name' },
      make('header', { className: 'head' },
        button({ className: 'plain back', 'aria-label': say('back') }, () => this.leave(), '←'),
        make('div', { className: 'who' }, this.name, this.sub), this.unfold, this.actions),
      this.note,
      make('div', { className: 'body' }, make('div', { className: 'talk' }, this.scroll, this.form), this.facts));
    this.form.addEventListener('submit', (event) => { event.preventDefault(); this.send(); });
    this.input.addEventListener('keydown', (event) => this.pressed(event));
    this.input.addEventListener('input', () => this.typed());
  }

  // --- What is shown

  /** Reads the case again; once more afterwards if something happened meanwhile. */
  async load() {
    if (this.loading) { this.stale = true; return this.loading; }
    this.loading = (async () => {
      do {
        this.stale = false;
        this.show(await ask(`/v1/conversations/${encodeURIComponent(this.id)}`));
      } while (this.stale);
    })().finally(() => { this.loading = null; });
    return this.loading;
  }

  show(row) {
    const first = !this.row;
    this.row = row;
    this.name.textContent = called(row.customer);
    this.sub.replaceChildren(...this.subtitle());
    // Words in a platform's own inbox are nobody's in particular.
    const held = row.state === 'human' && row.agent && row.agent !== 'page inbox' && row.agent !== this.me();
    this.note.hidden = !held;
    this.note.textContent = held ? say('hasIt', row.agent) : '';
    this.showActions(held);
    this.input.disabled = this.go.disabled = Boolean(held);
    this.input.placeholder = held ? say('hasIt', row.agent) : row.state === 'human' ? say('write') : say('writeTakes');
    this.showFacts();
    this.append(row.events || [], first);
    if (!held && !this.input.value && (first || this.lastAsked() !== this.searchedFor)) this.search();
  }

  subtitle() {
    const { row } = this;
    const parts = [make('span', { className: `chip state-${row.state}` }, sayOf('state', row.state))];
    if (row.handoff && (row.priority === 'urgent' || row.priority === 'high')) {
      parts.push(make('span', { className: `chip ${row.priority}` }, sayOf('priority', row.priority)));
    }
    const rest = [row.queue, row.agent].filter(Boolean).join(' · ');
    if (rest) parts.push(make('span', {}, rest));
    return parts;
  }

  showActions(held) {
    const { row } = this, list = [];
    const act = (name, word, letter, kind) => button({ className: kind, data: { act: name }, 'aria-keyshortcuts': letter },
      () => this.act(name), say(word), key(letter));
    if (row.state !== 'human') list.push(act('take', 'take', 't', 'main'));
    if (row.state === 'human' || row.state === 'queued') list.push(act('return', 'giveBack', 'b', 'plain'), act('transfer', 'transfer', 'x', 'plain'));
    if (row.state !== 'closed') list.push(act('close', 'close', 'c', 'plain'));
    const had = document.activeElement?.dataset?.act;
    this.actions.replaceChildren(...(held ? [] : list));
    if (had && this.actions.childElementCount) (this.actions.querySelector(`[data-act="${CSS.escape(had)}"]`) || this.actions.firstChild).focus();
  }

  showFacts() {
    const { row } = this, handoff = row.handoff;
    const facts = [
      ['customer', row.customer?.id], ['tier', row.customer?.tier],
      ...Object.entries(row.customer?.attributes || {}).slice(0, 20).map(([name, value]) => [null, value, name]),
      ...Object.entries(row.slots || {}).slice(0, 20).map(([name, value]) => [null, value, name]),
      ['channel', row.channel], ['lang', row.language], ['inQueue', row.queue],
      ['priority', handoff && sayOf('priority', row.priority)], ['reason', handoff && sayOf('reason', handoff.reason)],
      ['note', row.note && `${row.note.text} (${row.note.by}, ${instant(row.note.at)})`],
      ['agent', row.agent], ['since', row.created_at && instant(row.created_at)], ['case', row.id],
    ];
    const list = make('dl', {});
    for (const [word, value, name] of facts) {
      if (value === null || value === undefined || value === '') continue;
      list.append(make('dt', {}, word ? say(word) : name), make('dd', word === 'case' ? { className: 'id' } : {}, typeof value === 'object' ? JSON.stringify(value) : String(value)));
    }
    const tags = (row.tags || []).map((tag) => make('li', { className: 'chip' }, String(tag)));
    this.facts.replaceChildren(make('h3', {}, say('details')), list);
    if (tags.length) this.facts.append(make('h3', {}, say('tags')), make('ul', { className: 'tags' }, tags));
  }

  /** On narrow screens what is known of the customer is folded away. */
  unfoldFacts() {
    const open = this.element.classList.toggle('unfolded');
    this.unfold.setAttribute('aria-expanded', String(open));
  }

  /** Adds what is new; who was at the end stays there. */
  append(events, first) {
    const end = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 80;
    for (const event of events) {
      if (event.seq <= this.shown) continue;
      this.shown = event.seq;
      const line = event.type === 'message' ? this.message(event) : event.type === 'state' ? this.change(event) : null;
      if (!line) continue;
      this.log.append(line);
      if (event.data.rating) this.log.append(make('li', { className: 'change rating' }, `${say('rated', event.data.rating.score)} · ${instant(event.ts)}`));
      if (!first && event.data.role === 'visitor') announce(say('newMessage', wordsOf(event.data)));
    }
    if (end || first) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  message({ ts, data }) {
    const role = ['visitor', 'bot', 'human'].includes(data.role) ? data.role : 'system';
    const who = role === 'human' && data.agent ? String(data.agent) : say(role);
    return make('li', { className: `msg ${role}${data.kind === 'notice' ? ' notice' : ''}` },
      make('p', { className: 'by' }, make('b', {}, who), ' ', make('time', { dateTime: ts }, instant(ts)),
        role === 'bot' && data.rule ? make('code', {}, String(data.rule)) : null),
      make('p', { className: 'text', lang: '' }, wordsOf(data)),
      data.url ? make('p', { className: 'by url' }, String(data.url)) : null,
      data.options?.length ? make('p', { className: 'by' }, data.options.map((option) => make('span', { className: 'chip' }, String(option.label)))) : null,
      data.decision ? this.decision(data.decision) : null);
  }

  /** What was decided about a message, and why: one line, and more when it is opened. */
  decision(decision) {
    const percent = (score) => (typeof score === 'number' ? score.toFixed(2) : '');
    const line = [sayOf('outcome', decision.outcome), sayOf('reason', decision.reason), decision.rule, percent(decision.score)].filter(Boolean).join(' · ');
    const rows = (decision.candidates || []).map((candidate) => make('li', {}, make('code', {}, String(candidate.rule)), ' ',
      measure(candidate.score), ' ', percent(candidate.score)));
    const more = [
      decision.class && `${say('class')}: ${decision.class}`, decision.tags?.length && `${say('tags')}: ${decision.tags.join(', ')}`,
      decision.notices?.length && `${say('notices')}: ${decision.notices.join(', ')}`, decision.language && `${say('lang')}: ${decision.language}`,
    ].filter(Boolean);
    return make('details', { className: 'why' }, make('summary', {}, make('span', { className: 'sr' }, `${say('why')}: `), line),
      rows.length ? make('ol', { 'aria-label': say('candidates') }, rows) : make('p', {}, say('noCandidates')),
      more.length ? make('p', {}, more.join(' · ')) : null);
  }

  change({ ts, data }) {
    const what = data.state === 'human' ? say('event.human', data.agent || '') : data.state === 'queued' ? say('event.queued', data.queue || '') : sayOf('event', data.state);
    return make('li', { className: 'change' }, `${what} · ${instant(ts)}`);
  }

  // --- What is done

  /** One press does one thing: buttons are dead until it is answered. */
  async act(name) {
    if (!this.row || this.busy || !this.actions.querySelector(`[data-act="${name}"]`)) return;
    if (name === 'close' && !await confirmed(say('closeSure'), say('close'), say('cancel'))) return;
    let body = {};
    try {
      if (name === 'return') body = await summary();
      else if (name === 'transfer') body = await elsewhere(this.row.queue);
    } catch (error) { await this.refused(error, 'failed'); return; }
    if (!body) return;
    this.busy = true;
    for (const each of this.actions.children) each.disabled = true;
    try {
      await ask(`/v1/conversations/${encodeURIComponent(this.id)}/${name}`, body);
      announce(say({ take: 'taken', return: 'returned', close: 'closed', transfer: 'transferred' }[name]));
    } catch (error) {
      await this.refused(error, 'failed');
    }
    this.busy = false;
    await this.load().catch(() => {});
    if (name === 'take' && !this.input.disabled) this.input.focus();
    this.changed();
  }

  /** Says what was refused; where a colleague was faster, who. */
  async refused(error, word) {
    if (error instanceof Refused && error.code === 'conflict') {
      await this.load().catch(() => {});
      const other = this.row?.state === 'human' && this.row.agent !== this.me() ? this.row.agent : null;
      toast(other ? say('tookIt', other) : say(word, error.message));
    } else {
      toast(say(word, error instanceof Refused ? error.message : say('noServer')));
    }
  }

  /** Sends what is typed; `insist` sends what was held back for its wording. */
  async send(insist = false) {
    const text = this.input.value.trim();
    if (!text || this.sending || this.input.disabled) return;
    this.sending = this.go.disabled = true;
    try {
      // The same id until it is answered: what is sent again out of doubt is said once.
      const anyway = insist && this.wording.held === text;
      const said = await ask(`/v1/conversations/${encodeURIComponent(this.id)}/messages`, { text, id: this.draft, anyway });
      this.wording.hide();
      if (said.wording?.length && !anyway) toast(say('wordingSent', said.wording.map((each) => each.phrase).join(' · ')));
      if (this.input.value.trim() === text) this.input.value = '';
      this.rewritten();
      this.showSuggestions([]);
      this.searchedFor = this.lastAsked();
    } catch (error) {
      if (error instanceof Refused && error.code === 'wording') {
        clearTimeout(this.timer);
        this.showSuggestions([]);
        this.wording.show(text, error.problem.wording || [], error.problem.anyway === true);
      } else {
        await this.refused(error, 'unsent');
      }
    }
    this.sending = this.go.disabled = false;
    await this.load().catch(() => {});
    this.changed();
  }

  pressed(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.altKey && /^Digit[1-5]$/.test(event.code)) {
      const entry = this.offered[Number(event.code.slice(5)) - 1];
      if (entry) { event.preventDefault(); this.insert(entry); }
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      if (this.suggest.hidden) this.name.focus(); else this.showSuggestions([]);
    }
  }

  // --- Suggested answers

  lastAsked() {
    const events = this.row?.events || [];
    for (let at = events.length - 1; at >= 0; at -= 1) {
      if (events[at].type === 'message' && events[at].data.role === 'visitor') return String(events[at].data.text || '');
    }
    return '';
  }

  /** Other words are another message. */
  rewritten() {
    const text = this.input.value;
    this.draft = freshId();
    if (text) drafts.set(this.id, { text, id: this.draft }); else drafts.delete(this.id);
  }

  /** The customer sees that somebody writes; not with every key. */
  writing() {
    const now = Date.now();
    if (this.row?.state !== 'human' || !this.input.value || now - (this.told || 0) < TELL_AGAIN) return;
    this.told = now;
    ask(`/v1/conversations/${encodeURIComponent(this.id)}/typing`, {}).catch(() => {}); // it is only a courtesy
  }

  typed() {
    if (this.sending) return;
    this.rewritten();
    this.writing();
    this.wording.typed();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.search(), SEARCH_AFTER);
  }

  async search() {
    const typed = this.input.value.trim(), text = (typed || this.lastAsked()).slice(0, 300);
    const number = this.searched += 1;
    if (!typed) this.searchedFor = this.lastAsked();
    if (!text) { this.showSuggestions([]); return; }
    try {
      const { entries } = await ask(`/v1/search?${query({ text, conversation: this.id })}`);
      // An older answer that comes late is not wanted, nor one to words that have been sent.
      if (number === this.searched && this.input.value.trim() === typed) this.showSuggestions(entries, !typed);
    } catch { /* the console works without */ }
  }

  showSuggestions(entries, ofCustomer) {
    this.searched += entries.length ? 0 : 1;
    this.offered = entries;
    this.suggest.hidden = !entries.length;
    this.suggestHead.textContent = ofCustomer ? `${say('suggestions')} · ${say('suggestionsFor')}` : say('suggestions');
    this.list.replaceChildren(...entries.map((entry, at) => make('li', {},
      button({ 'aria-label': say('insert', entry.title), title: entry.answer }, () => this.insert(entry),
        make('span', { className: 'nr', 'aria-hidden': 'true' }, String(at + 1)),
        make('span', { className: 'title' }, entry.title), make('span', { className: 'answer' }, entry.answer)))));
  }

  insert(entry) {
    this.input.value = entry.answer;
    this.rewritten();
    this.wording.typed();
    this.showSuggestions([]);
    this.input.focus();
    this.input.setSelectionRange(entry.answer.length, entry.answer.length);
  }
}
