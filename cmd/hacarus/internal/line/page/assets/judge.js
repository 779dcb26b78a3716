// Judging: who, what, and why. Nobody judges, or takes a judgement back, without a
// name.

import { make, remember, remembered, setText } from './dom.js';
import { whatHolds } from './line.js';
import { clockTime, config, fill, saidWord, verdictWord, words } from './words.js';

const shownReasons = 6;

/** Judge asks for judgements and sends them. What was just said can be taken back from the toast. */
export class Judge {
  constructor(line, connection, toast) {
    this.line = line;
    this.connection = connection;
    this.toast = toast;
    this.dialog = document.getElementById('judging');
    this.form = this.dialog.querySelector('form');
    this.by = this.form.elements.by;
    this.reason = this.form.elements.reason;
    this.problem = this.form.querySelector('.problem');
    this.save = this.form.querySelector('.primary');
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.querySelector('.cancel').addEventListener('click', () => this.dialog.close());
    this.form.querySelector('.change').addEventListener('click', () => this.askName(true));
    this.button = document.getElementById('me');
    this.button.addEventListener('click', () => this.rename());
    this.showName();
  }

  /** name is who judges in this shift; "" until somebody has said so. */
  name() {
    const kept = remembered('name');
    return kept?.shift === this.line.shift ? kept.name : '';
  }

  keepName(name) {
    remember('name', { name, shift: this.line.shift });
    this.showName();
  }

  showName() {
    const name = this.name();
    setText(this.button.querySelector('span'), name || words.you);
    this.button.toggleAttribute('data-nobody', name === '');
    this.button.setAttribute('aria-label', name ? `${fill(words.as, name)}: ${words.change}` : words.you);
  }

  /** ask opens the dialog for an image, which stays the one that is judged whatever comes. */
  ask(station, image, verdict) {
    if (!this.begin(station, image, words.judge, false)) return;
    this.form.elements.verdict.value = verdict;
    this.showReasons([...new Set([...(remembered('reasons') ?? []), words.reasonSeen, words.reasonDirt, words.reasonLight, words.reasonMark])].slice(0, shownReasons));
    this.open();
  }

  /** takeBack opens it to take back what a person has said. Most often that is a slip of one's own. */
  takeBack(station, image) {
    if (!image?.by || !this.begin(station, image, words.undoTitle, true)) return;
    this.showReasons([words.reasonSlip, words.reasonAgain]);
    if (image.by === this.name()) this.reason.value = words.reasonSlip;
    this.open();
  }

  /** takeBackLast takes back what was said here a moment ago. It is false if nothing was. */
  takeBackLast() {
    const image = this.last && this.find(this.last.id);
    if (!image?.by) return false;
    this.takeBack(this.last.station, image);
    return true;
  }

  begin(station, image, title, undo) {
    if (this.dialog.open) return false;
    this.toast('');
    Object.assign(this, { station, image, undo });
    this.form.reset();
    setText(this.form.querySelector('h2'), title);
    this.form.querySelector('.choices').hidden = undo;
    this.setProblem('');
    this.setBusy(false);
    const img = this.form.querySelector('img');
    img.style.visibility = '';
    img.onerror = () => { img.style.visibility = 'hidden'; };
    img.src = `images/${encodeURIComponent(image.id)}?w=160`;
    this.showAbout();
    return true;
  }

  open() {
    this.askName(this.name() === '');
    this.dialog.showModal();
    (this.name() === '' ? this.by : this.reason.value ? this.save : this.reason).focus({ preventScroll: true });
  }

  /** showAbout tells which image it is, and what holds of it. */
  showAbout() {
    const { station, image } = this;
    setText(this.form.querySelector('.about p'), [station, image.file, this.timeOf(image), whatHolds(image)].filter(Boolean).join('\n'));
  }

  timeOf(image) {
    return clockTime(image.since, this.connection.now());
  }

