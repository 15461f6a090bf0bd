/** The widget's line to the daemon: what is under way, and the socket with its resumption. */

// --- Messages under way: kept until acknowledged, sent one at a time to hold their order. One that the daemon holds (it
// may be completed by the next) has its place there, so the next one goes.

const MOST = 20, STALE = 36e5; // unsent messages; ms after which a later visit does not send them unasked
const outbox = new Map(); // id → {id, type, data, label, at, element, failed}
let inFlight, ackTimer, holdUntil = 0, holdTimer;

const newId = () => 'm-' + [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join('');

/** Queues and shows a message; false if there is no room. */
function post(type, data, label) {
  if (outbox.size >= MOST) return false;
  const message = { id: newId(), type, data, label, at: Date.now(), failed: false };
  enqueue(message);
  pump();
  return true;
}

const tell = (text) => post('message', { kind: 'text', text }, text);

function enqueue(message) {
  message.element = bubble({ role: 'visitor', kind: 'text', text: message.label, ts: message.at });
  outbox.set(message.id, message);
  remember(message);
  mark(message);
  place(message.element, Infinity, true);
}

const remember = ({ id, type, data, label, at, failed }) => keep('localStorage', OUT + id, { id, type, data, label, at, failed });

function forget(message) {
  outbox.delete(message.id);
  keep('localStorage', OUT + message.id, null);
  if (inFlight === message.id) { inFlight = null; clearTimeout(ackTimer); }
}

function mark(message) {
  const { element, failed } = message;
  const text = failed ? say.failed : (phase === 'ready' ? say.sending : say.held);
  const old = element.querySelector('.status');
  if (message.held) { if (old) old.remove(); return; } // the daemon has it
  if (old && old.firstChild.textContent === text) return;
  const status = make('div', { className: 'status' }, make('span', {}, text));
  if (failed) {
    const retry = button({ textContent: say.retry });
    retry.onclick = () => { message.tries = 0; message.failed = false; message.at = Date.now(); remember(message); mark(message); toInput(); pump(); };
    const discard = button({ textContent: say.discard });
    discard.onclick = () => { forget(message); element.remove(); toInput(); };
    status.append(retry, discard);
  }
  element.classList.toggle('failed', failed);
  if (old) old.remove();
  element.append(status);
}

function pump() {
  if (!socket && phase !== 'stopped') connect();
  if (phase !== 'ready' || inFlight) return;
  clearTimeout(holdTimer);
  const wait = holdUntil - performance.now();
  if (wait > 0) { holdTimer = setTimeout(pump, wait + 20); return; }
  for (const message of outbox.values()) {
    if (message.failed || message.held) continue;
    inFlight = message.id;
    transmit(message.type, message.id, message.data);
    ackTimer = setTimeout(lose, 15000); // the line is dead, whatever the browser thinks
    return;
  }
}

function acknowledged(re, seq, ts) {
  const message = outbox.get(re);
  if (!message) return;
  forget(message);
  const { element } = message;
  if (Number.isInteger(seq)) note(seq);
  if (shown.get(seq)) element.remove(); // it came back first, replayed or by the history
  else {
    const status = element.querySelector('.status');
    if (status) status.remove();
    if (ts) element.querySelector('time').textContent = clock(new Date(ts));
    element.classList.remove('failed');
    if (Number.isInteger(seq)) { shown.set(seq, element); place(element, seq); }
  }
  pump();
}

function held(message) {
  if (inFlight !== message.id) return;
  message.held = true;
  mark(message);
  inFlight = null;
  clearTimeout(ackTimer);
  pump();
}

function fail(message) {
  message.failed = true;
  remember(message);
  mark(message);
}

function refused(message, { code, retry_after_ms: wait }) {
  message.held = false;
  if (inFlight === message.id) { inFlight = null; clearTimeout(ackTimer); }
  if (code === 'rate_limited' || code === 'overloaded' || (wait > 0 && (message.tries = (message.tries || 0) + 1) < 4)) holdUntil = performance.now() + Math.min(Math.max(wait || 1500, 200), 60000);
  else fail(message);
  pump();
}

// --- The connection

const PING = 25000, PATIENCE = 10000, FIRST = 500, LONGEST = 20000, STABLE = 30000; // ms
const address = new URL(`v1/chat?channel=${encodeURIComponent(channel)}`, given.server || (script && script.src) || location.href);
address.protocol = address.protocol.replace('http', 'ws');

let session = {}, last = 0; // {token, conversation, epoch, seq}; the highest seq seen
let socket, attempts = 0, retryTimer, patience, pinger, stable, tokenDropped, welcomeText, count = 0;
const asked = new Map(); // id of a history request → what for

function connect() {
  if (socket) return;
  clearTimeout(retryTimer);
  if (!session.token) session = keep('localStorage', KEY) || {};
  const mine = socket = new WebSocket(address, 'chat.v1.json');
  if (phase !== 'waiting') phase = 'connecting';
  showState();
  const now = () => socket === mine; // frames of a socket that was given up do not count
  mine.onopen = () => {
    if (!now()) return;
    const { token, conversation, epoch, seq } = session;
    transmit('hello', '1', { token, resume: epoch && { conversation, epoch, seq }, locale });
  };
  mine.onmessage = (event) => {
    if (!now()) return;
    if (phase === 'ready') clearTimeout(patience);
    let frame;
    try { frame = JSON.parse(event.data); } catch { return; }
    if (frame && typeof frame === 'object') receive(frame, frame.data || {});
  };
  mine.onclose = (event) => { if (now()) closed(event.code); };
  patience = setTimeout(lose, PATIENCE);
}

function transmit(type, id, data) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type, id, data }));
}

