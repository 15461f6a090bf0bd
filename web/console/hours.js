/** Opening hours by a person's word: a schedule open or closed until a time. */

import { button, make, now, toast } from './dom.js';
import { Refused, ask } from './link.js';
import { instant, say } from './words.js';

/** What the field of a form shows: the browser's own time, to the minute. */
export function local(ms) {
  const date = new Date(ms), two = (n) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Asks until when, and sets it; `again` shows the state anew. */
function set(schedule, open, again) {
  const until = make('input', { type: 'datetime-local', required: true, value: local(now() + 3_600_000), min: local(now()), id: 'until' });
  const word = say(open ? 'openUntil' : 'closeUntil', schedule);
  const dialog = make('dialog', { className: 'ask', 'aria-label': word });
  const form = make('form', {},
    make('p', {}, word), make('label', { htmlFor: 'until' }, say('untilWhen')), until,
    make('p', { className: 'soft' }, say(open ? 'openUntilHint' : 'closeUntilHint')),
    make('div', { className: 'row end' },
      button({ className: 'plain' }, () => dialog.close(), say('cancel')), make('button', { type: 'submit', className: 'main' }, say('set'))));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await does(`/v1/hours/${encodeURIComponent(schedule)}`, { open, until: new Date(until.value).toISOString() }, say('hoursSet'));
    dialog.close();
    again();
  });
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function does(path, body, word) {
  try {
    await ask(path, body);
    toast(word, 'good');
  } catch (error) {
    toast(say('failed', error instanceof Refused ? error.message : say('noServer')));
  }
}

/** One line for each schedule that queues have. */
export function hoursLines(queues, again) {
  const schedules = new Map(queues.map((queue) => [queue.hours, queue]));
  return [...schedules].map(([schedule, queue]) => {
    const { forced } = queue;
    const back = async () => { await does(`/v1/hours/${encodeURIComponent(schedule)}/release`, {}, say('hoursBack')); again(); };
    const said = forced && say(forced.open ? 'forcedOpen' : 'forcedShut', instant(forced.until));
    return make('li', { className: 'schedule', data: { schedule } },
      make('div', { className: 'grow' }, make('b', {}, schedule), ' ',
        make('span', { className: `chip ${queue.open ? 'good' : 'quiet'}` }, say(queue.open ? 'open' : 'shut')),
        forced ? make('p', { className: 'soft' }, `${said} · ${forced.set_by}`) : null),
      make('div', { className: 'row' },
        forced ? button({ className: 'plain' }, back, say('asPlanned')) : null,
        button({ className: 'plain' }, () => set(schedule, true, again), say('openNow')),
        button({ className: 'plain risky' }, () => set(schedule, false, again), say('closeNow'))));
  });
}
