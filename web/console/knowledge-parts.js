/** Small parts of the page "knowledge". */

import { make } from './dom.js';
import { language } from './words.js';

/** A text of several languages in that of the console, else in any. */
export const inMine = (texts) => (texts ? texts[language()] ?? texts[''] ?? Object.values(texts)[0] ?? '' : '');

/** The way to an entry. */
export const entryLink = (id, text = id) => make('a', { href: `#/knowledge/entry/${encodeURIComponent(id)}` }, text);

export const chip = (kind, text) => make('span', { className: `chip ${kind}` }, text);
