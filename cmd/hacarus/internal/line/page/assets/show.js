// What the wall and a station's own page both show: signs, pictures, counters.

import { fromTemplate, make, makeSVG, setText, shape, unseen } from './dom.js';
import { markOf, words } from './words.js';

/** Sign is a shape and a word that are read from afar. */
export class Sign {
  constructor(element) {
    this.element = element;
    element.append(fromTemplate('sign-template'));
    this.use = element.querySelector('use');
    this.word = element.querySelector('strong');
    this.more = element.querySelector('span');
    element.addEventListener('animationend', () => element.classList.remove('new'));
  }

  /** show shows a sign. The colors hang on the frame around it. */
  show(frame, sign, verdict) {
    frame.dataset.state = sign.state;
    frame.dataset.live = sign.live;
    frame.dataset.verdict = verdict ?? '';
    const href = '#shape-' + sign.mark;
    if (this.use.getAttribute('href') !== href) this.use.setAttribute('href', href);
    if (this.said !== sign.word) {
      this.said = sign.word;
      const lines = sign.word.split(/[ \u200b]/);
      this.word.textContent = lines.join('\n');
      this.element.style.setProperty('--lines', lines.length);
      this.element.style.setProperty('--width', Math.max(...lines.map(width)));
    }
    setText(this.more, sign.more);
  }

  /** greet lets a sign be seen as new, also where it says the same as before. */
  greet() {
    this.element.classList.remove('new');
    requestAnimationFrame(() => this.element.classList.add('new'));
  }
}

const ruler = document.createElement('canvas').getContext('2d');

/** width is how wide a word is, in the height of its letters. */
function width(word) {
  ruler.font = '800 100px ' + getComputedStyle(document.documentElement).fontFamily;
  return ruler.measureText(word).width / 100;
}

const patience = 700; // with a picture, before it is said that it takes its time

/**
 * Picture shows an image with its boxes. An older one fades as soon as it is not the
 * one that is meant, and boxes are only ever drawn on their own image.
 */
export class Picture {
  constructor(element, size) {
    this.size = size;
    this.element = element;
    element.dataset.other = ''; // until there is the one that is meant
    element.append(fromTemplate('picture-template'));
    this.img = element.querySelector('img');
    this.boxes = element.querySelector('svg');
    this.note = element.querySelector('p');
    this.wanted = null;
    this.shown = null; // its id
    this.loading = false;
    this.url = null;
    this.say('');
  }

  /** show shows an image, or nothing for null. */
  show(image) {
    this.wanted = image;
    if (image === null) {
      this.clear();
      this.say('');
      return;
    }
    if (this.shown === image.id) {
      this.draw(image);
      return;
    }
    this.element.dataset.other = '';
    this.boxes.replaceChildren();
    if (this.failed === image.id) return;
    if (this.failed) this.say(''); // which was about another image
    this.failed = null;
    this.load();
  }

  /** load loads what is wanted, one image at a time, and so as many as the network carries. */
  async load() {
    if (this.loading) return;
    this.loading = true;
    const image = this.wanted;
    const slow = setTimeout(() => this.say(words.loading), patience);
    try {
      const response = await fetch(`images/${encodeURIComponent(image.id)}?w=${this.size}`, { signal: AbortSignal.timeout(30000) });
      if (!response.ok) throw new Error(response.status === 404 ? words.gonePicture : words.noPicture);
      const blob = await response.blob();
      await this.place(image, blob, response.headers.get('X-Image-Size'));
    } catch (error) {
      this.fail(image, error);
    }
    clearTimeout(slow);
    this.loading = false;
    if (this.wanted !== null && this.wanted.id !== image.id) this.load();
  }

  async place(image, blob, size) {
    const url = URL.createObjectURL(blob);
    const img = new Image();
    img.src = url;
    try {
      await img.decode();
    } catch {
      URL.revokeObjectURL(url);
      throw new Error(words.noPicture);
    }
    const before = this.url;
    this.url = url;
    this.img.src = url;
    this.img.hidden = false;
    if (before !== null) URL.revokeObjectURL(before);
    this.shown = image.id;
    this.boxes.setAttribute('viewBox', '0 0 ' + size.replace('x', ' '));
    if (this.wanted?.id === image.id) this.draw(this.wanted);
  }

  /** fail shows that there is no picture. A page that has no connection tries again with it. */
  fail(image, error) {
    if (this.wanted?.id !== image.id) return;
    this.clear();
    const told = error.message === words.gonePicture ? words.gonePicture : words.noPicture;
    this.say(told);
    this.failed = image.id;
    setTimeout(() => {
      if (this.failed !== image.id) return;
      this.failed = null;
      if (this.wanted?.id === image.id && this.shown !== image.id && told !== words.gonePicture) this.load();
    }, 5000);
  }

  draw(image) {
    delete this.element.dataset.other;
    this.say('');
    if (this.drawn === image) return;
    this.drawn = image;
    const rects = [];
    for (const [left, top, right, bottom] of image.boxes ?? []) {
      const at = { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
      rects.push(makeSVG('rect', { ...at, class: 'halo' }), makeSVG('rect', { ...at, class: 'edge' }));
    }
    this.boxes.replaceChildren(...rects);
  }

  clear() {
    delete this.element.dataset.other;
    this.shown = this.drawn = null;
    this.img.hidden = true;
    this.img.removeAttribute('src');
    this.boxes.replaceChildren();
    if (this.url !== null) URL.revokeObjectURL(this.url);
    this.url = null;
  }

  say(text) {
    setText(this.note, text);
    this.element.toggleAttribute('data-bare', this.img.hidden);
  }
}

/** showCounts shows the counters of a shift, and how many images wait. */
export function showCounts(list, counts, waiting = 0) {
  const key = [counts.ok, counts.ng, counts.none, waiting].join();
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const rows = [['ok', words.ok, counts.ok], ['ng', words.ng, counts.ng], ['none', words.noneShort, counts.none]].map(([name, word, n]) =>
    count(name, word, n));
  if (waiting > 0) rows.push(count('behind', words.waiting, waiting));
  list.replaceChildren(...rows);
}

function count(name, word, n) {
  return make('div', { class: name }, make('dt', {}, shape(name), make('span', {}, word)), make('dd', {}, String(n)));
}

/** chip is an image of the history, as small as it gets. */
export function chip(image) {
  const mark = markOf(image.verdict);
  return make('li', { 'data-mark': mark }, shape(mark), unseen(words[mark]));
}
