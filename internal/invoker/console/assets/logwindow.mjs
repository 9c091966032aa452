// The part of a log that is on the page: a window of bounded size, which moves over the log. Rows
// are in blocks, so that a browser drops and lays out many at once.
import { row, retime } from "./logrow.mjs";

const blockSize = 100; // rows

// most is how much a window holds. Lines may be long, so their characters count too.
export const most = { lines: 5000, characters: 8_000_000 };

// Window shows lines in a box that scrolls.
export class Window {
  #box;
  #list;
  #lines = 0;
  #characters = 0;
  zone = "local";

  constructor(box, list) {
    this.#box = box;
    this.#list = list;
  }

  get lines() { return this.#lines; }
  get characters() { return this.#characters; }
  // room is how many lines fit in until old ones must go.
  get room() { return this.#characters >= most.characters ? 0 : Math.max(0, most.lines - this.#lines); }
  get first() { return this.#list.firstElementChild?.firstElementChild ?? null; }
  get last() { return this.#list.lastElementChild?.lastElementChild ?? null; }

  // rows yields the rows from the first to the last.
  *rows() {
    for (const block of this.#list.children) yield* block.children;
  }

  clear() {
    this.#list.replaceChildren();
    this.#lines = this.#characters = 0;
  }

  // append adds lines behind the last one, and returns their rows.
  append(lines) {
    const all = lines.map((line) => row(line, this.zone));
    let at = 0;
    const tail = this.#list.lastElementChild;
    if (tail) at = Math.max(0, blockSize - tail.children.length);
    tail?.append(...all.slice(0, at));
    for (; at < all.length; at += blockSize) this.#list.append(block(all.slice(at, at + blockSize)));
    this.#count(all, 1);
    return all;
  }

  // prepend adds lines before the first one. What the visitor sees stays where it is.
  prepend(lines) {
    const all = lines.map((line) => row(line, this.zone));
    const blocks = [];
    for (let at = 0; at < all.length; at += blockSize) blocks.push(block(all.slice(at, at + blockSize)));
    this.keep(() => this.#list.prepend(...blocks));
    this.#count(all, 1);
    return all;
  }

  // dropFirst and dropLast remove blocks until the window is not too large, and report whether
  // they removed any.
  dropFirst() { return this.#drop(() => this.#list.firstElementChild); }
  dropLast() { return this.#drop(() => this.#list.lastElementChild); }

  #drop(next) {
    let dropped = false;
    while (this.#over() && this.#list.children.length > 1) {
      const block = next();
      this.#count(block.children, -1);
      block.remove();
      dropped = true;
    }
    return dropped;
  }

  #over() {
    return this.#lines > most.lines || this.#characters > most.characters;
  }

  #count(rows, sign) {
    for (const { line } of rows) {
      this.#lines += sign;
      this.#characters += sign * (line.text.length + line.whole.length);
    }
  }

  // keep changes the rows while the first one that can be seen stays in its place.
  keep(change) {
    const seen = this.seen;
    const before = seen?.getBoundingClientRect().top;
    change();
    if (seen?.isConnected) this.#box.scrollTop += seen.getBoundingClientRect().top - before;
  }

  // seen is the first row that can be seen.
  get seen() {
    const top = this.#box.getBoundingClientRect().top;
    const below = (e) => e.getBoundingClientRect().bottom > top;
    const block = [...this.#list.children].find(below);
    return block && [...block.children].find(below);
  }

  // retime shows times in another zone.
  retime(zone) {
    this.zone = zone;
    for (const row of this.rows()) retime(row, zone);
  }
}

function block(rows) {
  const e = document.createElement("div");
  e.append(...rows);
  return e;
}
