/** Elements. Whatever comes over the wire goes into them as text nodes and attributes, never as markup. */

/** An element with properties, attributes (null leaves one out) and children; strings become text nodes. */
export function make(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined) continue;
    if (name === 'data') Object.assign(element.dataset, value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that does something. */
export const button = (props, does, ...children) => {
  const element = make('button', { type: 'button', ...props }, ...children);
  element.addEventListener('click', does);
  return element;
};

/** A key of the keyboard, shown on what it does. */
export const key = (name) => make('kbd', { 'aria-hidden': 'true' }, name);

export const byId = (id) => document.getElementById(id);

/** Told to a screen reader. */
export function announce(text) {
  byId('said').textContent = text;
}

/** Told to everybody, for a while. */
export function toast(text, kind = 'bad') {
  const line = make('div', { className: `toast ${kind}` }, text);
  byId('toasts').append(line);
  setTimeout(() => line.remove(), 6000);
}

/** Asks before something that cannot be taken back; true for yes. */
export function confirmed(question, yes, no) {
  return new Promise((resolve) => {
    const dialog = make('dialog', { className: 'ask', 'aria-label': question },
      make('p', {}, question),
      make('div', { className: 'row end' },
        button({ className: 'plain' }, () => dialog.close(''), no),
        button({ className: 'main', autofocus: true }, () => dialog.close('yes'), yes)));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// --- Time, by the server's clock

let ahead = 0; // of this machine's clock, in milliseconds

export function serverClock(now) {
  ahead = Date.parse(now) - Date.now() || 0;
}

export const now = () => Date.now() + ahead;
