// Requests for lines of a log.
import { Events } from "./eventstream.mjs";
import { readLine } from "./logline.mjs";
import { listenFor } from "./silence.mjs";

// Problem is what the API answers if it refuses.
export class Problem extends Error {
  constructor(status, { detail, title } = {}) {
    super(detail ?? title ?? `the server answered ${status}`);
    this.status = status;
  }

  // final reports whether the same request would be refused again.
  get final() {
    return this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status);
  }
}

// page returns the lines that a request selects and that exist now.
export async function page(url, query, signal) {
  const all = [];
  for await (const some of events(url, query, signal, () => {})) {
    fail(some);
    all.push(...some.filter((e) => e.name === "line").map(parsed));
    if (some.some((e) => e.name === "end")) return all;
  }
  throw new Error("the connection was lost");
}

// context is how many lines before one that was found are shown.
export const context = 200;

// find returns the first line of a request that passes a test; null if there is none. progress is
// called with the number of lines that were read.
export async function find(url, query, test, signal, progress) {
  let count = 0;
  for await (const some of events(url, query, signal, () => {})) {
    fail(some);
    const lines = some.filter((e) => e.name === "line").map(parsed);
    const found = lines.find(test);
    if (found) return found;
    if (some.some((e) => e.name === "end")) return null;
    progress((count += lines.length));
  }
  throw new Error("the connection was lost");
}

// parsed returns the line of an event.
export function parsed(event) {
  return readLine(JSON.parse(event.data), event.id);
}

// fail throws the problem among some events.
export function fail(some) {
  const error = some.find((e) => e.name === "error");
  if (!error) return;
  const problem = JSON.parse(error.data);
  throw new Problem(problem.status, problem);
}

// events yields the events of an answer, some at a time. An answer that is refused is an error, and
// so is a silent connection.
export async function* events(url, query, signal, begun) {
  const silent = new AbortController();
  const silence = listenFor(() => silent.abort(new Error("the connection was silent")));
  try {
    // A request for a page has no signal of its own.
    const answer = await ask(url, query, AbortSignal.any([signal, silent.signal].filter(Boolean)));
    begun();
    yield* completed(answer.body, silence);
  } finally {
    silence.stop();
  }
}

async function ask(url, query, signal) {
  const target = new URL(url, location.href);
  for (const [name, value] of Object.entries(query)) target.searchParams.set(name, value);
  const answer = await fetch(target, { signal, headers: { Accept: "text/event-stream" }, cache: "no-store" });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => undefined));
  return answer;
}

// completed yields the events of a body. While its caller is busy, nothing has to come.
async function* completed(body, silence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new Events();
  try {
    for (;;) {
      silence.heard();
      const { value, done } = await reader.read();
      silence.stop();
      if (done) return;
      const some = parser.add(value);
      if (some.length > 0) yield some;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
