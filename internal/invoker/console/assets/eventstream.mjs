// Server-sent events, read from the body of an answer. EventSource would do so too, but it cannot
// name where to go on, and it says nothing about why a request failed.
// See https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.

// Events takes pieces of a stream and returns the events that they complete.
export class Events {
  #rest = "";
  #name = "";
  #id = "";
  #data = [];

  // add returns the events that end in a piece.
  add(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    const all = [];
    for (const line of lines) {
      const event = this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event) all.push(event);
    }
    return all;
  }

  // #line returns the event that a line completes.
  #line(line) {
    if (line === "") return this.#end();
    const at = line.indexOf(":");
    if (at === 0) return null; // a heartbeat
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(line[at + 1] === " " ? at + 2 : at + 1);
    if (field === "event") this.#name = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
    return null;
  }

  #end() {
    const event = this.#data.length > 0 ? { name: this.#name, id: this.#id, data: this.#data.join("\n") } : null;
    this.#name = "";
    this.#data = [];
    return event;
  }
}
