/** The widget's look: its elements, its style sheet, light and dark. */

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
  .count{position:absolute;top:-6px;right:-4px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:#c4261d;color:#fff;
    font-size:12.5px;line-height:22px;text-align:center}
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
  .rating{margin:8px 0 0;width:300px;max-width:100%}
  .scores{display:flex;gap:5px}
  .scores label{flex:1;position:relative;display:flex;flex-direction:column;align-items:center;gap:1px;padding:6px 1px;border:1px solid var(--line);
    border-radius:10px;font-size:11px;line-height:1.3;text-align:center;color:var(--faint);cursor:pointer}
  .scores b{font-size:16px;color:var(--ink)}
  .scores input{position:absolute;inset:0;margin:0;opacity:0;cursor:pointer}
  .scores label:has(:checked){border-color:var(--accent);background:var(--accent);color:#fff}
  .scores label:has(:checked) b{color:#fff}
  .scores label:has(:focus-visible){outline:2px solid var(--link);outline-offset:2px}
  .rating textarea{display:block;width:100%;height:60px;margin-top:8px;font-size:14px}
  .rating .do{margin-top:8px;min-height:36px;padding:4px 16px;border-radius:18px;background:var(--accent);color:#fff;font-size:14px}
  .rating .hint{font-size:12.5px;color:var(--red);margin:6px 2px 0}
  .rating .hint:empty{display:none}
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
  @media (forced-colors:active){.text,.go,.count{border:1px solid}.scores label:has(:checked){outline:3px solid Highlight}}
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
const badge = make('span', { className: 'count', hidden: true });
const news = make('span', { className: 'sr', role: 'status' }); // says what came while the panel was closed
launcher.append(badge);
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
const root = make('div', { className: 'root', lang: speech }, launcher, news, panel);
if (given.theme) root.dataset.theme = given.theme;
shadow.append(root);
