// The row of a line. All text of a task goes in as text, never as HTML.
import { spans } from "./ansi.mjs";
import { pretty } from "./logline.mjs";
import { visible } from "./visible.mjs";

const count = new Intl.NumberFormat("en");

// row returns the element of a line. zone is local, utc or none.
export function row(line, zone) {
  const e = element("div", "line");
  e.line = line;
  e.dataset.stream = line.stream;
  if (line.severity) e.dataset.severity = line.severity;
  const time = element("time", "at");
  time.textContent = clock(line.time, zone);
  e.append(time, label(line), text(line));
  return e;
}

function element(name, kind) {
  const e = document.createElement(name);
  e.className = kind;
  return e;
}

// label names the task and the attempt, as the text of the API does.
function label(line) {
  const e = element("span", "from");
  e.textContent = line.attempt > 0 ? `${line.task}.${line.attempt}` : `${line.task}`;
  if (line.attempt > 0) e.dataset.again = "";
  return e;
}

function text(line) {
  const e = element("span", "text");
  if (line.severity === "error" || line.severity === "warning") e.append(mark(line.severity));
  else if (line.stream === "stderr" && !line.severity) e.append(mark("stderr"));
  const words = document.createElement("bdi");
  for (const { text, style } of spans(line.text)) words.append(style ? styled(text, style) : visible(text));
  e.append(words);
  if (line.left > 0) e.append(note(`… ${count.format(line.left)} more characters, in the download`));
  if (line.whole) e.append(folder(line));
  return e;
}

// mark names what a colour says, for those who do not see it.
function mark(name) {
  const e = element("span", "mark");
  e.textContent = name;
  return e;
}

function note(words) {
  const e = element("span", "muted");
  e.textContent = words;
  return e;
}

function folder(line) {
  const e = element("button", "link fold");
  e.type = "button";
  e.textContent = line.object ? "fields" : "overwritten";
  e.setAttribute("aria-expanded", "false");
  return e;
}

// styled returns text in the colours of a terminal. The stylesheet keeps them readable in both
// themes; a colour without a number goes into a variable, because pages have no style attributes.
function styled(words, style) {
  const e = element("span", "sgr");
  e.textContent = visible(words);
  for (const name of ["bold", "faint", "italic", "underline", "inverse", "struck"]) if (style[name]) e.classList.add(name);
  for (const name of ["text", "ground"]) {
    const colour = style[name];
    if (colour === undefined) continue;
    e.classList.add(`has-${name}`);
    e.style.setProperty(`--sgr-${name}`, typeof colour === "number" ? `var(--ansi-${colour})` : colour);
  }
  return e;
}

// unfold shows the fields of a line below it, or hides them again.
export function unfold(button) {
  const row = button.closest(".line");
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (open) return row.querySelector("pre").remove();
  const pre = document.createElement("pre");
  const { object, whole } = row.line;
  pre.dir = "auto";
  pre.textContent = visible((object ? pretty(whole) : whole.replaceAll("\r", "\n")).slice(0, 100_000));
  row.append(pre);
}

// retime writes the time of a row again.
export function retime(row, zone) {
  row.firstChild.textContent = clock(row.line.time, zone);
}

const pad = (n, width = 2) => String(n).padStart(width, "0");

// clock returns the time of day of a line.
export function clock(time, zone) {
  if (zone === "none") return "";
  const t = new Date(time);
  if (isNaN(t)) return "";
  if (zone === "utc") return t.toISOString().slice(11, 23);
  return `${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}.${pad(t.getMilliseconds(), 3)}`;
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

// exact returns a time for people, in both zones.
export function exact(time) {
  const t = new Date(time);
  return isNaN(t) ? "" : `${full.format(t)}\n${time}`;
}
