// The view of a log: a window that follows the end, or stays where the visitor reads while the
// log grows. Lines are drawn once a frame. What the visitor does not read, the page does not
// fetch: a full window closes the stream, and scrolling to its end opens it again.
import { page } from "./logfetch.mjs";
import { Stream } from "./logstream.mjs";
import { most } from "./logwindow.mjs";

const tail = 1000; // lines at the beginning, and of an earlier page
const perFrame = 500; // rows drawn in a frame; fewer if they take long
const slow = 40; // milliseconds
const long = 1_000_000; // characters; the API sends fewer lines if they have more than 4 MiB
const near = 400; // pixels from an edge at which more is loaded

export class View {
  #url;
  #box;
  #window;
  #told;
  #stream = null;
  #queue = []; // lines that are not drawn yet
  #gap = false; // the queue does not begin behind the window
  #received = 0; // lines since the start
  #position = ""; // of the last line that arrived
  #from = { tail };
  #frame = 0;
  #few = perFrame; // rows for the next frame
  #drawn = null; // resolves the promise of room
  #top = 0; // where the box was scrolled to
  #loading = null; // the promise of earlier
  #follow = true;
  #behind = false; // the log goes on below the window
  #ended = false;
  #farewell = null; // tells the end of the log once all its lines are drawn
  #complete = false; // the window has the first line of the log

  // told has changed() for what the controls show, drawn(rows), and state(name, detail) of the stream.
  constructor(url, box, window, told) {
    this.#url = url;
    this.#box = box;
    this.#window = window;
    this.#told = told;
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#sleep() : this.#wake()));
    addEventListener("pagehide", () => this.#sleep());
    addEventListener("pageshow", (e) => e.persisted && this.#wake());
  }

  get follow() { return this.#follow; }
  get behind() { return this.#behind; }
  get ended() { return this.#ended; }
  get loading() { return this.#loading !== null; }

  // complete reports whether the window has the first line of the log: it was loaded, or fewer
  // lines arrived than were asked for.
  get complete() {
    return this.#complete || (this.#from.tail > 0 && this.#received < this.#from.tail && this.#window.characters < long);
  }

  // end shows the end of the log, and follows it.
  end() {
    this.#follow = true;
    if (!this.#atEnd) this.#start({ tail });
    this.#toEnd();
    this.#told.changed();
  }

  // #atEnd reports whether the window goes on with the log. A stream that began further up may have
  // much to read until it does.
  get #atEnd() {
    return !this.#behind && (this.#ended || this.#stream !== null && this.#from.tail > 0);
  }

  // begin shows the beginning of the log.
  begin() {
    this.#follow = false;
    if (!this.complete) this.#start({});
    this.#box.scrollTop = 0;
    this.#told.changed();
  }

  // stay shows lines with the one at its place in them, and what follows. complete: the first
  // of them is the first of the log.
  stay(lines, complete) {
    this.#follow = false;
    this.#start({ after: lines.at(-1).position });
    this.#complete = complete;
    this.#told.drawn(this.#window.append(lines));
    this.#told.changed();
  }

  // toggle follows the end, or stops that.
  toggle() {
    if (!this.#follow) return this.end();
    this.#follow = false;
    this.#told.changed();
  }

  // hold stops following.
  hold() {
    this.#follow = false;
    this.#told.changed();
  }

  // earlier loads a page of lines before the window, and returns their rows.
  earlier() {
    return (this.#loading ??= this.#earlier().finally(() => {
      this.#loading = null;
      this.#told.changed();
    }));
  }

  async #earlier() {
    const first = this.#window.first;
    if (this.complete || !first?.line.position) return [];
    const lines = await page(this.#url, { before: first.line.position, tail });
    return this.#window.first === first ? this.#prepend(lines) : []; // else the window has moved meanwhile
  }

  #prepend(lines) {
    this.#complete = lines.length === 0;
    const rows = this.#window.prepend(lines);
    if (this.#window.dropLast()) {
      this.#follow = false;
      this.#leaveEnd(this.#window.last.line.position);
    }
    this.#told.drawn(rows);
    return rows;
  }

  // #start forgets the window, and reads from somewhere else.
  #start(from) {
    this.#close();
    this.#window.clear();
    this.#queue = [];
    this.#farewell = null;
    this.#gap = this.#behind = this.#ended = this.#complete = false;
    this.#complete = Object.keys(from).length === 0;
    this.#received = 0;
    this.#from = from;
    this.#position = from.after ?? "";
    this.#open();
  }

  #open() {
    if (document.hidden) return;
    const from = this.#position ? { after: this.#position } : this.#from;
    const stream = new Stream(this.#url, from, {
      lines: (some) => stream === this.#stream && this.#arrived(some),
      room: () => this.#room(),
      state: (name, detail) => queueMicrotask(() => stream === this.#stream && this.#state(name, detail)),
    });
    this.#stream = stream;
  }

  #close() {
    this.#stream?.close();
    this.#stream = null;
    this.#drawn?.();
  }

  #sleep() {
    if (this.#stream && !this.#stream.closed) this.#close();
  }

  #wake() {
    if (!this.#stream && !this.#behind && !this.#ended) this.#open();
    this.#draw();
  }

  #state(name, detail) {
    if (name !== "ended") return this.#told.state(name, detail);
    this.#ended = true;
    this.#farewell = () => this.#told.state(name, detail);
    this.#sayEnd();
  }

