// The page of a log: its controls, its keys, and what it says about itself.
import { Jumps } from "./logjumps.mjs";
import { exact, unfold } from "./logrow.mjs";
import { Search } from "./logsearch.mjs";
import { View } from "./logview.mjs";
import { Window } from "./logwindow.mjs";

const by = (id) => document.getElementById(id);
const box = by("log"), list = by("log-lines"), status = by("log-status"), sought = by("log-search");
const url = box.dataset.stream;
const count = new Intl.NumberFormat("en");

const rows = new Window(box, list);
const view = new View(url, box, rows, { changed, drawn, state });
const search = new Search(rows, (hits) => say(by("log-hits"), search.active ? `${count.format(hits)} on this page` : ""));
const jumps = new Jumps(url, box, rows, view, search, (text) => say(by("log-hunt"), text));

list.replaceChildren(); // a link for when this module does not run
prefer("log-zone", "local", (zone) => { rows.retime(zone); box.dataset.zone = zone; });
prefer("log-wrap", "true", (wrap) => box.toggleAttribute("data-wrap", wrap === "true"));
view.end();

// say writes a text if it is another one, because a screen reader reads each change.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// State

function state(name, detail) {
  by("log-signal").dataset.state = name;
  if (name === "connecting") return;
  if (name === "live") say(status, "Live");
  else if (name === "lost") say(status, `${detail.status ? detail.message : "The server does not answer"}. The log goes on as soon as it can.`);
  else if (name === "refused") say(status, `${detail.message}.${detail.status === 401 ? " Sign in again: reload this page." : ""}`);
  else ended(detail);
  changed();
}

function ended(invocation) {
  badge(invocation.state);
  say(status, `The log is complete. The invocation has ended: ${invocation.state}.`);
}

// badge shows the state of the invocation.
function badge(text) {
  const e = document.querySelector(".head .state");
  e.dataset.state = text;
  say(e, text);
}

function drawn(added) {
  if (added.length > 0 && ["accepted", "queued", "starting"].includes(document.querySelector(".head .state").dataset.state)) badge("running");
  search.later();
  changed();
}

// changed shows what can be done.
function changed() {
  by("log-follow").setAttribute("aria-pressed", String(view.follow && !view.ended));
  by("log-follow").disabled = view.ended && !view.behind;
  by("log-earlier").hidden = view.complete || rows.lines === 0;
  by("log-earlier").disabled = view.loading;
  by("log-first").hidden = !view.complete || rows.lines === 0;
  by("log-later").hidden = !view.behind;
  by("log-empty").hidden = rows.lines > 0;
  if (rows.lines === 0) say(by("log-empty"), view.ended ? "Nothing was printed." : "Nothing has been printed yet. Lines appear here as tasks print them.");
}

// Controls

function next() {
  if (search.active) jumps.next();
  else sought.focus();
}

function previous() {
  if (search.active) jumps.previous();
  else sought.focus();
}

function press(id, act) {
  by(id).addEventListener("click", act);
}

press("log-start", () => view.begin());
press("log-end", () => view.end());
press("log-later", () => view.end());
press("log-follow", () => view.toggle());
press("log-error", () => jumps.firstError());
press("log-next", next);
press("log-previous", previous);
press("log-earlier", () => view.earlier().catch((error) => state("lost", error)));

sought.addEventListener("input", () => { jumps.forget(); search.set(sought.value); });
sought.addEventListener("keydown", (e) => {
  if (e.key === "Enter") {
    e.preventDefault();
    (e.shiftKey ? previous : next)();
  } else if (e.key === "Escape") {
    e.preventDefault(); // or Chromium empties the field
    box.focus();
  }
});
document.addEventListener("keydown", (e) => e.key === "Escape" && jumps.stop());

list.addEventListener("click", (e) => e.target.matches(".fold") && unfold(e.target));
list.addEventListener("mouseover", (e) => {
  if (e.target.matches(".at") && !e.target.title) e.target.title = exact(e.target.parentNode.line.time);
});

// prefer keeps the choice of a field, or of a button that is pressed or not, for the next visit.
function prefer(id, first, use) {
  const field = by(id);
  const isButton = field.tagName === "BUTTON";
  const set = (value) => {
    if (isButton) field.setAttribute("aria-pressed", value);
    else field.value = value;
    use(value);
  };
  const change = (value) => { set(value); try { localStorage.setItem(id, value); } catch { /* not kept */ } };
  let kept = null;
  try { kept = localStorage.getItem(id); } catch { /* nothing is kept */ }
  set(kept ?? first);
  if (isButton) field.addEventListener("click", () => change(String(field.getAttribute("aria-pressed") !== "true")));
  else field.addEventListener("change", () => change(field.value));
}
