/** A message tried: what would be answered and why. Nothing is kept of it. */

import { make } from './dom.js';
import { chip, entryLink } from './knowledge-parts.js';
import { Refused, ask } from './link.js';
import { instant, say, sayOf } from './words.js';

const TELLING = 0.02; // words that speak less for or against are left out

/** The form and, below it, what came of it. `begin` is called when it is shown, `again` when the files are other ones. */
export function tryView() {
  const id = (name) => `try-${name}`;
  const field = (name, word, element) => make('div', { className: 'field' }, make('label', { htmlFor: id(name) }, say(word)), Object.assign(element, { id: id(name) }));
  const text = make('textarea', { rows: 2, maxLength: 4000, required: true, placeholder: say('tryText') });
  const channel = make('select', {}, make('option', { value: '' }, '…'));
  const tier = make('input', { type: 'text', placeholder: say('none'), maxLength: 60, autocomplete: 'off' });
  const at = make('input', { type: 'datetime-local' });
  const earlier = make('input', { type: 'text', maxLength: 2000, autocomplete: 'off' });
  const result = make('div', { className: 'lines', 'aria-live': 'polite' });
  const form = make('form', { className: 'card try' },
    field('text', 'tryText', text),
    make('details', {}, make('summary', {}, say('moreSettings')), make('div', { className: 'fields' },
      field('channel', 'tryChannel', channel), field('tier', 'tryTier', tier), field('at', 'tryAt', at), field('earlier', 'tryEarlier', earlier))),
    make('div', { className: 'row' }, make('button', { type: 'submit', className: 'main' }, say('tryIt')), make('span', { className: 'soft' }, say('tryHint'))));
  let last = null, asked = 0;
  const run = async () => {
    if (!last) return;
    const mine = ++asked;
    try {
      const got = await ask('/v1/try', last);
      if (mine === asked) result.replaceChildren(...explained(got));
    } catch (error) {
      if (mine === asked) result.replaceChildren(make('p', { className: 'bad card', role: 'alert' }, error instanceof Refused ? error.message : say('noServer')));
    }
  };
  const submit = (event) => {
    event?.preventDefault();
    if (!text.value.trim()) return;
    last = { text: text.value, earlier: earlier.value.trim() ? [earlier.value] : [], channel: channel.value || null, tier: tier.value || null, at: at.value || null };
    run();
  };
  form.addEventListener('submit', submit);
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
  });
  const begin = async () => {
    text.focus({ preventScroll: true });
    if (channel.options.length > 1) return;
    const { channels } = await ask('/v1/knowledge?limit=1').catch(() => ({ channels: [] }));
    if (channel.options.length === 1 && channels.length) channel.replaceChildren(...channels.map((name) => make('option', { value: name }, name)));
  };
  return { element: make('div', { className: 'lines' }, form, result), begin, again: run };
}

function explained(got) {
  const { decision, trace, why } = got;
  return [answer(got), reading(got), candidates(trace), nearness(trace, why), around(got, decision)].filter(Boolean);
}

/** What the customer would get. */
function answer({ decision, replies, handoff, at }) {
  const said = replies.map((reply) => make('div', { className: `msg ${reply.kind === 'notice' ? 'notice' : ''}` }, make('div', { className: 'text' }, reply.text),
    reply.options?.length ? make('p', { className: 'tags' }, reply.options.map((option) => chip('', option.label))) : null));
  return make('section', { className: 'card' }, make('h2', {}, say('answered')),
    make('p', {}, chip(decision.urgent ? 'urgent' : decision.outcome === 'handoff' ? 'high' : 'good', sayOf('outcome', decision.outcome)), ' ', sayOf('reason', decision.reason),
      decision.rule ? [' · ', entryLink(decision.rule)] : null, make('span', { className: 'soft' }, ` · ${instant(at)}`)),
    said.length ? make('div', { className: 'log' }, said) : make('p', { className: 'soft' }, say('noReply')),
    handoff ? make('p', { className: 'soft' }, `${say('handoffIs')}: ${handoff.queue} · ${sayOf('priority', handoff.priority)} · ${sayOf('reason', handoff.reason)}`) : null);
}