  #sayEnd() {
    if (this.#queue.length > 0) return;
    this.#farewell?.();
    this.#farewell = null;
  }

  #arrived(some) {
    this.#received += some.length;
    this.#position = some.at(-1).position || this.#position;
    this.#queue.push(...some);
    if (this.#follow && this.#queue.length > most.lines) {
      this.#queue.splice(0, this.#queue.length - tail); // nobody reads so fast
      this.#gap = true;
    }
    this.#draw();
  }

  // #room lets the stream wait while many lines are not drawn. At the end of the log old ones
  // are left out instead.
  #room() {
    if (this.#follow || this.#queue.length < 2 * perFrame) return null;
    return new Promise((resolve) => (this.#drawn = resolve));
  }

  #draw() {
    if (this.#frame || this.#behind || this.#queue.length === 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const begun = performance.now();
      this.#drawFrame();
      this.#few = performance.now() - begun > slow ? Math.max(50, Math.floor(this.#few / 2)) : Math.min(perFrame, this.#few + 50);
      this.#draw();
    });
  }

  #drawFrame() {
    const reads = !this.#follow && this.#below() > this.#box.clientHeight; // far above the end
    if (reads && this.#window.room === 0) return this.#leaveEnd(this.#window.last.line.position);
    if (this.#gap) this.#window.clear();
    this.#complete &&= !this.#gap;
    this.#gap = false;
    const rows = this.#window.append(this.#queue.splice(0, reads ? Math.min(this.#few, this.#window.room) : this.#few));
    if (this.#follow) this.#trim();
    else this.#window.keep(() => this.#trim());
    if (this.#follow) this.#toEnd();
    if (this.#queue.length < perFrame) this.#drawn?.();
    this.#told.drawn(rows);
    this.#sayEnd();
  }

  #trim() {
    if (!this.#window.dropFirst()) return;
    this.#complete = false;
    this.#received = Math.max(this.#received, tail); // the first line is not on the page any more
  }

  // #leaveEnd stops reading: the log goes on behind a position, but the window does not.
  #leaveEnd(position) {
    this.#close();
    this.#queue = [];
    this.#farewell = null;
    this.#position = position;
    this.#behind = true;
    this.#ended = false;
    this.#told.changed();
  }

  // #goOn reads on behind the window.
  #goOn() {
    this.#behind = false;
    this.#open();
    this.#told.changed();
  }

  #toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#top = this.#box.scrollTop;
  }

  #below() {
    return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
  }

  // #scrolled notices where the visitor reads. An empty window is at its end as well, but only a
  // visitor who scrolls down wants to follow.
  #scrolled() {
    const up = this.#box.scrollTop < this.#top - 1;
    const down = this.#box.scrollTop > this.#top;
    this.#top = this.#box.scrollTop;
    const atEnd = this.#below() < 4 && !this.#behind;
    if (this.#follow !== atEnd && (atEnd ? down : up)) {
      this.#follow = atEnd;
      this.#told.changed();
    }
    if (up && this.#top < near) this.earlier().catch((error) => this.#told.state("lost", error));
    if (this.#behind && this.#below() < near) this.#goOn();
  }
}
