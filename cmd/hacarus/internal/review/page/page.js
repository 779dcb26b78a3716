import { Picture } from "./picture.js";

const $ = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

const state = {
  language: localStorage.getItem("language") ?? document.documentElement.lang,
  name: localStorage.getItem("name") ?? "",
  texts: {},
  day: null, // "" for all days; null while it is not chosen
  show: "open",
  since: "", // images that were judged after this stay listed, so that one can go back to them
  version: -1,
  list: { images: [], days: [], total: 0, can_send: false },
  current: "", // the id of the image that is shown
  edits: new Map(), // boxes that were changed and not judged yet, by id
  undoable: [], // ids of the images that were judged here
  busy: false,
  away: false,
};

history.replaceState(null, "", "/"); // the token is in a cookie now, and need not stay in the history

// t returns a text of the page in its language, with values in it.
function t(name, ...values) {
  let next = 0;
  return state.texts[name].replace(/%%|%(?:\[(\d+)\])?[sdv]/g, (verb, place) => {
    if (verb === "%%") return "%";
    return values[place ? place - 1 : next++];
  });
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { "Accept-Language": state.language, ...options.headers } });
  const text = await response.text();
  const content = response.headers.get("Content-Type")?.startsWith("application/json") ? JSON.parse(text) : null;
  if (!response.ok) throw Object.assign(new Error(content?.error ?? (text || response.statusText)), { content });
  return content;
}

const tell = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function say(...texts) { $("status").textContent = texts.filter(Boolean).join(" "); }

const images = () => state.list.images;
const position = (id = state.current) => images().findIndex((image) => image.id === id);
const current = () => images()[position()];
const boxesOf = (image) => state.edits.get(image.id) ?? image.boxes;

// ---- The language

async function speak(language) {
  state.language = language;
  localStorage.setItem("language", language);
  state.texts = await ask("api/texts");
  document.documentElement.lang = language;
  document.title = `${t("title")} · HACARUS CHECK`;
  $("language").value = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  $("previous").setAttribute("aria-label", t("previous"));
  $("next").setAttribute("aria-label", t("next"));
  $("zoom-in").setAttribute("aria-label", t("zoomIn"));
  $("zoom-out").setAttribute("aria-label", t("zoomOut"));
  $("frame").setAttribute("aria-label", t("picture"));
  say();
}

function verdictWord(verdict, isPerson) {
  if (verdict === "OK" || verdict === "NG") return verdict;
  return isPerson ? t("unknown") : t("undecided");
}

const verdictClass = (verdict) => (verdict === "OK" ? "ok" : verdict === "NG" ? "ng" : "unknown");

const when = (time) => new Intl.DateTimeFormat(state.language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(time));

// ---- The list

const poll = 3000; // milliseconds

async function refresh() {
  const query = new URLSearchParams({ day: state.day ?? "", show: state.show, version: state.version, since: state.since });
  let list;
  try {
    list = await ask(`api/images?${query}`);
  } catch (error) {
    if (!state.away) say(t("sayAway", error.message));
    state.away = true;
    return;
  }
  if (state.away) say(t("sayBack"));
  state.away = false;
  if (!list) return; // there is nothing new
  const first = state.version < 0;
  state.version = list.version;
  state.since ||= list.now;
  if (state.day === null) {
    state.day = yesterday(list);
    if (state.day !== "") {
      state.version = -1;
      return refresh();
    }
  }
  state.list = list;
  if (position() < 0) {
    const next = first ? images().find((image) => !image.judged) ?? images()[0] : images()[0];
    open(next?.id ?? "");
  }
  render();
}

// yesterday is the day to begin with: the last one before today that has something to
// judge, or else the last one that has.
function yesterday({ days, now }) {
  const today = new Date(now).toLocaleDateString("sv"); // 2026-01-31
  const open = days.filter((day) => day.open > 0);
  return (open.find((day) => day.day < today) ?? open[0] ?? days[0])?.day ?? "";
}

