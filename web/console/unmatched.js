/** What customers asked today and nothing surely answered: what to write next. */

import { make } from './dom.js';
import { ask } from './link.js';
import { instant, say, sayOf } from './words.js';

export async function unmatchedView() {
  const { since, messages, cut } = await ask('/v1/unmatched');
  const lines = messages.map((line) => make('li', { className: 'card line' },
    make('div', { className: 'grow' },
      make('p', {}, make('b', {}, line.text)),
      make('p', { className: 'soft' }, sayOf('reason', line.reason), ' · ',
        line.nearest ? say('nearest', `${line.nearest} (${Number(line.score).toFixed(2)})`) : say('noCandidates'), ' · ',
        instant(line.last), ' · ', make('a', { href: `#/case/${encodeURIComponent(line.conversation)}` }, say('openCase')))),
    make('span', { className: 'chip quiet', title: say('timesAsked', line.count) }, `× ${line.count}`)));
  return make('div', { className: 'page' },
    make('h1', { className: 'sr' }, say('unmatched')),
    make('p', { className: 'soft pad' }, say('unmatchedHint', instant(since)), cut ? ` ${say('unmatchedCut')}` : ''),
    lines.length ? make('ul', { className: 'lines' }, lines)
      : make('div', { className: 'empty' }, make('b', {}, say('unmatchedNone'))));
}
