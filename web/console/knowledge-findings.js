/** What is wrong in the files as they were read last: place, lines, how to mend it, and what it means. */

import { button, make } from './dom.js';
import { ask } from './link.js';
import { instant, say, sayOf } from './words.js';

export async function findingsView() {
  const got = await ask('/v1/findings');
  const verdict = got.in_use
    ? make('p', {}, make('span', { className: 'chip good' }, say('inUse')), ' ', say('fileInUse'))
    : make('p', { role: 'alert' }, make('span', { className: 'chip urgent' }, sayOf('severity', 'error')), ' ', say('fileNotInUse', got.errors));
  return make('div', { className: 'lines' },
    make('section', { className: 'card' }, verdict, make('p', { className: 'soft' }, `${say('readAt', instant(got.read_at))} · `, make('code', {}, got.rule_set))),
    got.findings.length ? findingList(got.findings) : make('div', { className: 'empty' }, make('b', {}, say('noFindings'))));
}

/** Findings one below the other. */
export function findingList(findings) {
  return make('ul', { className: 'lines findings' }, findings.map((finding) => {
    const error = finding.severity === 'error';
    const place = finding.file ? `${finding.file}:${finding.line}:${finding.column}` : '';
    const also = (finding.related || []).map((other) => say('alsoAt', `${other.file}:${other.line} ${other.label}`)).join(' · ');
    const lines = finding.snippet.map((line) => make('span', { className: 'src' }, make('i', { 'aria-hidden': 'true' }, String(line.line)),
      line.parts.map((part) => (part.marked ? make('mark', {}, part.text) : part.text)), '\n'));
    return make('li', { className: `card finding ${finding.severity}` },
      make('p', {}, make('span', { className: `chip ${error ? 'urgent' : 'high'}` }, sayOf('severity', finding.severity)), ' ', make('b', {}, finding.message)),
      make('p', { className: 'id' }, [place, finding.code].filter(Boolean).join(' · ')),
      lines.length ? make('pre', { className: 'source' }, lines) : null,
      finding.help ? make('p', {}, make('span', { className: 'soft' }, say('helpIs')), finding.help) : null,
      finding.fix ? make('p', { className: 'soft' }, say('fixIs'), finding.fix) : null,
      also ? make('p', { className: 'soft' }, also) : null,
      finding.explained ? page(finding.code) : null);
  }));
}

/** The page of a kind of finding, read when it is opened. */
function page(code) {
  const text = make('pre', { className: 'page-text' });
  const more = make('details', {}, make('summary', {}, say('whatIsIt')), text);
  more.addEventListener('toggle', async () => {
    if (!more.open || text.firstChild) return;
    try {
      text.textContent = (await ask(`/v1/findings/${encodeURIComponent(code)}`)).page;
    } catch (error) {
      text.replaceChildren(error.message, ' ', button({ className: 'plain small' }, () => { text.replaceChildren(); more.open = false; }, say('retry')));
    }
  });
  return more;
}