function choose(day, show) {
  Object.assign(state, { day, show, version: -1, since: "", current: "" });
  return refresh();
}

function render() {
  renderDays();
  renderStrip();
  renderImage();
}

function renderDays() {
  const { days } = state.list;
  const total = days.reduce((sum, day) => sum + day.total, 0), open = days.reduce((sum, day) => sum + day.open, 0);
  const option = (value, name, day) => make("option", { value }, t("dayOption", name, day.open, day.total));
  $("day").replaceChildren(...days.map((day) => option(day.day, day.day, day)), option("", t("allDays"), { open, total }));
  $("day").value = state.day ?? "";
  $("show").value = state.show;
  const chosen = days.find((day) => day.day === state.day) ?? { open, total };
  $("progress").textContent = t("progress", chosen.total - chosen.open, chosen.total);
}

function renderStrip() {
  const { list } = state;
  const shown = [...$("strip").children].map((item) => item.firstChild.dataset.id).join();
  if (shown !== images().map((image) => image.id).join()) $("strip").replaceChildren(...images().map(thumbnail));
  images().forEach((image, n) => mark($("strip").children[n].firstChild, image));
  $("cut").hidden = list.total <= images().length;
  $("cut").textContent = t("cut", images().length, list.total);
}

function thumbnail(image) {
  const picture = make("img", { loading: "lazy", alt: "", width: 64, height: 48, src: `api/thumbnail?id=${encodeURIComponent(image.id)}` });
  picture.addEventListener("error", () => picture.replaceWith(make("span", { class: "missing" })));
  const text = make("span", { class: "text" }, make("span", { class: "name" }), make("span", { class: "by" }));
  const button = make("button", { type: "button", "data-id": image.id }, picture, text);
  button.addEventListener("click", () => open(image.id));
  return make("li", {}, button);
}

