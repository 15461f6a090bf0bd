/**
 * nightdesk chat widget: a chat on any page by one tag,
 *   <script src="https://chat.example/widget.js" data-channel="web" defer></script>
 * which may also have data-lang (zh, zh-Hant, en; else the browser's), data-title (head of the panel), data-theme
 * (light, dark; else the system's) and data-server (the daemon; else where this script is from). The
 * page's CSS may set --nightdesk-accent; its scripts may call nightdesk.open(), .close() and .send(text).
 *
 * It owns the visitor's side of the protocol chat.v1.json: connection, resumption, order of the transcript, messages
 * not yet acknowledged. It decides no answer, loads nothing, sets no cookie, never makes markup of a text.
 */
(() => {
  'use strict';
  if (window.nightdesk) return; // tagged twice

  // --- Settings and words

  const script = document.currentScript || document.querySelector('script[src*="widget.js"]');
  const given = script ? script.dataset : {};
  const channel = given.channel || 'web';
  const locale = given.lang || navigator.language || 'zh-CN';

  /** Language of the panel's own words: zh, zh-Hant or en; % stands for what is filled in. */
  const lang = /^zh\b.*(hant|tw|hk|mo)/i.test(locale) ? 'zh-Hant' : /^zh\b/i.test(locale) ? 'zh' : 'en';

  const say = {};
  for (const [name, ...words] of [
    ['title', '在线客服', '線上客服', 'Customer service'],
    ['close', '收起聊天窗口', '收起聊天視窗', 'Close the chat'],
    ['log', '聊天记录', '聊天記錄', 'Messages'],
    ['input', '请输入您的问题…', '請輸入您的問題…', 'Type your question…'],
    ['send', '发送', '傳送', 'Send'],
    ['options', '可选问题', '可選問題', 'Choices'],
    ['person', '转人工', '轉人工', 'Talk to a person'],
    ['urgent', '紧急情况', '緊急情況', 'Urgent'],
    ['urgentText', '紧急', '緊急', 'urgent'],
    ['earlier', '查看更早的消息', '查看更早的訊息', 'Show earlier messages'],
    ['visitor', '我', '我', 'You'],
    ['bot', '智能助手', '智能助手', 'Assistant'],
    ['human', '人工客服', '人工客服', 'Customer service'],
    ['typing', '对方正在输入…', '對方正在輸入…', 'Typing…'],
    ['connecting', '正在连接…', '正在連線…', 'Connecting…'],
    ['waiting', '连接中断，正在重新连接…', '連線中斷，正在重新連線…', 'Connection lost, trying again…'],
    ['stopped', '连接已断开', '連線已中斷', 'Disconnected'],
    ['again', '重新连接', '重新連線', 'Reconnect'],
    ['isBot', '机器人为您服务', '機器人為您服務', 'The assistant answers you'],
    ['isQueued', '排队中，请稍候', '排隊中，請稍候', 'Waiting for a colleague'],
    ['isPlace', '排队中，您排在第 % 位', '排隊中，您排在第 % 位', 'Waiting for a colleague, number % in line'],
    ['isHuman', '人工客服为您服务', '人工客服為您服務', 'A colleague answers you'],
    ['isClosed', '会话已结束', '會話已結束', 'Ended'],
    ['isUrgent', '紧急：已通知值班同事', '緊急：已通知值班同事', 'Urgent: colleague on call alerted'],
    ['closed', '现在是非工作时间，机器人仍在线。', '現在是非工作時間，機器人仍在線。', 'We are closed; the assistant still answers.'],
    ['opens', '人工客服将于% 上班。', '人工客服將於% 上班。', ' A colleague answers from %.'],
    ['today', '今天', '今天', 'today'],
    ['tomorrow', '明天', '明天', 'tomorrow'],
    ['sending', '发送中…', '傳送中…', 'Sending…'],
    ['held', '等待网络…', '等待網路…', 'Waiting for the network…'],
    ['failed', '未送达', '未送達', 'Not delivered'],
    ['retry', '重试', '重試', 'Try again'],
    ['discard', '删除', '刪除', 'Delete'],
    ['image', '[图片]', '[圖片]', '[picture]'],
    ['file', '[文件]', '[檔案]', '[file]'],
  ]) say[name] = words[['zh', 'zh-Hant', 'en'].indexOf(lang)];
  const speech = lang === 'zh' ? 'zh-CN' : lang === 'zh-Hant' ? 'zh-TW' : 'en';

  const format = (date, how) => date.toLocaleString(speech, Object.assign({ hour: 'numeric', minute: '2-digit' }, how));
  /** Days from today, by the visitor's calendar. */
  const daysTo = (date) => Math.round((new Date(date).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 864e5);
  const clock = (date) => format(date, daysTo(date) ? { month: 'short', day: 'numeric' } : {});

  /** 明天 09:00; 10月10日周六 09:00; with the zone where it is not the shop's. */
  const opening = (iso) => {
    const date = new Date(iso), days = daysTo(date);
    const offset = /([+-])(\d\d):(\d\d)$/.exec(iso);
    const away = offset && +(offset[1] + (offset[2] * 60 + +offset[3])) !== -date.getTimezoneOffset();
    const how = away ? { timeZoneName: 'short' } : {};
    if (days === 0 || days === 1) return `${days ? say.tomorrow : say.today} ${format(date, how)}`;
    return format(date, Object.assign(how, { month: 'short', day: 'numeric', weekday: 'short' }));
  };

  // --- What outlives the page

  const KEY = `nightdesk.${channel}`;
  const OUT = `${KEY}.out.`; // an entry for each unsent message: tabs do not overwrite each other's
  const OPEN = `${KEY}.open`;

  /** Reads, writes or (null) removes an entry. */
  const keep = (area, key, value) => {
    try {
      const storage = window[area];
      if (value === undefined) return JSON.parse(storage.getItem(key));
      if (value === null) storage.removeItem(key); else storage.setItem(key, JSON.stringify(value));
    } catch { /* forbidden or full: the chat only forgets */ }
    return null;
  };

  // --- Elements

  /** An element with properties and children; strings become text nodes. */
  const make = (tag, props, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (name in element) element[name] = value; else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const button = (props, ...children) => make('button', Object.assign({ type: 'button' }, props), ...children);
  const icon = (...paths) => {
    const space = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(space, 'svg');
    for (const [name, value] of [['viewBox', '0 0 24 24'], ['aria-hidden', 'true']]) svg.setAttribute(name, value);
    for (const d of paths) svg.appendChild(document.createElementNS(space, 'path')).setAttribute('d', d);
    return svg;
  };

  const DARK = `color-scheme:dark;--bg:#171a20;--field:#20242c;--bubble:#262b34;--ink:#e9ebee;--faint:#a3abb8;--line:#343a45;
    --accent:var(--nightdesk-accent,#24796c);--link:#7fd0c2;--warm:#3a3120;--warm-ink:#f0d9a8;--red:#ff9d94;--red-line:#7c3a36`;
  const CSS = `
    :host{all:initial!important;position:fixed!important;right:0!important;bottom:0!important;z-index:2147483000!important}
    *{box-sizing:border-box}
    [hidden]{display:none!important}
    .root{--bg:#fff;--field:#f5f5f2;--bubble:#f1f1ed;--ink:#20242a;--faint:#5d6570;--line:#e2e2dc;
      --accent:var(--nightdesk-accent,#1f6f63);--link:#125e53;--warm:#fdf4e0;--warm-ink:#6a4a0a;--red:#b3261e;--red-line:#e7b9b5;
      color-scheme:light;color:var(--ink);text-align:left;
      font:15px/1.55 system-ui,"PingFang SC","Microsoft YaHei",sans-serif}
    @media (prefers-color-scheme:dark){.root:not([data-theme=light]){${DARK}}}
    .root[data-theme=dark]{${DARK}}
    button,textarea{font:inherit;color:inherit;margin:0}
    button{cursor:pointer;border:0;background:none;padding:0;border-radius:8px}
    :focus{outline:none}
    :focus-visible{outline:2px solid var(--link);outline-offset:2px}
    svg{width:22px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;flex:none;display:block}
    .sr,.visitor+.visitor .who,.bot+.bot .who,.human+.human .who{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}

    .launcher{position:fixed;right:20px;bottom:20px;display:flex;align-items:center;gap:9px;height:52px;padding:0 20px 0 16px;border-radius:26px;
      background:var(--accent);color:#fff;font-weight:600;box-shadow:0 6px 20px rgba(15,25,35,.26)}
    .panel{position:fixed;right:20px;bottom:20px;width:384px;height:620px;max-height:calc(100vh - 40px);display:flex;flex-direction:column;overflow:hidden;
      background:var(--bg);border:1px solid var(--line);border-radius:18px;box-shadow:0 16px 50px rgba(15,25,35,.26)}
    .head{display:flex;align-items:center;gap:12px;padding:13px 10px 13px 18px;background:var(--accent);color:#fff}
    .head :focus-visible{outline-color:#fff}
    .head div{flex:1;min-width:0}
    h2{font:inherit;font-size:16px;font-weight:650;line-height:1.35;margin:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
    .state{display:flex;align-items:center;flex-wrap:wrap;gap:0 7px;font-size:12.5px;line-height:1.5;min-height:19px}
    .state::before{content:"";width:7px;height:7px;border-radius:50%;background:#9be8bd;flex:none}
    .state.queued::before{background:#ffd479}.state.human::before{background:#9cd2ff}
    .state.closed::before,.state.off::before{background:#ccd1d6}.state.urgent::before{background:#ff8f86}
    .state.off.busy::before{animation:blink 1.1s infinite}
    .state button{text-decoration:underline;text-underline-offset:2px}
    .shut{width:40px;height:40px;display:grid;place-items:center}
    .banner{padding:9px 18px;font-size:13px;background:var(--warm);color:var(--warm-ink)}

    .scroll{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:8px 16px 14px}
    .log{display:flex;flex-direction:column;align-items:flex-start}
    .msg{max-width:88%;margin-top:12px}
    .who{font-size:12px;color:var(--faint);margin:0 2px 3px}
    .text{padding:8px 13px;border-radius:4px 15px 15px 15px;background:var(--bubble);white-space:pre-wrap;overflow-wrap:anywhere}
    .text a{color:var(--link);text-underline-offset:2px}
    .notice .text{background:var(--warm);color:var(--warm-ink)}
    .notice .text a{color:inherit}
    .human .text{box-shadow:inset 0 0 0 1px var(--accent)}
    .visitor{align-self:flex-end}
    .visitor .who{text-align:right}
    .visitor .text{background:var(--accent);color:#fff;border-radius:15px 4px 15px 15px}
    .visitor+.visitor,.bot+.bot,.human+.human{margin-top:5px}
    .system{align-self:center;text-align:center;font-size:12.5px;color:var(--faint)}
    .system .text{background:none;color:inherit;padding:2px 8px}
    .options{display:flex;flex-wrap:wrap;gap:7px;margin-top:7px}
    .options button{text-align:left;padding:6px 13px;min-height:36px;border:1px solid var(--link);color:var(--link);border-radius:18px;background:var(--bg)}
    .options button:hover,.earlier:hover{background:var(--field)}
    .options button.chosen{border-color:var(--line);color:var(--faint)}
    .status{display:flex;align-items:center;justify-content:flex-end;gap:10px;font-size:12px;color:var(--faint);margin:3px 2px 0}
    .status button{text-decoration:underline;text-underline-offset:2px;min-height:24px}
    .failed .status{color:var(--red)}
    .failed .text{opacity:.75}
    .earlier{align-self:center;font-size:13px;color:var(--link);padding:6px 14px;margin-top:6px}
    .typing{display:inline-flex;gap:5px;margin-top:12px;padding:13px 15px;border-radius:4px 15px 15px 15px;background:var(--bubble)}
    .typing i{width:6px;height:6px;border-radius:50%;background:var(--faint);animation:blink 1.1s infinite}
    .typing i+i{animation-delay:.2s}.typing i+i+i{animation-delay:.4s}
    @keyframes blink{50%{opacity:.25}}

    .foot{border-top:1px solid var(--line);padding:10px 12px 12px;padding-bottom:max(12px,env(safe-area-inset-bottom))}
    .quick{display:flex;gap:8px;margin-bottom:9px}
    .quick button{display:inline-flex;align-items:center;gap:5px;font-size:13px;min-height:32px;padding:2px 12px;border:1px solid var(--line);border-radius:16px}
    .quick button:hover{background:var(--field)}
    .quick .urgent{color:var(--red);border-color:var(--red-line);margin-left:auto}
    .quick svg{width:15px}
    .write{display:flex;align-items:flex-end;gap:8px}
    textarea{flex:1;min-width:0;resize:none;height:42px;max-height:130px;padding:9px 13px;line-height:1.45;border:1px solid var(--line);border-radius:13px;background:var(--field)}
    textarea::placeholder{color:var(--faint);opacity:1}
    textarea:focus{outline:2px solid var(--link);outline-offset:-1px}
    .go{width:42px;height:42px;display:grid;place-items:center;border-radius:13px;background:var(--accent);color:#fff}
    .go:not(.ready){opacity:.45}
    @media (max-width:480px){
      .launcher{right:14px;bottom:14px}
      .panel{right:0;top:var(--top,0);bottom:auto;width:100vw;height:var(--height,100%);max-height:none;border:0;border-radius:0}
      textarea{font-size:16px}
    }
    @media (prefers-reduced-motion:reduce){*{animation:none!important}}
    @media (forced-colors:active){.text,.go{border:1px solid}}
    @media print{.root{display:none}}`;

  const host = document.createElement('nightdesk-chat');
  const shadow = host.attachShadow({ mode: 'open' });
  try { // not stopped by a page's style-src, as a <style> would be
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    shadow.adoptedStyleSheets = [sheet];
  } catch { shadow.append(make('style', { textContent: CSS })); }

  const title = given.title || say.title;
  const launcher = button({ className: 'launcher', 'aria-expanded': 'false', 'aria-controls': 'panel' },
    icon('M4 5.5h16v11H10L5.5 20v-3.5H4z', 'M8 9.5h8M8 12.5h5'), make('span', {}, title));
  const stateText = make('span');
  const again = button({ hidden: true, textContent: say.again });
  const state = make('div', { className: 'state off busy', role: 'status' }, stateText, again);
  const shut = button({ className: 'shut', 'aria-label': say.close, title: say.close }, icon('M6 9l6 6 6-6'));
  const banner = make('div', { className: 'banner', role: 'status', hidden: true });
  const log = make('div', { className: 'log', role: 'log', 'aria-live': 'off' });
  const typing = make('div', { className: 'typing', hidden: true, role: 'img', 'aria-label': say.typing }, make('i'), make('i'), make('i'));
  const scroll = make('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': say.log }, log, typing);
  const person = button({ textContent: say.person });
  const urgent = button({ className: 'urgent' }, icon('M12 3.5l9 16H3z', 'M12 10v4.5M12 17v.01'), say.urgent);
  const input = make('textarea', { rows: 1, placeholder: say.input, 'aria-label': say.input, maxLength: 2000, enterKeyHint: 'send', autocomplete: 'off' });
  const go = make('button', { type: 'submit', className: 'go', 'aria-label': say.send, title: say.send }, icon('M5 12h13M12.5 6l6 6-6 6'));
  const write = make('form', { className: 'write' }, input, go);
  const panel = make('section', { className: 'panel', id: 'panel', role: 'dialog', 'aria-labelledby': 'title', hidden: true },
    make('div', { className: 'head' }, make('div', {}, make('h2', { id: 'title', tabIndex: -1 }, title), state), shut),
    banner, scroll, make('div', { className: 'foot' }, make('div', { className: 'quick' }, person, urgent), write));
  const root = make('div', { className: 'root', lang: speech }, launcher, panel);
  if (given.theme) root.dataset.theme = given.theme;
  shadow.append(root);

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

  function bubble({ role, kind, text, options, message, name, ts }) {
    const who = ['visitor', 'bot', 'human', 'system'].includes(role) ? role : 'bot';
    const date = ts ? new Date(ts) : new Date();
    const words = String(text || say[kind] || '');
    const element = make('div', { className: `msg ${who}${kind === 'notice' ? ' notice' : ''}` },
      make('div', { className: 'who' }, make('span', who === 'visitor' ? { className: 'sr' } : {}, (who === 'human' && name) || say[who] || ''), ' ',
        make('time', { textContent: clock(date) })),
      make('div', { className: 'text', dir: 'auto' }, who === 'visitor' ? words : linked(words)));
    if (Array.isArray(options) && options.length) {
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
      text = { bot: say.isBot, queued: owner.position > 0 ? say.isPlace.replace('%', owner.position) : say.isQueued, human: say.isHuman, closed: say.isClosed }[look];
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
    if (code === 'rate_limited' || (wait > 0 && (message.tries = (message.tries || 0) + 1) < 4)) holdUntil = performance.now() + Math.min(Math.max(wait || 1500, 200), 60000);
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
      show(seq, ts, data);
    } else if (type === 'state') {
      if (!note(seq)) return;
      owner = data;
      showState();
      if ('open' in data) showHours(data.open, data.next_open);
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
    session = { token: data.token || session.token, conversation: data.conversation, epoch: data.epoch, seq: upTo };
    last = upTo;
    keep('localStorage', KEY, session);
    welcomeText = data.greeting;
    if (data.language) log.lang = data.language; // for those who have it read aloud
    if (data.limits && data.limits.text > 0) input.maxLength = data.limits.text;
    owner = data;
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
})();
