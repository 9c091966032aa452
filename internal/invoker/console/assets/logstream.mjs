// The connection to a log. It goes on behind the last line that arrived, however often it breaks.
import { events, parsed, fail, Problem } from "./logfetch.mjs";
import { full, place } from "./places.mjs";

const firstPause = 500, longestPause = 15_000; // milliseconds before a new attempt

// Stream reads a log until it is closed. handler has
//   lines(some)           for lines, in order, as readLine returns them,
//   room()                a promise that the stream awaits before it goes on; null: there is room,
//   state(name, detail)   connecting, live, lost (detail: the error), refused (the error), or
//                         ended (the invocation).
export class Stream {
  #url;
  #from; // parameters of the first attempt
  #last = null; // ID of the last line
  #handler;
  #abort = new AbortController();

  constructor(url, from, handler) {
    this.#url = url;
    this.#from = from;
    this.#handler = handler;
    this.#placed();
  }

  close() {
    this.#abort.abort();
  }

  get closed() {
    return this.#abort.signal.aborted;
  }

  // #placed runs while the stream has a place among the connections of the browser.
  async #placed() {
    let free = () => {};
    try {
      free = await place(this.#abort.signal, () => this.#handler.state("lost", new Problem(429, { detail: full })));
      await this.#run();
    } catch (error) {
      if (!this.closed) throw error;
    } finally {
      free();
    }
  }

  async #run() {
    for (let pause = firstPause; !this.closed; pause = Math.min(pause * 2, longestPause)) {
      const before = this.#last;
      try {
        return await this.#read();
      } catch (error) {
        if (this.closed) return;
        if (error.final) return this.#end("refused", error);
        this.#handler.state("lost", error);
        if (this.#last !== before) pause = firstPause;
        await this.#sleep(pause);
      }
    }
  }

  async #read() {
    this.#handler.state("connecting");
    const from = this.#last === null ? this.#from : { after: this.#last };
    for await (const some of events(this.#url, { follow: "true", ...from }, this.#abort.signal, () => this.#handler.state("live"))) {
      await this.#handler.room();
      if (this.closed) return;
      const lines = some.filter((e) => e.name === "line");
      if (lines.length > 0) {
        this.#last = lines.at(-1).id || this.#last;
        this.#handler.lines(lines.map(parsed));
      }
      const end = some.find((e) => e.name === "end");
      if (end) return this.#end("ended", JSON.parse(end.data));
      fail(some);
    }
    throw new Error("the connection was lost");
  }

  #end(state, detail) {
    this.close();
    this.#handler.state(state, detail);
  }

  #sleep(ms) {
    return new Promise((wake) => {
      const timer = setTimeout(wake, ms);
      this.#abort.signal.addEventListener("abort", () => { clearTimeout(timer); wake(); }, { once: true });
    });
  }
}
