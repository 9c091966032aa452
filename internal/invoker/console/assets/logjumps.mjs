// Jumps in a log: to the first error, and from hit to hit of a search, also where that is not on the
// page.
import { context, find, page } from "./logfetch.mjs";
import { isError } from "./logline.mjs";

const pageSize = 1000; // lines of a request for earlier ones
const count = new Intl.NumberFormat("en");

export class Jumps {
  #url;
  #box;
  #rows;
  #view;
  #search;
  #tell;
  #row = null; // that was jumped to
  #hinted = null; // the first error on stderr, when others may be earlier
  #hunt = null; // ends a search in what is not on the page

  // tell shows how a search goes, and what it has not found.
  constructor(url, box, rows, view, search, tell) {
    this.#url = url;
    this.#box = box;
    this.#rows = rows;
    this.#view = view;
    this.#search = search;
    this.#tell = tell;
  }

  // stop ends a search in what is not on the page.
  stop() { this.#hunt?.abort(); }

  // forget makes the next jump begin at what is seen.
  forget() { this.#row = null; }

  get #current() { return this.#row?.isConnected ? this.#row : null; }

  // firstError jumps to the first error. That on stderr is found at once, whatever the size of the
  // log. Errors on stdout are JSON lines among all others: a second jump reads them.
  firstError() {
    const here = this.#view.complete && [...this.#rows.rows()].find((row) => isError(row.line));
    if (here) return this.#jump(here);
    if (this.#view.complete && !this.#view.behind) return this.#tell("There is no error.");
    const work = this.#hinted && this.#current?.line === this.#hinted ? this.#earlierError : this.#anyError;
    this.#hunting("First error", work.bind(this));
  }

  async #anyError(signal, progress) {
    const { searchParams } = new URL(this.#url, location.href);
    const both = !searchParams.has("stream");
    let line = both ? await find(this.#url, { stream: "stderr" }, isError, signal, progress) : null;
    this.#hinted = line;
    line ??= await find(this.#url, both ? { stream: "stdout" } : {}, isError, signal, progress);
    if (!line) return "There is no error.";
    await this.#show(line, signal);
    return this.#hinted && "This is the first error on stderr. Press e again to look for an earlier one among the JSON lines on stdout.";
  }

  // earlierError looks for an error on stdout before the one on stderr.
  async #earlierError(signal, progress) {
    const until = Date.parse(this.#hinted.time);
    const line = await find(this.#url, { stream: "stdout" }, (l) => isError(l) || Date.parse(l.time) > until, signal, progress);
    if (!line || !isError(line)) return "There is no earlier error.";
    await this.#show(line, signal);
  }

  // next jumps to the next hit.
  next() {
    const hit = this.#current ? this.#search.after(this.#current) : this.#search.near(this.#rows.seen);
    if (hit) return this.#jump(hit);
    if (!this.#view.behind) return this.#tell("There is no later hit.");
    this.#hunting("Search", async (signal, progress) => {
      const line = await find(this.#url, { after: this.#rows.last.line.position }, (l) => this.#search.matches(l), signal, progress);
      if (!line) return "There is no later hit.";
      await this.#show(line, signal);
    });
  }

  // previous jumps to the hit before.
  previous() {
    const hit = this.#search.before(this.#current ?? this.#rows.seen);
    if (hit) return this.#jump(hit);
    this.#hunting("Search", (signal, progress) => this.#earlierHit(signal, progress));
  }

  // #earlierHit reads pages before the rows, and shows none but the one with the hit.
  async #earlierHit(signal, progress) {
    let before = this.#view.complete ? "" : this.#rows.first?.line.position;
    for (let n = 0; before; ) {
      const lines = await page(this.#url, { before, tail: pageSize }, signal);
      const hit = lines.findLast((line) => this.#search.matches(line));
      if (hit) return void (await this.#show(hit, signal));
      before = lines[0]?.position;
      progress((n += lines.length));
    }
    return "There is no earlier hit.";
  }

  // #hunting does what reads more of the log, until it is done or stopped. work returns what to tell.
  async #hunting(what, work) {
    this.#hunt?.abort();
    const mine = (this.#hunt = new AbortController());
    const progress = (n) => this.#tell(`${what}: ${count.format(n)} lines read. Escape stops.`);
    progress(0);
    let text = "";
    try {
      text = await work(mine.signal, progress);
    } catch (error) {
      text = mine.signal.aborted ? "Stopped." : `${what}: ${error.message}.`;
    }
    if (this.#hunt !== mine) return;
    this.#hunt = null;
    this.#tell(text ?? "");
  }

  // #show shows a line with those before it, and goes on behind it.
  async #show(line, signal) {
    const before = await page(this.#url, { before: line.position, tail: context }, signal);
    this.#view.stay([...before, line], before.length === 0);
    this.#search.refresh();
    this.#jump([...this.#rows.rows()].find((row) => row.line === line));
  }

  // #jump shows a row, and gives it the focus so that a screen reader reads it.
  #jump(row) {
    this.#view.hold();
    this.#row?.classList.remove("current");
    this.#row = row;
    row.classList.add("current");
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "center" });
    this.#box.scrollLeft = 0;
  }
}
