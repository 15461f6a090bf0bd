/** Special modes by a person's word: on until a time, or off. */

import { button, make } from './dom.js';
import { askUntil, does } from './until.js';
import { instant, say, sayOf } from './words.js';

const path = (mode) => `/v1/modes/${mode.mode}`;

/** Asks until when and why, and switches it on; `again` shows the state anew. */
function on(mode, again) {
  const note = make('input', { type: 'text', maxLength: 200, id: 'note' });
  askUntil({
    word: say('modeFrom', sayOf('mode', mode.mode)), hours: 2, submit: say('switchOn'), path: path(mode), again,
    before: [make('p', { className: 'soft' }, sayOf('modeHint', mode.mode)),
      mode.told ? null : make('p', { className: 'bad' }, say('modeUntold', mode.mode))],
    after: [make('label', { htmlFor: 'note' }, say('modeNote')), note],
    body: (until) => ({ on: true, until, note: note.value }),
  });
}

/** One line for each mode. */
export function modeLines(modes, again) {
  return modes.map((mode) => {
    const { running } = mode;
    const off = async () => { await does(path(mode), { on: false }, say('modeOver')); again(); };
    const who = running && [say('modeUntil', instant(running.until)), running.by, running.note].filter(Boolean).join(' · ');
    const planned = !running && mode.next ? say('modePlanned', instant(mode.next)) : '';
    return make('li', { className: 'schedule', data: { mode: mode.mode } },
      make('div', { className: 'grow' }, make('b', {}, sayOf('mode', mode.mode)), ' ',
        make('span', { className: `chip ${running ? 'urgent' : 'quiet'}` }, say(running ? 'modeOn' : 'modeOff')),
        make('p', { className: 'soft' }, who || planned || sayOf('modeHint', mode.mode))),
      make('div', { className: 'row' },
        running ? button({ className: 'plain' }, off, say('switchOff')) : null,
        button({ className: running ? 'plain' : 'plain risky' }, () => on(mode, again), say(running ? 'switchLonger' : 'switchOnAsk'))));
  });
}
