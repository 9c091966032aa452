// Search in the lines that are on the page.
import { plain } from "./ansi.mjs";

const marked = CSS.highlights ? new Highlight() : null; // older browsers mark whole lines
if (marked) CSS.highlights.set("hit", marked);
const mostMarks = 2000;

// Search finds text, whatever its case.
export class Search {
  #pattern = null;
  #timer = 0;
  #window;
  #told;
  hits = []; // rows

  // told is called with the number of hits whenever it has changed.
  constructor(window, told) {
    this.#window = window;
    this.#told = told;
  }

  get active() { return this.#pattern !== null; }

  // set searches for a text; empty: for nothing.
  set(text) {
    this.#pattern = text ? new RegExp(RegExp.escape?.(text) ?? text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), "giu") : null;
    this.refresh();
  }

  // matches reports whether a line has the text, in what is shown or in its fields.
  matches(line) {
    return this.#has(plain(line.text)) || (line.object && this.#has(line.whole));
  }

  #has(text) {
    return text.search(this.#pattern) >= 0;
  }

  // later refreshes soon, after many changes at once.
  later() {
    if (!this.active || this.#timer) return;
    this.#timer = setTimeout(() => this.refresh(), 250);
  }

  // refresh finds and marks the hits again.
  refresh() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    for (const row of this.hits) row.classList.remove("hit");
    this.hits = this.active ? [...this.#window.rows()].filter((row) => this.matches(row.line)) : [];
    for (const row of this.hits) row.classList.add("hit");
    this.#mark();
    this.#told(this.hits.length);
  }

  #mark() {
    marked?.clear();
    for (const row of this.hits) {
      for (const range of marked ? this.#ranges(row.querySelector("bdi")) : []) {
        if (marked.size >= mostMarks) return;
        marked.add(range);
      }
    }
  }

  *#ranges(words) {
    const nodes = document.createTreeWalker(words, NodeFilter.SHOW_TEXT);
    while (nodes.nextNode()) {
      for (const { index, 0: text } of nodes.currentNode.data.matchAll(this.#pattern)) {
        const range = new StaticRange({ startContainer: nodes.currentNode, startOffset: index, endContainer: nodes.currentNode, endOffset: index + text.length });
        yield range;
      }
    }
  }

  // after returns the first hit behind a row, before the last one in front of it, and near the
  // one to begin with if the row is the first that can be seen.
  after(row) {
    return this.hits.find((hit) => row.compareDocumentPosition(hit) & Node.DOCUMENT_POSITION_FOLLOWING);
  }

  before(row) {
    return this.hits.findLast((hit) => row?.compareDocumentPosition(hit) & Node.DOCUMENT_POSITION_PRECEDING);
  }

  near(row) {
    return row && (this.hits.includes(row) ? row : this.after(row) ?? this.before(row));
  }
}
