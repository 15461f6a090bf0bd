/** The shop behind the cases: who is there until when, which files are in use, and what could not be delivered. */

import { button, confirmed, make, now, toast } from './dom.js';
import { hoursLines } from './hours.js';
import { Refused, ask, query } from './link.js';
import { modeLines } from './modes.js';
import { instant, length, say } from './words.js';

const card = (title, ...children) => make('section', { className: 'card' }, make('h2', {}, title), ...children);
const chip = (kind, text) => make('span', { className: `chip ${kind}` }, text);
const age = (iso) => length(now() - Date.parse(iso));

/** The candidate: for whom it is, and whether it is in use. */
const candidateLine = ({ ok, share, error }) => make('div', {},
  make('p', {}, ok ? chip('good', say('inUse')) : chip('urgent', say('candidateBad')), ' ',
    make('span', { className: 'soft' }, share ? say('candidateShare', share) : say('candidateShadow'))),
  error ? make('pre', {}, error) : '');

/** The port's certificate: until when it is good, and what is wrong with it or with the files on disk. */
const certificateLine = ({ ends, days, problem }) => make('div', {},
  make('p', {}, problem ? chip('urgent', say('certificateBad')) : chip('good', say('certificateOk')), ' ',
    make('span', { className: 'soft' }, days < 0 ? say('certificateEnded', instant(ends)) : `${say('until', instant(ends))} · ${say('certificateDays', days)}`)),
  problem ? make('pre', {}, problem) : '');

/** The state of queues, files and deliveries. */
export function shopView(status, again) {
  const queues = status.queues.map((queue) => {
    const hours = queue.open
      ? (queue.closes ? say('until', instant(queue.closes)) : say('always'))
      : (queue.next_open ? say('opens', instant(queue.next_open)) : say('neverOpens'));
    return make('tr', { className: queue.open ? 'open' : 'shut' },
      make('th', { scope: 'row' }, queue.queue),
      make('td', {}, chip(queue.open ? 'good' : 'quiet', queue.open ? say('open') : say('shut')), ' ', make('span', { className: 'soft' }, hours)),
      make('td', { className: 'num', data: { word: say('waiting') } }, String(queue.waiting)),
      make('td', { className: 'num' }, queue.oldest ? age(queue.oldest) : '–'),
      make('td', { className: 'soft' }, queue.webhook || '–'));
  });
  const head = ['queue', 'state', 'waiting', 'oldest', 'webhook'].map((name) => make('th', { scope: 'col' }, name === 'state' ? '' : say(name)));
  const last = status.last_reload;
  const files = make('dl', {},
    make('dt', {}, say('lastRead')), make('dd', {}, instant(last.at)),
    make('dt', {}, say('ruleSet')), make('dd', {}, make('code', {}, status.rule_set)),
    make('dt', {}, say('rules')), make('dd', {}, String(status.rules)));
  const verdict = last.ok
    ? make('p', {}, chip('good', say('inUse')), ' ', make('span', { className: 'soft' }, last.warnings ? say('warnings', last.warnings) : say('filesOk')))
    : make('div', {}, make('p', {}, chip('urgent', say('notInUse', last.errors))), make('pre', {}, String(last.first || '').split('; ').join('\n')));
  const outbox = status.deliveries.map((line) => make('tr', {},
    make('th', { scope: 'row' }, line.endpoint, ' ', line.stopped ? chip('urgent', say('stopped')) : ''),
    make('td', { className: 'num' }, String(line.pending)), make('td', { className: 'num' }, line.dead ? chip('urgent', String(line.dead)) : '0'),
    make('td', { className: 'num' }, line.oldest ? age(line.oldest) : '–')));
  const percent = (share) => `${(100 * share.part / Math.max(share.whole, 1)).toFixed(1)} %`;
  const pilots = status.pilots.map(({ pilot, since, stopped }) => make('li', { className: 'line' },
    make('div', { className: 'grow' },
      make('p', {}, make('code', {}, pilot), ' ', stopped ? chip('urgent', say('pilotStopped')) : chip('good', say('pilotRuns'))),
      make('p', { className: 'soft' }, stopped
        ? `${instant(stopped.at)} · ${say(`pilot.${stopped.why}`, percent(stopped.pilot))} · ${say('pilotRest', percent(stopped.rest))}`
        : say('pilotSince', instant(since))))));
  return make('div', { className: 'page' },
    make('h1', { className: 'sr' }, say('shop')),
    card(say('hours'), make('ul', { className: 'lines' }, hoursLines(status.queues, again))),
    card(say('modes'), make('ul', { className: 'lines' }, modeLines(status.modes, again))),
    card(say('schedules'), make('div', { className: 'wide' }, make('table', { className: 'hours' }, make('thead', {}, make('tr', {}, head)), make('tbody', {}, queues)))),
    card(say('files'), verdict, files),
    status.candidate ? card(say('candidate'), candidateLine(status.candidate)) : '',
    status.tls ? card(say('certificate'), certificateLine(status.tls)) : '',
    pilots.length ? card(say('pilots'), make('ul', { className: 'lines' }, pilots)) : '',
    card(say('outbox'), outbox.length
      ? make('div', { className: 'wide' }, make('table', {}, make('thead', {}, make('tr', {},
        ['endpoint', 'pending', 'dead', 'oldest'].map((name) => make('th', { scope: 'col' }, say(name))))), make('tbody', {}, outbox)))
      : make('p', { className: 'soft' }, say('outboxClear'))));
}

/** Deliveries of one state, with what may be done with them. `again` shows them anew. */
export async function deliveriesView(state, choose, again) {
  const { deliveries } = await ask(`/v1/deliveries?${query({ state, limit: 100 })}`);
  const act = async (id, what, word) => {
    try {
      await ask(`/v1/deliveries/${id}/${what}`, {});
      toast(say(word), 'good');
    } catch (error) {
      toast(say('failed', error instanceof Refused ? error.message : say('noServer')));
    }
    again();
  };
  const lines = deliveries.map((line) => make('li', { className: 'card line' },
    make('div', { className: 'grow' },
      make('p', {}, make('b', {}, line.type), ' → ', make('b', {}, line.endpoint), ' ', make('span', { className: 'soft' }, `#${line.id}`)),
      make('p', { className: 'soft' }, [line.last_status && `HTTP ${line.last_status}`, line.last_error].filter(Boolean).join(' · ')),
      make('p', { className: 'soft' }, `${say('attempts', line.attempts)} · ${instant(line.created_at)} · `,
        make('a', { href: `#/case/${encodeURIComponent(line.conversation)}` }, say('openCase')))),
    make('div', { className: 'row' },
      button({ className: 'plain' }, () => act(line.id, 'retry', 'willSend'), say('sendAgain')),
      button({ className: 'plain risky' }, async () => {
        if (await confirmed(say('dropSure', `#${line.id}`), say('drop'), say('cancel'))) act(line.id, 'drop', 'dropped');
      }, say('drop')))));
  const tab = (name) => button({ className: 'tab', 'aria-pressed': String(state === name) }, () => choose(name), say(name));
  return make('div', { className: 'page' },
    make('h1', { className: 'sr' }, say('deliveries')),
    make('div', { className: 'tabs', role: 'group', 'aria-label': say('deliveries') }, tab('dead'), tab('pending')),
    lines.length ? make('ul', { className: 'lines' }, lines)
      : make('div', { className: 'empty' }, make('b', {}, say(`${state}None`)), make('p', {}, state === 'dead' ? say('deadHint') : '')));
}
