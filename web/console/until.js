/** What a person switches for a while: asked until when, sent, and told whether it was done. */

import { button, make, now, toast } from './dom.js';
import { Refused, ask } from './link.js';
import { say } from './words.js';

/** What the field of a form shows: the browser's own time, to the minute. */
function local(ms) {
  const date = new Date(ms), two = (n) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Sends it, and says `word` when it was done. */
export async function does(path, body, word) {
  try {
    await ask(path, body);
    toast(word, 'good');
  } catch (error) {
    toast(say('failed', error instanceof Refused ? error.message : say('noServer')));
  }
}

/**
 * Asks until when, in so many hours if nobody says otherwise, and sends what `body` makes of it to `path`; `again` shows the state anew.
 * `before` and `after` stand above and below the question.
 */
export function askUntil({ word, hours, before = [], after = [], submit, path, body, again }) {
  const until = make('input', { type: 'datetime-local', required: true, value: local(now() + hours * 3_600_000), min: local(now()), id: 'until' });
  const dialog = make('dialog', { className: 'ask', 'aria-label': word });
  const form = make('form', {},
    make('p', {}, word), before, make('label', { htmlFor: 'until' }, say('untilWhen')), until, after,
    make('div', { className: 'row end' },
      button({ className: 'plain' }, () => dialog.close(), say('cancel')), make('button', { type: 'submit', className: 'main' }, submit)));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await does(path, body(new Date(until.value).toISOString()), say('hoursSet'));
    dialog.close();
    again();
  });
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
