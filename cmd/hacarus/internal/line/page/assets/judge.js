// Judging: who, what, and why. Nobody judges without a name.

import { make, remember, remembered, setText } from './dom.js';
import { clockTime, config, fill, saidWord, verdictWord, words } from './words.js';

const shownReasons = 6;

/** Judge asks for judgements and sends them. */
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
    if (this.dialog.open) return;
    this.image = image;
    this.form.reset();
    this.form.elements.verdict.value = verdict;
    this.setProblem('');
    this.setBusy(false);
    const img = this.form.querySelector('img');
    img.style.visibility = '';
    img.onerror = () => { img.style.visibility = 'hidden'; };
    img.src = `images/${encodeURIComponent(image.id)}?w=160`;
    setText(this.form.querySelector('.about p'), [station, image.file, clockTime(image.since, this.connection.now()), verdictWord(image.verdict)].filter(Boolean).join('\n'));
    this.showReasons();
    this.askName(this.name() === '');
    this.dialog.showModal();
    (this.name() === '' ? this.by : this.reason).focus({ preventScroll: true });
  }

  /** askName shows the field for the name, or who is known to judge. */
  askName(asks) {
    this.by.value = this.name();
    this.by.closest('.field').hidden = !asks;
    this.form.querySelector('.as').hidden = asks;
    setText(this.form.querySelector('.as span'), fill(words.as, this.name()));
    if (asks && this.dialog.open) this.by.focus();
  }

  showReasons() {
    const usual = [words.reasonSeen, words.reasonDirt, words.reasonLight, words.reasonMark];
    const reasons = [...new Set([...(remembered('reasons') ?? []), ...usual])].slice(0, shownReasons);
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
    const verdict = this.form.elements.verdict.value;
    if (reason === '') return this.miss(this.reason, words.needReason);
    if (by === '') return this.miss(this.by, words.needName);
    this.setProblem('');
    this.setBusy(true);
    const problem = await send({ id: this.image.id, seq: this.image.seq, verdict, by, reason });
    this.setBusy(false);
    if (problem !== '' && !this.isSaid(verdict, by, reason)) {
      this.renew();
      return this.setProblem(problem);
    }
    this.keepName(by);
    remember('reasons', [...new Set([reason, ...(remembered('reasons') ?? [])])].slice(0, shownReasons));
    this.dialog.close();
    this.toast(fill(words.saved, saidWord(verdict), by));
  }

  /** isSaid says whether the image has this judgement: its response may have been lost. */
  isSaid(verdict, by, reason) {
    const now = this.current();
    return now?.verdict === verdict && now.by === by && now.note === reason;
  }

  /** renew takes what others have said of the image in between. */
  renew() {
    this.image = this.current() ?? this.image;
  }

  current() {
    for (const station of this.line.stations.values()) {
      const found = station.recent.find((i) => i.id === this.image.id);
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
    setText(this.save, busy ? words.saving : words.save);
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

/** send sends a judgement. It returns what went wrong, and "" for nothing. */
async function send(judgement) {
  let response;
  try {
    response = await fetch('judgements', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(judgement), signal: AbortSignal.timeout(20000),
    });
  } catch {
    return words.failAway;
  }
  if (response.ok) return '';
  return { 403: words.failDenied, 404: words.failGone, 409: words.failJudged, 503: words.failAway }[response.status] ?? words.failOther;
}

/** mayJudge says whether this screen judges at all. */
export const mayJudge = config.mayJudge;
