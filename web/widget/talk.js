/** The widget's transcript: messages, options, the rating, who has the conversation. */

// --- The transcript

const shown = new Map(); // seq → element; null for an event that has none, such as a change of state
const GREETING = 0, EARLIER = -1; // places above the first event, whose seq is 1; unsent messages stand at Infinity

/** Puts an element where its seq belongs; a visitor who was at the end stays there. */
function place(element, seq, follow) {
  const atEnd = follow || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  let next = null;
  for (let e = log.lastElementChild; e && e.seq > seq; e = e.previousElementSibling) next = e;
  element.seq = seq;
  if (next !== element) log.insertBefore(element, next);
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
}

/** Text with its http(s) addresses as links. */
function linked(text) {
  const parts = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(/\bhttps?:\/\/[!#-;=?-~]+/gi)) {
    const address = found[0].replace(/[.,;:!?'*\])]+$/, '');
    try { if (!/^https?:$/.test(new URL(address).protocol)) continue; } catch { continue; }
    parts.append(text.slice(from, found.index),
      make('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow', textContent: address }));
    from = found.index + address.length;
  }
  parts.append(text.slice(from));
  return parts;
}

function bubble({ role, kind, text, options, message, name, ts, survey }) {
  const who = ['visitor', 'bot', 'human', 'system'].includes(role) ? role : 'bot';
  const date = ts ? new Date(ts) : new Date();
  const words = String(text || say[kind] || '');
  const element = make('div', { className: `msg ${who}${kind === 'notice' ? ' notice' : ''}` },
    make('div', { className: 'who' }, make('span', who === 'visitor' ? { className: 'sr' } : {}, (who === 'human' && name) || say[who] || ''), ' ',
      make('time', { textContent: clock(date) })),
    make('div', { className: 'text', dir: 'auto' }, who === 'visitor' ? words : linked(words)));
  if (survey && Array.isArray(options)) element.append(ratingForm(survey.case, options));
  else if (Array.isArray(options) && options.length) {
    const group = make('div', { className: 'options', role: 'group', 'aria-label': say.options });
    for (const option of options) {
      const choice = button({ textContent: option.label });
      choice.onclick = () => {
        if (post('select', { message, option: option.id, label: option.label }, option.label)) choice.classList.add('chosen');
        toInput();
      };
      group.append(choice);
    }
    element.append(group);
  }
  return element;
}

let rated = null; // the case whose rating is awaited

/** The question how it was: a score, and words if the visitor likes. */
function ratingForm(about, options) {
  const scores = make('div', { className: 'scores', role: 'radiogroup', 'aria-label': say.rate });
  for (const { id, label } of options) {
    const score = String(id).replace(/\D/g, '');
    scores.append(make('label', {}, make('input', { type: 'radio', name: `score-${about}`, value: score }), make('b', {}, score), make('span', {}, label)));
  }
  const why = make('textarea', { rows: 2, maxLength: Math.min(input.maxLength, 1000), placeholder: say.why, 'aria-label': say.why });
  const hint = make('p', { className: 'hint', role: 'alert' });
  const form = make('form', { className: 'rating', about, hidden: about !== rated },
    scores, why, make('button', { type: 'submit', className: 'do' }, say.sendRating), hint);
  form.onchange = () => { hint.textContent = ''; };
  form.onsubmit = (event) => {
    event.preventDefault();
    const chosen = scores.querySelector(':checked'), text = why.value.trim();
    if (!chosen) {
      hint.textContent = say.rateFirst;
      scores.querySelector('input').focus();
    } else if (post('rate', { score: +chosen.value, text: text || undefined }, `${chosen.value} ${chosen.parentNode.lastChild.textContent}${text && `\n${text}`}`)) {
      awaitRating(null);
      toInput();
    }
  };
  return form;
}

/** Only the question that can still be answered has its form: it goes when it is answered, here or elsewhere. */
function awaitRating(about) {
  rated = about;
  for (const form of log.querySelectorAll('.rating')) form.hidden = form.getAttribute('about') !== rated;
}

/** Shows a durable message once, whether live, replayed or out of the history. */
function show(seq, ts, data) {
  if (shown.get(seq)) return;
  const element = bubble(Object.assign({}, data, { ts }));
  shown.set(seq, element);
  place(element, seq);
}

let greeting, earlier, loaded = false;

function clearTranscript() {
  for (const element of [...log.children]) if (element.seq !== Infinity) element.remove();
  shown.clear();
  greeting = earlier = null;
  loaded = false;
  last = 0;
}

/** Puts on top a way to older messages or, where the transcript begins, the greeting. */
function crown(more) {
  loaded = true;
  if (earlier) earlier.remove();
  earlier = null;
  if (more) {
    earlier = button({ className: 'earlier', textContent: say.earlier });
    earlier.onclick = () => askHistory(Math.min(...shown.keys()), 50, 'earlier');
    place(earlier, EARLIER);
  } else if (welcomeText && !greeting) {
    greeting = bubble({ role: 'bot', kind: 'text', text: welcomeText });
    greeting.querySelector('time').remove();
    place(greeting, GREETING);
  }
}

let typingTimer;
function showTyping(on, seconds) {
  clearTimeout(typingTimer);
  typing.hidden = !on;
  if (!on) return;
  typingTimer = setTimeout(showTyping, Math.min(seconds || 6, 30) * 1000, false);
  scroll.scrollTop = scroll.scrollHeight;
}

// --- State line and banner

let owner = { state: 'bot' }, phase = 'idle', bannerTimer; // connecting, ready, waiting to try again, stopped

function showState() {
  let text, look;
  if (phase === 'idle') return;
  if (phase !== 'ready') {
    text = say[phase];
    look = phase === 'stopped' ? 'off' : 'off busy';
  } else {
    look = ['queued', 'human', 'closed'].includes(owner.state) ? owner.state : 'bot';
    text = { bot: say.isBot, queued: owner.position > 1 ? say.isPlace.replace('%', owner.position - 1) : owner.position === 1 ? say.isFirst : say.isQueued, human: say.isHuman, closed: say.isClosed }[look];
    if (owner.urgent && look === 'queued') { look = 'urgent'; text = say.isUrgent; }
  }
  state.className = `state ${look}`;
  if (stateText.textContent !== text) stateText.textContent = text;
  again.hidden = phase !== 'stopped';
  person.hidden = phase === 'ready' && (owner.state === 'queued' || owner.state === 'human');
  for (const message of outbox.values()) mark(message);
}

function showHours(open, next) {
  clearTimeout(bannerTimer);
  const wait = next ? new Date(next) - Date.now() : NaN;
  banner.hidden = open !== false || wait <= 0;
  if (banner.hidden) return;
  banner.textContent = say.closed + (wait > 0 ? say.opens.replace('%', opening(next)) : '');
  if (wait > 0) bannerTimer = setTimeout(showHours, Math.min(wait + 1000, 36e5), open, next); // for "today"
}
