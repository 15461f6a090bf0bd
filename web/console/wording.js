/** Above the text field: words of a reply that the shop does not say, why, and better ones to put in their place. */

import { announce, button, make } from './dom.js';
import { say } from './words.js';

/** The first place of some words at or behind a character, else the first of all; -1 if they are gone. */
function placeOf(text, words, from) {
  const start = Array.from(text).slice(0, from).join('').length;
  const there = text.indexOf(words, start);
  return there >= 0 ? there : text.indexOf(words);
}

/** What was held back. `input` is the text field; `changed()` is called after words were put in; `insist()` sends it anyway. */
export class Wording {
  constructor({ input, changed, insist }) {
    Object.assign(this, { input, changed, insist });
    this.list = make('ul', {});
    this.foot = make('div', { className: 'row end' });
    this.head = make('h3', {});
    this.element = make('section', { className: 'wording', hidden: true, 'aria-label': say('wording') }, this.head, this.list, this.foot);
  }

  hide() {
    this.held = null;
    this.element.hidden = true;
    this.list.replaceChildren();
    this.foot.replaceChildren();
  }

  /** Shows what a message was held back for, and whether it may be sent all the same. */
  show(held, found, mayInsist) {
    this.held = held;
    this.element.hidden = false;
    this.head.textContent = say('wordingHeld');
    this.list.replaceChildren(...found.map((each) => this.line(each)));
    this.foot.replaceChildren(...(mayInsist ? [button({ className: 'plain small', data: { act: 'anyway' } }, () => this.insist(), say('sendAnyway'))] : []));
    announce(`${say('wordingHeld')} ${found.map((each) => `${each.phrase}: ${each.why}`).join(' ')}`);
  }

  /** What was changed was not held back: it may only be sent as it is now. Words that are gone need no others. */
  typed() {
    this.foot.replaceChildren();
    for (const line of [...this.list.children]) if (!this.input.value.includes(line.dataset.words)) line.remove();
    if (!this.list.childElementCount) this.hide();
  }

  line(found) {
    const words = String(found.phrase), better = String(found.instead);
    const line = make('li', { data: { words } }, make('p', {}, make('del', {}, words), ' ', String(found.why)),
      button({ className: 'main small', 'aria-label': say('replaceWith', better) }, () => this.replace(line, words, better, Number(found.at) || 0),
        make('span', { 'aria-hidden': 'true' }, '→ '), better));
    return line;
  }

  /** Puts the better words where the others stand, and the cursor behind them. */
  replace(line, words, better, at) {
    const text = this.input.value, place = placeOf(text, words, at);
    if (place >= 0) {
      this.input.value = text.slice(0, place) + better + text.slice(place + words.length);
      this.changed();
      this.foot.replaceChildren();
    }
    line.remove();
    if (!this.list.childElementCount) this.hide();
    this.input.focus();
    if (place >= 0) this.input.setSelectionRange(place + better.length, place + better.length);
  }
}