  /** askName shows the field for the name, or who is known to judge. */
  askName(asks) {
    this.by.value = this.name();
    this.by.closest('.field').hidden = !asks;
    this.form.querySelector('.as').hidden = asks;
    setText(this.form.querySelector('.as span'), fill(words.as, this.name()));
    if (asks && this.dialog.open) this.by.focus();
  }

  showReasons(reasons) {
    this.form.querySelector('.reasons').replaceChildren(...reasons.map((reason) => {
      const button = make('button', { type: 'button' }, reason);
      button.addEventListener('click', () => {
        this.reason.value = reason;
        this.setProblem('');
      });
      return button;
    }));
  }

  async submit() {
    const by = this.by.value.trim();
    const reason = this.reason.value.trim();
    const said = this.undo ? { undo: true } : { verdict: this.form.elements.verdict.value };
    if (reason === '') return this.miss(this.reason, words.needReason);
    if (by === '') return this.miss(this.by, words.needName);
    this.setProblem('');
    this.setBusy(true);
    const { problem, image } = await send({ id: this.image.id, seq: this.image.seq, ...said, by, reason });
    this.setBusy(false);
    this.image = image ?? this.find(this.image.id) ?? this.image; // others may have said something in between
    if (problem !== '' && !this.isSaid(said, by, reason)) {
      this.showAbout();
      this.setProblem(this.undo && !this.image.by ? words.failNothing : problem);
      return;
    }
    this.keepName(by);
    this.dialog.close();
    if (this.undo) {
      this.toast(fill(words.tookBack, verdictWord(this.image.verdict)));
      return;
    }
    remember('reasons', [...new Set([reason, ...(remembered('reasons') ?? [])])].slice(0, shownReasons));
    this.last = { station: this.station, id: this.image.id };
    const what = [fill(words.saved, saidWord(said.verdict), by), this.station, this.timeOf(this.image)].join(' · ');
    this.toast(what, words.takeBack, () => this.takeBackLast());
  }

  /** isSaid says whether the image has what was said: the response may have been lost. */
  isSaid({ undo, verdict }, by, reason) {
    const now = this.image;
    return undo ? now.undoBy === by && now.undoWhy === reason : now.verdict === verdict && now.by === by && now.note === reason;
  }

  find(id) {
    for (const station of this.line.stations.values()) {
      const found = station.recent.find((i) => i.id === id);
      if (found) return found;
    }
    return null;
  }

  miss(field, text) {
    field.closest('.field').hidden = false;
    this.setProblem(text);
    field.focus();
  }

  setProblem(text) {
    setText(this.problem, text);
  }

  setBusy(busy) {
    this.save.disabled = busy;
    setText(this.save, busy ? words.saving : this.undo ? words.takeBack : words.save);
  }

  /** rename asks for the name alone. */
  rename() {
    const dialog = document.getElementById('naming');
    const form = dialog.querySelector('form');
    const by = form.elements.by;
    by.value = this.name();
    setText(form.querySelector('.problem'), '');
    form.querySelector('.cancel').onclick = () => dialog.close();
    form.onsubmit = (event) => {
      event.preventDefault();
      if (by.value.trim() === '') {
        setText(form.querySelector('.problem'), words.needName);
        by.focus();
        return;
      }
      this.keepName(by.value.trim());
      dialog.close();
    };
    dialog.showModal();
    by.select();
  }
}

/** send sends a judgement. It returns what went wrong, "" for nothing, and the image as it is then if that is known. */
async function send(judgement) {
  let response;
  try {
    response = await fetch('judgements', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(judgement), signal: AbortSignal.timeout(20000),
    });
  } catch {
    return { problem: words.failAway };
  }
  const { image } = await response.json().catch(() => ({})); // it may be a proxy's
  if (response.ok) return { problem: '', image };
  return { problem: { 403: words.failDenied, 404: words.failGone, 409: words.failJudged, 503: words.failAway }[response.status] ?? words.failOther, image };
}

/** mayJudge says whether this screen judges at all. */
export const mayJudge = config.mayJudge;
