/** The way to the daemon: requests with the agent's token, and the stream of events. */

const KEY = 'nightdesk.console.token';
let token = null;
try { token = sessionStorage.getItem(KEY); } catch { /* it is asked for each time */ }

export const signedIn = () => Boolean(token);

export function keepToken(given) {
  token = given || null;
  try {
    if (token) sessionStorage.setItem(KEY, token); else sessionStorage.removeItem(KEY);
  } catch { /* it only forgets */ }
}

/** What the daemon refused, in its own words. */
export class Refused extends Error {
  constructor(status, problem) {
    super(String(problem.detail || problem.title || status));
    this.status = status;
    this.code = String(problem.code || '');
    this.problem = problem;
  }
}

const headers = () => (token ? { authorization: `Bearer ${token}` } : {});

/** A request; its JSON. Throws `Refused`, or TypeError when nobody answers. */
export async function ask(path, body) {
  const init = { headers: headers(), cache: 'no-store' };
  if (body !== undefined) {
    init.method = 'POST';
    init.headers['content-type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  const response = await fetch(path, init);
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, value);
  return value;
}

export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();

/** An id that no other request has; also where the page is not served by TLS. */
export function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Listens for ever: `heard(name, data)` for each event, `state('live' | 'lost')` when the line comes and goes, `refused()` when
 * the token is no longer good. An EventSource cannot send a token, so the stream is read here.
 */
export async function listen({ heard, state, refused }) {
  let last = null;
  for (let failures = 0; ; failures += 1) {
    try {
      const more = last ? { 'last-event-id': last } : {};
      const response = await fetch('/v1/events', { headers: { ...headers(), ...more, accept: 'text/event-stream' }, cache: 'no-store' });
      if (response.status === 401 || response.status === 403) {
        refused();
        return;
      }
      if (!response.ok || !response.body) throw new Error(String(response.status));
      state('live');
      failures = 0;
      await read(response.body, (event) => {
        if (event.id) last = event.id;
        heard(event.name, event.data);
      });
    } catch { /* the line broke; it comes back below */ }
    state('lost');
    const wait = Math.min(15000, 500 * 2 ** failures);
    await new Promise((resolve) => setTimeout(resolve, wait * (0.7 + 0.6 * Math.random())));
  }
}

/** Reads server-sent events until the stream ends. Silence for too long counts as the end: the daemon speaks every 15 s. */
async function read(stream, each) {
  const reader = stream.getReader(), decoder = new TextDecoder();
  let text = '';
  for (;;) {
    let timer;
    const silence = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('silence')), 40000); });
    let part;
    try {
      part = await Promise.race([reader.read(), silence]);
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
    if (part.done) return;
    text += decoder.decode(part.value, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const event = { name: 'message', data: '', id: null };
      for (const line of block.split('\n')) {
        const at = line.indexOf(':');
        if (at <= 0) continue;
        const field = line.slice(0, at), value = line.slice(at + 1).replace(/^ /, '');
        if (field === 'event') event.name = value;
        else if (field === 'id') event.id = value;
        else if (field === 'data') event.data += value;
      }
      if (!event.data) continue;
      let data = {};
      try { data = JSON.parse(event.data); } catch { /* not ours */ }
      each({ ...event, data });
    }
  }
}
