// A station of its own: its last image, or an earlier one that somebody looks at.

import { make, setText, shape } from './dom.js';
import { earlierSign, signOf, whatHolds } from './line.js';
import { Picture, showCounts, Sign } from './show.js';
import { clockTime, duration, fill, markOf, saidWord, words } from './words.js';

const idle = 60000; // after which an earlier image gives way to the newest

/** StationView shows a station. */
export class StationView {
  constructor(element, judge, takeBack) {
    this.element = element;
    this.name = null;
    this.selected = null; // the id of an earlier image
    this.heading = element.querySelector('h2');
    this.age = element.querySelector('.age');
    this.sign = new Sign(element.querySelector('.sign'));
    this.picture = new Picture(element.querySelector('.picture'), 1600);
    this.facts = element.querySelector('.facts');
    this.counts = element.querySelector('.counts');
    this.strip = element.querySelector('.strip');
    this.live = element.querySelector('.live');
    this.live.addEventListener('click', () => this.select(null));
    this.buttons = [...element.querySelectorAll('.judge button')];
    for (const button of this.buttons) {
      button.addEventListener('click', () => this.image && judge(this.name, this.image, button.dataset.verdict));
    }
    this.undo = element.querySelector('.undo');
    this.undo?.addEventListener('click', () => takeBack(this.name, this.image));
    for (const name of ['pointerdown', 'keydown']) {
      addEventListener(name, () => { this.touched = performance.now(); }, { passive: true });
    }
  }

  /** open changes to another station. */
  open(name) {
    this.name = name;
    this.selected = null;
    this.again = () => {};
  }

  /** select looks at an earlier image; null is the newest, whichever that is. */
  select(id) {
    this.selected = id;
    this.touched = performance.now();
    this.again();
  }

  /** step goes to an earlier image or to a later one. */
  step(by) {
    const recent = this.station?.recent ?? [];
    const at = Math.max(0, recent.findIndex((i) => i.id === this.selected)) + by;
    if (at >= 0 && at < recent.length) this.select(at === 0 ? null : recent[at].id);
  }

  show(line, connection) {
    this.again = () => this.show(line, connection);
    this.station = line.stations.get(this.name) ?? null;
    const station = this.station ?? { name: this.name, recent: [], counts: { ok: 0, ng: 0, none: 0 }, waiting: 0 };
    if (this.selected !== null && performance.now() - this.touched > idle) this.selected = null;
    let at = station.recent.findIndex((i) => i.id === this.selected);
    if (at <= 0) {
      this.selected = null;
      at = 0;
    }
    const image = station.recent[at] ?? null;
    this.image = image;
    const now = connection.now();
    setText(this.heading, station.name);
    setText(this.age, image ? fill(words.ago, duration(now - image.since)) : '');
    this.sign.show(this.element, at > 0 && connection.isUp() ? earlierSign(image, at) : signOf(line, station, connection), image?.verdict);
    this.picture.show(image);
    showCounts(this.counts, station.counts, station.waiting);
    this.live.hidden = at === 0;
    if (this.undo) {
      this.undo.hidden = !image?.by;
      if (image?.by) setText(this.undo, fill(words.takeBackWhat, fill(words.judgedBy, saidWord(image.verdict), image.by)));
    }
    for (const button of this.buttons) button.disabled = image === null;
    this.showFacts(station, image, now);
    this.showStrip(station, now);
  }

  /** greet marks a verdict as new. */
  greet(name) {
    if (name === this.name && this.selected === null) this.sign.greet();
  }

  showFacts(station, image, now) {
    const key = JSON.stringify([station.service, image?.seq, new Date(now).toDateString()]);
    if (this.facts.dataset.key === key) return;
    this.facts.dataset.key = key;
    const rows = [...(image ? imageFacts(image, now) : []), [words.support, station.service || image?.error]];
    this.facts.replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value, link]) =>
      [make('dt', {}, name), make('dd', {}, value, ...(link ? [' ', link] : []))]));
  }

  showStrip(station, now) {
    const key = [this.selected, ...station.recent.map((i) => i.seq)].join();
    if (this.strip.dataset.key === key) return;
    this.strip.dataset.key = key;
    const had = new Map([...this.strip.children].map((item) => [item.dataset.key, item]));
    this.strip.replaceChildren(...station.recent.map((image, at) => {
      const item = had.get(station.name + image.seq) ?? this.stripItem(station.name, image, now);
      item.firstElementChild.setAttribute('aria-pressed', String(this.selected === null ? at === 0 : this.selected === image.id));
      return item;
    }));
  }

  stripItem(name, image, now) {
    const mark = markOf(image.verdict);
    const time = clockTime(image.since, now);
    const label = `${time} ${whatHolds(image)}`;
    const img = make('img', { src: `images/${encodeURIComponent(image.id)}?w=160`, alt: '', loading: 'lazy' });
    img.addEventListener('error', () => { img.style.visibility = 'hidden'; });
    const button = make('button', { type: 'button', 'data-mark': mark, 'aria-label': label }, img,
      make('span', image.by ? { class: 'judged' } : {}, shape(mark), time, ...(image.by ? [shape('person')] : [])));
    button.addEventListener('click', () => this.select(image.id));
    return make('li', { 'data-key': name + image.seq }, button);
  }
}

/** imageFacts are what is known of an image: a name, a value, and perhaps a link. */
function imageFacts(image, now) {
  const boxes = image.boxes?.length ?? 0;
  const original = make('a', { href: 'images/' + encodeURIComponent(image.id), target: '_blank', rel: 'noopener' }, words.original);
  return [
    [words.file, image.file, original],
    [words.lot, image.lot],
    [words.serial, image.serial],
    [words.inspected, clockTime(image.since, now)],
    [words.taken, image.written && image.since - image.written > 60000 ? clockTime(image.written, now) : ''],
    [words.score, image.score === null ? '' : image.score.toLocaleString(undefined, { maximumSignificantDigits: 4 })],
    [words.why, image.note],
    [words.boxes, boxes === 0 ? '' : image.more ? fill(words.boxesMore, boxes + image.more, boxes) : String(boxes)],
  ];
}