function mark(button, image) {
  const word = verdictWord(image.verdict, image.judged);
  button.querySelector(".name").textContent = image.file;
  const by = button.querySelector(".by");
  by.textContent = `${word} · ${image.judged ? image.by : t("saysModel")}`;
  by.className = `by ${verdictClass(image.verdict)}`;
  button.classList.toggle("judged", image.judged);
  if (image.id === state.current) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

// ---- The image

const pictures = new Map(); // by id: those that are shown, or soon will be

// load fetches the picture of an image.
function load(id) {
  if (!pictures.has(id)) {
    pictures.set(id, fetchPicture(id));
    if (pictures.size > 6) {
      const [oldest] = pictures.keys();
      pictures.get(oldest).then(({ url }) => url && URL.revokeObjectURL(url));
      pictures.delete(oldest);
    }
  }
  return pictures.get(id);
}

async function fetchPicture(id) {
  try {
    const response = await fetch(`api/picture?id=${encodeURIComponent(id)}`, { headers: { "Accept-Language": state.language } });
    if (!response.ok) return { error: (await response.json()).error };
    return { url: URL.createObjectURL(await response.blob()), from: response.headers.get("Hacarus-From") };
  } catch (error) {
    return { error: error.message };
  }
}

// open shows an image.
async function open(id) {
  if (id === state.current && id) return;
  state.current = id;
  picture.selected = -1;
  if ($("box-list").contains(document.activeElement)) $("frame").focus({ preventScroll: true }); // it was a box of another image
  $("note").value = "";
  $("image").removeAttribute("src");
  $("stage").hidden = true;
  $("source").hidden = true;
  render();
  const image = current();
  if (!image) return;
  scrollTo(id);
  $("empty").hidden = false;
  $("empty").textContent = t("loading");
  const { url, from, error } = await load(id);
  if (state.current !== id) return; // another one is shown by now
  if (error) pictures.delete(id); // it may be there next time
  $("empty").hidden = !error;
  $("empty").textContent = error ?? "";
  if (url) {
    $("stage").hidden = false;
    $("image").src = url;
    $("source").hidden = from === "disk";
    $("source").textContent = from === "changed" ? t("fromChanged") : t("fromService");
  }
  const next = images()[position() + 1];
  if (next) load(next.id);
}

// scrollTo shows an image in the list, without moving the page itself.
function scrollTo(id) {
  const strip = $("strip"), item = strip.children[position(id)];
  if (!item) return;
  strip.scrollTop = item.offsetTop - strip.offsetTop - (strip.clientHeight - item.offsetHeight) / 2;
  strip.scrollLeft = item.offsetLeft - strip.offsetLeft - (strip.clientWidth - item.offsetWidth) / 2;
}

function go(step) {
  const n = position() + step;
  if (n < 0 || n >= images().length) return;
  const inStrip = $("strip").contains(document.activeElement);
  open(images()[n].id);
  if (inStrip) $("strip").children[n].firstChild.focus();
  say(`${images()[n].file}: ${verdictWord(images()[n].verdict, images()[n].judged)}`);
}

function renderImage() {
  const image = current();
  for (const id of ["verdict", "facts-block", "service-block"]) $(id).hidden = !image;
  for (const button of document.querySelectorAll("[data-verdict], #box-new, #draw, #zoom-in, #zoom-out")) button.disabled = !image;
  $("note").disabled = !image;
  $("previous").disabled = position() <= 0;
  $("next").disabled = position() >= images().length - 1;
  $("undo").disabled = state.undoable.length === 0 && !image?.judged;
  if (!image) {
    $("file").textContent = "";
    $("stage").hidden = true;
    $("empty").hidden = false;
    $("empty").textContent = state.show === "open" && state.list.days.length > 0 ? t("noneOpen") : t("none");
    picture.show([]);
    renderBoxes();
    $("history").replaceChildren();
    return;
  }
  $("file").textContent = image.file;
  const word = verdictWord(image.verdict, image.judged);
  $("verdict").textContent = `${word} · ${image.judged ? image.by : t("saysModel")}`;
  $("verdict").className = `badge ${verdictClass(image.verdict)}`;
  $("image").alt = t("alt", image.file, word);
  if (!picture.drag) picture.show(boxesOf(image));
  renderBoxes();
  renderFacts(image);
  renderSending(image);
  renderHistory(image);
}

function renderFacts(image) {
  const facts = [
    ["score", image.score], ["lot", image.lot], ["serial", image.serial], ["station", image.station],
    ["time", when(image.time)], ["model", image.model], ["version", image.model_version], ["item", image.item_id], ["error", image.error],
  ];
  const rows = facts.filter(([, value]) => value !== null && value !== "").map(([name, value]) => make("div", {}, make("dt", {}, t(name)), make("dd", {}, String(value))));
  $("facts").replaceChildren(...rows);
}

function renderHistory(image) {
  $("history").replaceChildren(...image.history.map((line) => {
    const who = line.by || t("saysModel");
    const what = make("span", { class: verdictClass(line.verdict) }, line.undo ? t("undone") : verdictWord(line.verdict, line.by !== ""));
    const parts = [make("b", {}, who), " ", what, make("time", { datetime: line.time }, when(line.time))];
    if (line.note) parts.push(make("q", {}, line.note));
    return make("li", {}, ...parts);
  }));
}

function renderSending(image) {
  const { sending } = image, parts = [];
  const line = (text) => parts.push(make("p", {}, text));
  const button = (name, again) => {
    const element = make("button", { type: "button" }, t(name));
    element.addEventListener("click", () => send(image.id, again));
    parts.push(element);
  };
  if (sending.sent > 0) line(t("sendDone", sending.sent));
  if (sending.busy) line(t("sendBusy"));
  else {
    if (sending.unsent > 0) line(t("sendWaiting", sending.unsent));
    if (sending.unknown > 0) line(t("sendUnknown", sending.unknown));
    if (sending.error) line(sending.error);
    if (sending.unsent > 0 && state.list.can_send) button("send", false);
    if (sending.unknown > 0 && state.list.can_send) {
      button("sendLook", false);
      button("sendAgain", true);
    }
  }
  const key = JSON.stringify([state.language, image.id, sending, state.list.can_send]);
  if ($("sending").dataset.key !== key) { // or else a button would lose the focus
    $("sending").dataset.key = key;
    $("sending").replaceChildren(...parts);
  }
  $("offline").hidden = state.list.can_send;
}

// ---- Boxes

const picture = new Picture({
  frame: $("frame"), stage: $("stage"), image: $("image"), svg: $("boxes"),
  onChange(boxes) {
    state.edits.set(state.current, boxes);
    renderBoxes();
  },
  onSelect(index) {
    renderBoxes();
    if (index >= 0) boxButton(index)?.focus({ preventScroll: true });
    else if ($("box-list").contains(document.activeElement)) $("frame").focus({ preventScroll: true }); // no key acts on a box that is not chosen
  },
});

const boxButton = (index) => $("box-list").children[index]?.firstChild;

function renderBoxes() {
  const { boxes, selected } = picture;
  const list = $("box-list");
  while (list.children.length > boxes.length) list.lastChild.remove();
  boxes.forEach((box, index) => {
    if (!list.children[index]) list.append(boxItem(index));
    const [button, remove] = list.children[index].children;
    button.textContent = t("box", index + 1, ...box);
    button.setAttribute("aria-pressed", index === selected);
    remove.setAttribute("aria-label", t("boxDelete", index + 1));
  });
  $("box-none").hidden = boxes.length > 0;
  $("box-reset").hidden = !state.edits.has(state.current);
}

function boxItem(index) {
  const button = make("button", { type: "button", class: "box-name" });
  button.addEventListener("click", () => picture.select(index));
  button.addEventListener("focus", () => picture.selected === index || picture.select(index));
  button.addEventListener("keydown", (event) => boxKey(event, index));
  const remove = make("button", { type: "button" }, "✕");
  remove.addEventListener("click", () => removeBox(index));
  return make("li", {}, button, remove);
}

const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function boxKey(event, index) {
  if (event.ctrlKey || event.metaKey) return;
  if (event.key === "Delete" || event.key === "Backspace") {
    removeBox(index);
  } else if (event.key === "Escape") {
    $("frame").focus();
    picture.select(-1);
  } else if (steps[event.key]) {
    const far = event.altKey ? 1 : Math.max(1, Math.round(picture.width / 100));
    const [dx, dy] = steps[event.key];
    picture.shift(index, dx * far, dy * far, event.shiftKey);
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function removeBox(index) {
  picture.remove(index);
  say(t("sayDeleted", index + 1));
  (boxButton(Math.min(index, picture.boxes.length - 1)) ?? $("frame")).focus({ preventScroll: true });
}

function newBox() {
  if (!current()) return;
  const index = picture.add();
  say(t("sayBox", index + 1));
}

function setZoom(step) {
  picture.setZoom(step);
  $("zoom").textContent = t("zoom", Math.round(picture.zoom * 100));
}

// ---- Judging

// update puts an image as the program has it now into the list.
function update(image) {
  const n = position(image.id);
  if (n >= 0) images()[n] = image;
}

// change tells the program of something, and shows the image as it is then.
async function change(path, body) {
  if (state.busy) return null;
  state.busy = true;
  try {
    const image = await tell(path, body);
    update(image);
    return image;
  } catch (error) {
    if (error.content?.image) {
      update(error.content.image);
      state.edits.delete(error.content.image.id);
    }
    say(error.content ? error.message : t("sayAway", error.message));
    return null;
  } finally {
    state.busy = false;
    render();
  }
}

async function judge(verdict) {
  const image = current();
  if (!image || state.busy) return;
  if (!state.name) return askName();
  const drawn = boxesOf(image), boxes = verdict === "OK" ? [] : drawn;
  const dropped = verdict === "OK" && state.edits.has(image.id) && drawn.length > 0;
  const judged = await change("api/judge", { id: image.id, by: state.name, verdict, boxes, note: $("note").value, seen: image.seen });
  if (!judged) return;
  state.edits.delete(image.id);
  state.undoable.push(image.id);
  $("note").value = "";
  const next = nextOpen();
  say(t("sayJudged", image.file, verdictWord(verdict, true)), dropped && t("sayDropped"), next ? t("sayNext", next.file) : t("noneOpen"));
  if (next) open(next.id);
  else render();
  refresh();
}

// nextOpen is the next image that nobody has judged, after the current one or else before it.
function nextOpen() {
  const n = position();
  return [...images().slice(n + 1), ...images().slice(0, n)].find((image) => !image.judged);
}

async function undo() {
  const id = state.undoable.at(-1) ?? state.current;
  const image = images()[position(id)];
  state.undoable.pop();
  if (!image?.judged) {
    say(t("sayNobody"));
    render();
    return;
  }
  if (!state.name) return askName();
  const before = await change("api/undo", { id, by: state.name, seen: image.seen });
  if (!before) return;
  state.edits.delete(id);
  open(id);
  render();
  say(t("sayUndone", before.file), before.sending.sent > 0 && t("sayKept"));
  refresh();
}

async function send(id, again) {
  await change("api/send", { id, again });
  refresh();
}

// ---- The person

function askName() {
  $("name").value = state.name;
  $("name-dialog").showModal();
}

function renderName() {
  $("who").textContent = state.name;
  $("who").hidden = !state.name;
  $("who").setAttribute("aria-label", t("nameChange", state.name));
}

$("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.name = $("name").value.trim();
  if (!state.name) return;
  localStorage.setItem("name", state.name);
  renderName();
  $("name-dialog").close();
  $("frame").focus({ preventScroll: true });
});
$("name-dialog").addEventListener("close", () => { if (!state.name) askName(); });
$("who").addEventListener("click", askName);

// ---- What a person does

const keys = {
  o: () => judge("OK"), n: () => judge("NG"), u: () => judge("unknown"), "?": () => judge("unknown"),
  z: undo, b: newBox, w: () => $("note").focus(), h: () => $("help").showModal(),
  "+": () => setZoom(1), ";": () => setZoom(1), "-": () => setZoom(-1),
  ArrowLeft: () => go(-1), ArrowRight: () => go(1), ArrowUp: () => go(-1), ArrowDown: () => go(1),
};

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest("input, select, textarea, dialog[open]")) {
    if (target === $("note") && (event.key === "Enter" || event.key === "Escape")) $("frame").focus({ preventScroll: true });
    return;
  }
  if (target === $("frame") && picture.zoom > 1 && event.key.startsWith("Arrow")) return; // it scrolls
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.repeat && !event.key.startsWith("Arrow")) return; // a key that is held judges one image
  event.preventDefault();
  act();
});

for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => judge(button.dataset.verdict));
$("undo").addEventListener("click", undo);
$("previous").addEventListener("click", () => go(-1));
$("next").addEventListener("click", () => go(1));
$("zoom-in").addEventListener("click", () => setZoom(1));
$("zoom-out").addEventListener("click", () => setZoom(-1));
$("box-new").addEventListener("click", newBox);
$("box-reset").addEventListener("click", () => {
  state.edits.delete(state.current);
  picture.selected = -1;
  render();
});
$("draw").addEventListener("click", () => {
  picture.setDrawing(!picture.drawing);
  $("draw").setAttribute("aria-pressed", picture.drawing);
});
$("help-open").addEventListener("click", () => $("help").showModal());
$("help").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  $("help").close();
});
$("day").addEventListener("change", (event) => choose(event.target.value, state.show));
$("show").addEventListener("change", (event) => choose(state.day, event.target.value));
$("language").addEventListener("change", async (event) => {
  await speak(event.target.value);
  renderName();
  setZoom(0);
  render();
});

await speak(state.language === "ja" ? "ja" : "en");
renderName();
setZoom(0);
if (!state.name) askName();
await refresh();
setInterval(refresh, poll);
