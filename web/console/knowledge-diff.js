/** What the rule set in use changed against the one before it. Lines say by a sign, a word for screen readers and a colour what became of them. */

import { make } from './dom.js';
import { entryLink } from './knowledge-parts.js';
import { ask } from './link.js';
import { instant, say, sayOf } from './words.js';

export async function changesView() {
  const got = await ask('/v1/knowledge/diff');
  const set = (word, which) => [make('dt', {}, say(word)), make('dd', {}, make('code', {}, which.rule_set), ' ',
    make('span', { className: 'soft' }, [which.since && say('sinceWhen', instant(which.since)), which.by, which.note].filter(Boolean).join(' · ')))];
  if (!got.before) {
    return make('div', { className: 'empty' }, make('b', {}, say('nothingBefore')), make('p', {}, say('nothingBeforeHint')), make('p', {}, make('code', {}, got.now.rule_set)));
  }
  const entries = ['Added', 'Changed', 'Removed'].map((word) => [word, got.entries[word.toLowerCase()]]).filter(([, ids]) => ids.length).flatMap(([word, ids]) => [
    make('dt', {}, say(`entries${word}`)),
    make('dd', {}, ids.flatMap((id) => [word === 'Removed' ? make('del', {}, id) : entryLink(id), ' ']))]);
  return make('div', { className: 'lines' },
    make('section', { className: 'card' }, make('dl', {}, set('nowIs', got.now), set('beforeIs', got.before), entries), make('p', { className: 'soft hint-line' }, make('code', {}, say('rollbackHint')))),
    got.files.length ? null : make('div', { className: 'empty' }, make('b', {}, say('noDifference'))),
    got.files.map(file), got.cut ? make('p', { className: 'soft pad' }, say('cutDiff')) : null);
}

function file(changed) {
  return make('section', { className: 'card' },
    make('h2', {}, changed.file, ' ', make('span', { className: `chip ${changed.state === 'removed' ? 'high' : 'good'}` }, sayOf('file', changed.state))),
    changed.hides ? make('p', { className: 'soft' }, say('hidesSome')) : null,
    changed.hunks.map((lines) => make('pre', { className: 'diff' }, lines.map(line))));
}

function line({ sign, old, new: now, text }) {
  const kind = { '+': 'ins', '-': 'del' }[sign];
  const word = sign === '+' ? say('addedLine') : sign === '-' ? say('removedLine') : '';
  return make(kind || 'span', { className: 'src' }, make('i', { 'aria-hidden': 'true' }, String(now ?? old)), make('b', { 'aria-hidden': 'true' }, sign),
    word ? make('span', { className: 'sr' }, `${word} `) : null, `${text}\n`);
}