/** Gives up a silent socket. */
function lose() {
  const old = socket;
  closed(1006);
  if (old) old.close();
}

function closed(code) {
  const message = outbox.get(inFlight);
  socket = inFlight = null;
  for (const waiting of outbox.values()) waiting.held = false; // sent again, in order
  for (const timer of [patience, ackTimer, holdTimer, stable]) clearTimeout(timer);
  clearInterval(pinger);
  asked.clear();
  showTyping(false);
  let wait = Math.random() * Math.min(LONGEST, FIRST * 2 ** attempts++); // full jitter
  if (code === 4501 && session.token && !tokenDropped) { // the token is refused: once more as a stranger
    tokenDropped = true;
    session = {};
    keep('localStorage', KEY, null);
    wait = 0;
  } else if (![1001, 1006, 1011, 1012, 1013].includes(code) && !(code >= 4000 && code < 4500)) {
    phase = 'stopped';
    if (message) fail(message); // it may be the cause
    showState();
    return;
  }
  phase = 'waiting';
  showState();
  retryTimer = setTimeout(connect, wait);
}

function probe() {
  transmit('ping', `p${++count}`);
  clearTimeout(patience);
  patience = setTimeout(lose, PATIENCE);
}

function receive(frame, data) {
  const { type, re, seq, ts } = frame;
  if (type === 'welcome') welcome(data);
  else if (type === 'ack') acknowledged(re, seq, ts);
  else if (type === 'held') { if (outbox.has(re)) held(outbox.get(re)); }
  else if (type === 'message') {
    if (!note(seq)) return;
    if (data.role !== 'visitor') showTyping(false);
    if (data.rating) awaitRating(null); // in another tab
    else if (data.survey) awaitRating(data.survey.score ? null : data.survey.case);
    show(seq, ts, data);
    if (data.role !== 'visitor') unread(1);
  } else if (type === 'state') {
    if (!note(seq)) return;
    owner = data;
    showState();
    if ('open' in data) showHours(data.open, data.next_open);
  } else if (type === 'position') {
    if (owner.state === 'queued') { owner.position = data.position; showState(); }
  } else if (type === 'typing') showTyping(data.on !== false, data.ttl_s);
  else if (type === 'history') history(re, data);
  else if (type === 'error') {
    const message = outbox.get(re);
    if (message && (inFlight === re || message.held)) refused(message, data);
    else if (asked.delete(re)) settle();
  }
}

/** Takes note of a durable event, asks for what is missing before it; false if it was seen. */
function note(seq) {
  if (!Number.isInteger(seq) || shown.has(seq)) return false;
  shown.set(seq, null);
  if (last && seq > last + 1) askHistory(seq, Math.min(seq - last - 1, 100), 'gap');
  if (seq > last) {
    last = session.seq = seq;
    session.at = Date.now();
    keep('localStorage', KEY, session);
  }
  return true;
}

function welcome(data) {
  clearTimeout(patience);
  phase = 'ready';
  stable = setTimeout(() => { attempts = 0; tokenDropped = false; }, STABLE);
  pinger = setInterval(probe, PING);
  const same = data.recovered && data.conversation === session.conversation;
  if (!same) clearTranscript();
  const upTo = same ? session.seq : data.seq || 0; // a recovered conversation replays what came after
  session = Object.assign({}, session, { token: data.token || session.token, conversation: data.conversation, epoch: data.epoch, seq: upTo });
  last = upTo;
  keep('localStorage', KEY, session);
  welcomeText = data.greeting;
  if (data.language) log.lang = data.language; // for those who have it read aloud
  if (data.limits && data.limits.text > 0) input.maxLength = data.limits.text;
  owner = data;
  awaitRating(data.survey ? data.survey.case : null);
  showState();
  showHours(data.open, data.next_open);
  if (!loaded && upTo > 0) askHistory(upTo + 1, 50, 'start');
  else { if (!loaded) crown(false); settle(); }
  pump();
}

function askHistory(before, limit, what) {
  const id = `h${++count}`;
  asked.set(id, what);
  transmit('history', id, { before, limit });
}

function history(re, { messages, more }) {
  const what = asked.get(re);
  if (!what) return;
  asked.delete(re);
  const below = scroll.scrollHeight - scroll.scrollTop;
  log.setAttribute('aria-live', 'off'); // old messages are not news
  for (const entry of messages) {
    if (entry.type === 'message') show(entry.seq, entry.ts, entry.data);
    else if (!shown.has(entry.seq)) shown.set(entry.seq, null);
  }
  if (what !== 'gap') crown(more && shown.size);
  scroll.scrollTop = what === 'start' ? scroll.scrollHeight : scroll.scrollHeight - below;
  if (what === 'earlier' && !earlier) scroll.focus();
  settle();
}

/** From now on additions are read aloud. */
const settle = () => setTimeout(() => log.setAttribute('aria-live', 'polite'), 300);
