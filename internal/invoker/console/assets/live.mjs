// Live content: the server sends the content of the page again whenever it has changed, and
// this module merges it into the page. What the visitor does there is kept: focus, scroll
// position, choices, and what is typed.
import { tellTimes } from "./times.mjs";
import { merge } from "./merge.mjs";

const banner = document.getElementById("banner");
const main = document.getElementById("main");
let source = null;
let retry = 1000;
let timer = 0;
let waiting = null; // content that came while the pointer was on a row
let pointed = false;

// followPage keeps the page up to date while somebody looks at it. Browsers allow few
// connections to one server, so hidden pages have none.
export function followPage() {
  if (!main.hasAttribute("data-live")) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", (e) => e.persisted && open());
  main.addEventListener("pointerover", (e) => (pointed = e.pointerType === "mouse" && !!e.target.closest("[data-row]")));
  main.addEventListener("pointerleave", () => { pointed = false; if (waiting) show(waiting); });
  open();
}

function open() {
  if (source || document.hidden) return;
  clearTimeout(timer);
  source = new EventSource(location.href);
  source.addEventListener("page", (e) => { answered(); arrived(JSON.parse(e.data)); });
  source.addEventListener("reload", () => { close(); location.reload(); });
  source.addEventListener("error", lost);
}

function close() {
  source?.close();
  source = null;
  clearTimeout(timer);
}

function answered() {
  retry = 1000;
  banner.hidden = true;
}

// lost tries again, less and less often. The page stays as it was, and says so.
function lost() {
  close();
  banner.textContent = "The server does not answer. This page shows what it was, and goes on as soon as the server is back.";
  banner.hidden = false;
  timer = setTimeout(open, retry);
  retry = Math.min(retry * 2, 15000);
}

// arrived shows new content, unless rows would move below the pointer.
function arrived(page) {
  if (pointed && rows(page.content) !== rows(main.innerHTML)) {
    waiting = page;
    return;
  }
  show(page);
}

// rows returns the order of the rows in some HTML.
function rows(html) {
  return [...html.matchAll(/<tr id="([^"]+)" data-row/g)].map((m) => m[1]).join();
}

function show(page) {
  waiting = null;
  document.title = `${page.title} · runwith`;
  const next = document.implementation.createHTMLDocument();
  next.body.innerHTML = page.content;
  tellTimes(next.body);
  merge(main, next.body);
  main.dispatchEvent(new CustomEvent("merged"));
}