/** The message with what matched underlined, and words by how much they speak for the nearest entry. */
function reading({ pieces, trace, earlier }) {
  const words = pieces.map((piece) => {
    const strength = Math.min(4, Math.ceil(Math.max(0, piece.weight ?? 0) * 8));
    const kind = [piece.matched && 'hit', piece.weight !== null && (piece.weight < -TELLING ? 'against' : piece.weight > TELLING ? `for-${strength}` : '')].filter(Boolean).join(' ');
    const title = piece.weight === null ? null : `${piece.weight >= 0 ? '+' : ''}${piece.weight.toFixed(2)}${piece.known ? '' : ` · ${say('unknownWord')}`}`;
    return kind || title ? make(piece.matched ? 'u' : 'span', { className: kind, title }, piece.text) : piece.text;
  });
  const before = earlier.map((each) => [make('dt', {}, say('earlierWas')), make('dd', {}, `${each.text} → ${sayOf('outcome', each.outcome)}${each.rule ? ` (${each.rule})` : ''}`)]);
  return make('section', { className: 'card' }, make('p', { className: 'read' }, words), make('p', { className: 'soft' }, say('matchedIs')),
    make('dl', {}, before.flat(), make('dt', {}, say('readAs')), make('dd', {}, make('code', {}, trace.folded)), make('dt', {}, say('languageIs')), make('dd', {}, trace.language)));
}

/** A bar from 0 to 1, with marks. */
function bar(value, ...marks) {
  const fill = make('i', {});
  fill.style.width = `${Math.round(Math.min(1, Math.max(0, value)) * 100)}%`;
  const ticks = marks.map(([at, word]) => {
    const tick = make('b', { title: word });
    tick.style.left = `${at * 100}%`;
    return tick;
  });
  return make('span', { className: 'scale', role: 'img', 'aria-label': [value.toFixed(2), ...marks.map(([, word]) => word)].join(', ') }, fill, ticks);
}

function candidates(trace) {
  if (!trace.candidates.length) return null;
  return make('section', { className: 'card' }, make('h2', {}, say('candidatesAre')), make('ol', { className: 'ranks' }, trace.candidates.slice(0, 8).map((each) => make('li', {},
    make('p', {}, entryLink(each.rule), ' ', each.lost ? chip('', sayOf('lost', each.lost)) : chip('good', say('won'))),
    make('p', { className: 'measured' }, bar(each.score), make('span', { className: 'num' }, each.score.toFixed(2)),
      make('span', { className: 'soft' }, `${sayOf('sign', each.sign)} · ${say('priorityOf')} ${each.priority}`))))));
}

function nearness(trace, why) {
  if (!trace.near.length) return make('section', { className: 'card' }, make('h2', {}, say('nearAre')), make('p', { className: 'soft' }, say('noCandidates')));
  const near = trace.near.slice(0, 4).map((each) => make('li', {}, make('p', {}, entryLink(each.rule)),
    make('p', { className: 'measured' }, bar(each.confidence, [each.near, say('nearFrom', each.near.toFixed(2))], [each.sure, say('sureFrom', each.sure.toFixed(2))]),
      make('span', { className: 'num' }, each.confidence.toFixed(2)), make('span', { className: 'soft' }, `${say('sureFrom', each.sure.toFixed(2))} · ${say('nearFrom', each.near.toFixed(2))}`))));
  const words = (why?.words || []).filter((word) => Math.abs(word.weight) >= TELLING || !word.known).map((word) => chip(word.weight < -TELLING ? 'high' : word.known ? 'good' : '',
    `${word.word} ${word.weight >= 0 ? '+' : ''}${word.weight.toFixed(2)}${word.known ? '' : ` · ${say('unknownWord')}`}`));
  const told = why ? [
    make('dt', {}, say('wordByWord')), make('dd', { className: 'tags' }, words), make('dt', {}, say('mostLike')), make('dd', {}, why.example),
    ...why.mended.flatMap(([written, read]) => [make('dt', {}, written), make('dd', {}, say('readFor', read))]),
    ...(why.denies ? [make('dt', {}, say('noteIs')), make('dd', {}, say('deniesIt'))] : []),
  ] : [];
  return make('section', { className: 'card' }, make('h2', {}, say('nearAre')), make('ol', { className: 'ranks' }, near), make('dl', {}, told));
}

/** Hours, route, notices and whatever else bore on it. */
function around({ trace }, decision) {
  const { hours } = trace;
  const lines = [
    hours && [say('hoursAre'), `${hours.queue} · ${hours.open ? say('open') : [say('shut'), hours.next_open && say('opens', instant(hours.next_open))].filter(Boolean).join(' · ')}`],
    trace.notice && [say('noticeIs'), trace.notice.id], ...trace.route.map((step) => [say('routeIs'), step]), ...trace.notes.map((note) => [say('noteIs'), note]),
    decision.tags.length && [say('tags'), decision.tags.join(', ')],
  ].filter(Boolean);
  return lines.length ? make('section', { className: 'card' }, make('dl', {}, lines.flatMap(([word, value]) => [make('dt', {}, word), make('dd', {}, value)]))) : null;
}
