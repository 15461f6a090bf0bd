/** The widget's hands: what the visitor does, what was not seen yet, and the start. */

// --- What came while nobody looked

let marked = ''; // what stands before the page's own title

/** Counts messages that the visitor has not seen; 0 shows the count again. */
function unread(more) {
  const seen = !panel.hidden && document.visibilityState === 'visible';
  const before = session.unread || 0, count = seen ? 0 : before + more;
  if (count !== before) {
    session.unread = count;
    keep('localStorage', KEY, session);
  }
  const words = count ? say.unread.replace('%', count) : '';
  badge.hidden = !count;
  badge.textContent = count > 99 ? '99+' : String(count);
  launcher.setAttribute('aria-label', [title, words].filter(Boolean).join(', '));
  news.textContent = panel.hidden && more ? words : '';
  // The page may have changed its title meanwhile.
  const own = document.title.startsWith(marked) ? document.title.slice(marked.length) : document.title;
  marked = count ? `(${badge.textContent}) ` : '';
  if (document.title !== marked + own) document.title = marked + own;
}

// --- The visitor's hands

const touch = window.matchMedia('(pointer: coarse)');
/** No keyboard pops up on a touch screen. */
const toInput = () => { if (!touch.matches) input.focus(); };

function setOpen(open, quietly) {
  panel.hidden = !open;
  launcher.hidden = open;
  launcher.setAttribute('aria-expanded', String(open));
  keep('sessionStorage', OPEN, open || null);
  if (open) {
    if (phase === 'idle') connect();
    fit();
    scroll.scrollTop = scroll.scrollHeight;
    unread(0);
  }
  if (quietly) return;
  if (!open) launcher.focus();
  else if (touch.matches) shadow.getElementById('title').focus();
  else input.focus();
}

function submit() {
  const text = input.value.trim();
  if (!text || !tell(text)) return;
  input.value = '';
  grow();
}

function grow() {
  go.classList.toggle('ready', !!input.value.trim());
  input.style.height = '';
  if (input.scrollHeight > input.clientHeight) input.style.height = `${Math.min(input.scrollHeight + 2, 130)}px`;
}

/** Keeps the panel above a phone's keyboard, which does not resize the page. */
function fit() {
  const view = window.visualViewport;
  if (!view || view.scale > 1.05) return; // no keyboard: the visitor looks closer
  panel.style.setProperty('--height', `${view.height}px`);
  panel.style.setProperty('--top', `${view.offsetTop}px`);
}

launcher.onclick = () => setOpen(true);
shut.onclick = () => setOpen(false);
again.onclick = () => { attempts = 0; phase = 'connecting'; connect(); toInput(); };
person.onclick = () => { tell(say.person); toInput(); };
urgent.onclick = () => { tell(say.urgentText); toInput(); };
write.onsubmit = (event) => { event.preventDefault(); submit(); };
input.oninput = grow;
input.onkeydown = (event) => { // Enter may end a composition; Safari tells by key code 229
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
};
panel.addEventListener('keydown', (event) => { if (event.key === 'Escape' && !event.isComposing) setOpen(false); });
// The page's shortcuts would see the host, not the text field, and act on every letter.
for (const name of ['keydown', 'keypress', 'keyup']) root.addEventListener(name, (event) => event.stopPropagation());

const wake = () => {
  if (document.visibilityState === 'hidden') return;
  unread(0);
  if (phase === 'waiting' && !socket) connect();
  else if (phase === 'ready') probe();
};
window.addEventListener('online', wake);
document.addEventListener('visibilitychange', wake);
if (window.visualViewport) for (const name of ['resize', 'scroll']) window.visualViewport.addEventListener(name, fit);

// --- Start

let unsent = [];
try { unsent = Object.keys(localStorage).filter((key) => key.startsWith(OUT)); } catch { /* none */ }
unsent = unsent.map((key) => keep('localStorage', key)).filter((message) => message && message.id).sort((a, b) => a.at - b.at);
for (const message of unsent.slice(0, MOST)) {
  if (!(Date.now() - message.at < STALE)) message.failed = true; // the visitor decides
  enqueue(message);
}
const begin = () => {
  document.body.append(host);
  if (keep('sessionStorage', OPEN)) setOpen(true, true); // as on the page before; leaves the focus alone
  else if (outbox.size) pump();
  else {
    // A talk of a moment ago goes on though the panel is closed: an answer shows on the launcher.
    session = keep('localStorage', KEY) || {};
    if (Date.now() - session.at < STALE) connect();
  }
  unread(0);
};
if (document.body) begin(); else document.addEventListener('DOMContentLoaded', begin);

/** What the page's own scripts may use. */
window.nightdesk = Object.freeze({
  open: () => setOpen(true),
  close: () => setOpen(false),
  /** Opens the panel and sends; false if it cannot be queued. */
  send(text) {
    setOpen(true);
    const words = String(text).trim().slice(0, input.maxLength);
    return !!words && tell(words);
  },
});
