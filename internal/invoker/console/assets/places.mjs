// Places for connections that stay open. Over HTTP/1.1 a browser has six connections to a server, for
// all its windows together, and a page that waits for one does not load. So at most four pages hold
// one. They share the places by locks, which the browser frees if a page is gone.
const places = ["live-1", "live-2", "live-3", "live-4"];

// full is why a page has no place.
export const full = "Many pages of this server are open in this browser";

// place returns a function that frees the place it has taken. If all are taken, it calls waiting, and
// waits until the signal is aborted, which is an error.
export async function place(signal, waiting) {
  if (!limited()) return () => {};
  for (const name of places) {
    const free = await take(name, { ifAvailable: true });
    if (free) return free;
  }
  waiting();
  return first(signal);
}

// limited reports whether connections are few. Pages of other origins than https and localhost have
// no locks.
function limited() {
  const [entry] = performance.getEntriesByType("navigation");
  return navigator.locks && !["h2", "h3"].includes(entry?.nextHopProtocol);
}

// take takes one place, and returns the function that frees it; null if it is not available.
function take(name, options) {
  return new Promise((done, failed) => {
    navigator.locks.request(name, options, (lock) => (lock ? new Promise(done) : done(null))).catch(failed);
  });
}

// first takes the first place that somebody frees.
async function first(signal) {
  const enough = new AbortController();
  const any = AbortSignal.any([signal, enough.signal]);
  const all = places.map((name) => take(name, { signal: any }));
  let one = null;
  try {
    return (one = await Promise.race(all));
  } finally {
    enough.abort();
    for (const other of all) other.then((free) => free !== one && free(), () => {});
  }
}
