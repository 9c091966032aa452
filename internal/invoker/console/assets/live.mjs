// Live content: the server sends the content of the page again whenever it has changed, and
// this module merges it into the page. What the visitor does there is kept: focus, scroll
// position, choices, and what is typed.
import { tellTimes } from "./times.mjs";
import { merge } from "./merge.mjs";
import { hold } from "./hold.mjs";
import { full, place } from "./places.mjs";
import { listenFor } from "./silence.mjs";

const banner = document.getElementById("banner");
const main = document.getElementById("main");
let opened = null; // ends the connection, or the wait for its place
const patience = 10000; // milliseconds that another page may take
const noAnswer = "The server does not answer. This page shows what it was, and goes on as soon as the server is back.";
let retry = 1000;
let timer = 0;
let waiting = null; // content whose new rows are held back
let pointed = false; // the pointer is on a row
let leaving = false; // the visitor has followed a link

// followPage keeps the page up to date while somebody looks at it. Browsers allow few
// connections to one server, so hidden pages have none.
export function followPage() {
  if (!main.hasAttribute("data-live")) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("beforeunload", leave);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (e) => e.persisted && open());
  main.addEventListener("pointerover", (e) => point(e.pointerType === "mouse" && !!e.target.closest("[data-row]")));
  main.addEventListener("pointerleave", () => point(false));
  addEventListener("scroll", release, { passive: true });
  news.addEventListener("click", () => { scrollTo({ top: 0 }); show(waiting); });
  main.before(news);
  open();
}

async function open() {
  if (opened || document.hidden) return;
  clearTimeout(timer);
  const { signal } = (opened = new AbortController());
  try {
    const free = await place(signal, () => say(`${full}, so this one shows what it was. It goes on when another one is closed.`));
    ends(signal, free);
    if (!signal.aborted) listen(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

// ends does something at the end of a connection.
function ends(signal, act) {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}

function listen(signal) {
  const source = new EventSource(location.href);
  const silence = listenFor(() => lost(noAnswer));
  ends(signal, () => { source.close(); silence.stop(); });
  for (const name of ["open", "page", "beat"]) source.addEventListener(name, silence.heard);
  source.addEventListener("page", (e) => { answered(); arrived(JSON.parse(e.data)); });
  source.addEventListener("reload", reload);
  source.addEventListener("full", (e) => lost(JSON.parse(e.data)));
  source.addEventListener("error", () => lost(noAnswer));
}

function close() {
  opened?.abort();
  opened = null;
  clearTimeout(timer);
}

// reload loads the page anew, unless that would bring back a visitor who waits for another page.
function reload() {
  close();
  if (leaving) timer = setTimeout(open, patience);
  else location.reload();
}

// leave notices that a visitor follows a link, which may also lead to a download.
function leave() {
  leaving = true;
  setTimeout(() => (leaving = false), patience);
}

function answered() {
  retry = 1000;
  banner.hidden = true;
}

// lost tries again, less and less often. The page stays as it was, and says why.
function lost(why) {
  close();
  say(why);
  timer = setTimeout(open, retry);
  retry = Math.min(retry * 2, 15000);
}

function say(why) {
  banner.textContent = why;
  banner.hidden = false;
}

// news is the button that shows the rows that are held back.
const news = document.createElement("button");
news.className = "news";
news.hidden = true;

// point remembers whether the pointer is on a row.
function point(on) {
  pointed = on;
  release();
}

// held reports whether rows stay where they are: the pointer is on one of them, or the visitor
// has scrolled down to some.
function held() {
  const first = main.querySelector("tr[data-row]");
  return pointed || (!!first && first.getBoundingClientRect().top < 0);
}

// release shows what was held back, once nothing holds it any more.
function release() {
  if (waiting && !held()) show(waiting);
}

// arrived shows new content. Rows that are held stay in their places: they change, but none
// comes or goes.
function arrived(page) {
  if (!held()) {
    show(page);
    return;
  }
  const next = parse(page);
  const { added, moved } = hold(main, next);
  waiting = moved ? page : null;
  tell(added);
  put(page, next);
}

// tell shows how many rows are new.
function tell(added) {
  news.hidden = added === 0;
  news.textContent = added === 1 ? "1 new" : `${added} new`;
}

function show(page) {
  waiting = null;
  tell(0);
  put(page, parse(page));
}

function parse(page) {
  const next = document.implementation.createHTMLDocument();
  next.body.innerHTML = page.content;
  return next.body;
}

function put(page, next) {
  document.title = `${page.title} · runwith`;
  tellTimes(next);
  merge(main, next);
  main.dispatchEvent(new CustomEvent("merged"));
}
