// What the page says, and how it tells numbers and times.

export const config = JSON.parse(document.getElementById('config').textContent);
export const words = config.words;

/** fill returns a text with its values filled in. */
export function fill(text, ...values) {
  let next = 0;
  return text.replaceAll('%s', () => values[next++]);
}

/** duration tells milliseconds in at most two units, in such a way that it ticks. */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const parts = [];
  if (days > 0) parts.push(fill(words.days, days));
  if (hours > 0) parts.push(fill(words.hours, hours % 24));
  if (minutes > 0 && days === 0) parts.push(fill(words.minutes, minutes % 60));
  if (hours === 0) parts.push(fill(words.seconds, seconds % 60));
  return parts.slice(0, 2).join('\u00a0');
}

const clockForm = new Intl.DateTimeFormat(config.language, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const shortForm = new Intl.DateTimeFormat(config.language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dayForm = new Intl.DateTimeFormat(config.language, { month: 'short', day: 'numeric' });

/** clockTime tells a time of day, and the day where it is another one than now's. */
export function clockTime(at, now) {
  const day = new Date(at).toDateString() === new Date(now).toDateString() ? '' : dayForm.format(at) + ' ';
  return day + clockForm.format(at);
}

/** shortTime is a time of day without seconds. */
export function shortTime(at) {
  return shortForm.format(at);
}

/** markOf is how a verdict is drawn. Whatever is neither OK nor NG is none. */
export function markOf(verdict) {
  return { OK: 'ok', NG: 'ng' }[verdict] ?? 'none';
}

/** verdictWord is the word for a verdict. */
export function verdictWord(verdict) {
  return words[markOf(verdict)];
}

/** saidWord is the word for what a person says. */
export function saidWord(verdict) {
  return markOf(verdict) === 'none' ? words.dontKnow : verdictWord(verdict);
}
