// Small helpers for the document. Text is only ever set as text.

/** make makes an element with attributes, and texts or elements in it. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** shape draws one of the page's symbols. */
export function shape(name) {
  const svg = makeSVG('svg', { class: 'shape', 'aria-hidden': 'true' });
  svg.append(makeSVG('use', { href: '#shape-' + name }));
  return svg;
}

/** makeSVG makes an element of a drawing. */
export function makeSVG(name, attributes = {}) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** fromTemplate returns what is in a template of the page. */
export function fromTemplate(id) {
  return document.getElementById(id).content.cloneNode(true);
}

/** setText changes a text only where it differs, so that nothing is drawn or read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** unseen is text for those who hear the page. */
export function unseen(text) {
  return make('span', { class: 'unseen' }, text);
}

/** remembered is a value that this browser keeps; null where there is none. */
export function remembered(key) {
  try {
    return JSON.parse(localStorage.getItem('hacarus-line-' + key));
  } catch {
    return null; // it keeps nothing, or something else
  }
}

/** remember keeps a value, where the browser keeps anything. */
export function remember(key, value) {
  try {
    localStorage.setItem('hacarus-line-' + key, JSON.stringify(value));
  } catch { /* then it is asked for again */ }
}
