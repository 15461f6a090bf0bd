/** Giving a case away: back to the bot with a summary, or to another queue with a note. */

import { button, make } from './dom.js';
import { ask } from './link.js';
import { say } from './words.js';

/** Asks in a dialog; the values of its fields, or null if it was left. */
function asked(title, fields, yes) {
  return new Promise((resolve) => {
    let values = null;
    const dialog = make('dialog', { className: 'ask', 'aria-label': title });
    const form = make('form', {}, make('p', {}, title), ...fields,
      make('div', { className: 'row end' }, button({ className: 'plain' }, () => dialog.close(), say('cancel')), make('button', { type: 'submit', className: 'main' }, yes)));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      values = Object.fromEntries(new FormData(form));
      dialog.close();
    });
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    dialog.append(form);
    dialog.addEventListener('close', () => { dialog.remove(); resolve(values); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const words = (name, label) => [make('label', { htmlFor: `pass-${name}` }, label),
  make('textarea', { id: `pass-${name}`, name, rows: 3, maxLength: 2000 })];

/** What is said when it goes back to the bot; null to leave it. */
export const summary = () => asked(say('giveBackSure'), words('summary', say('summary')), say('giveBack'));

/** Which queue, and what is said to it; null to leave it. */
export async function elsewhere(queue) {
  const { queues } = await ask('/v1/status');
  const options = queues.filter((each) => each.queue !== queue)
    .map((each) => make('option', { value: each.queue }, `${each.queue} · ${say(each.open ? 'open' : 'shut')}`));
  return asked(say('transferTo'), [make('label', { htmlFor: 'pass-queue' }, say('queue')),
    make('select', { id: 'pass-queue', name: 'queue', required: true }, options), ...words('note', say('noteFor'))], say('transfer'));
}
