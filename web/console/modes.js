/** Special modes by a person's word: on until a time, or off. */

import { button, make, now, toast } from './dom.js';
import { local } from './hours.js';
import { Refused, ask } from './link.js';
import { instant, say, sayOf } from './words.js';

async function does(mode, body, word) {
  try {
    await ask(`/v1/modes/${mode}`, body);
    toast(word, 'good');
  } catch (error) {
    toast(say('failed', error instanceof Refused ? error.message : say('noServer')));
  }
}

/** Asks until when and why, and switches it on; `again` shows the state anew. */
function on(mode, again) {
  const until = make('input', { type: 'datetime-local', required: true, value: local(now() + 2 * 3_600_000), min: local(now()), id: 'until' });
  const note = make('input', { type: 'text', maxLength: 200, id: 'note' });
  const word = say('modeFrom', sayOf('mode', mode.mode));
  const dialog = make('dialog', { className: 'ask', 'aria-label': word });
  const form = make('form', {},
    make('p', {}, word), make('p', { className: 'soft' }, sayOf('modeHint', mode.mode)),
    mode.told ? null : make('p', { className: 'bad' }, say('modeUntold', mode.mode)),
    make('label', { htmlFor: 'until' }, say('untilWhen')), until,
    make('label', { htmlFor: 'note' }, say('modeNote')), note,
    make('div', { className: 'row end' },
      button({ className: 'plain' }, () => dialog.close(), say('cancel')), make('button', { type: 'submit', className: 'main' }, say('switchOn'))));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await does(mode.mode, { on: true, until: new Date(until.value).toISOString(), note: note.value }, say('hoursSet'));
    dialog.close();
    again();
  });
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** One line for each mode. */
export function modeLines(modes, again) {
  return modes.map((mode) => {
    const { running } = mode;
    const off = async () => { await does(mode.mode, { on: false }, say('modeOver')); again(); };
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
