/** Opening hours by a person's word: a schedule open or closed until a time. */

import { button, make } from './dom.js';
import { askUntil, does } from './until.js';
import { instant, say } from './words.js';

const path = (schedule) => `/v1/hours/${encodeURIComponent(schedule)}`;

/** Asks until when, and sets it; `again` shows the state anew. */
function set(schedule, open, again) {
  askUntil({
    word: say(open ? 'openUntil' : 'closeUntil', schedule), hours: 1, submit: say('set'), path: path(schedule), again,
    after: [make('p', { className: 'soft' }, say(open ? 'openUntilHint' : 'closeUntilHint'))],
    body: (until) => ({ open, until }),
  });
}

/** One line for each schedule that queues have. */
export function hoursLines(queues, again) {
  const schedules = new Map(queues.map((queue) => [queue.hours, queue]));
  return [...schedules].map(([schedule, queue]) => {
    const { forced } = queue;
    const back = async () => { await does(`${path(schedule)}/release`, {}, say('hoursBack')); again(); };
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
