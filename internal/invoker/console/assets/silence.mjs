// Silence of connections. One that breaks is noticed by the browser, but one whose other end has
// vanished is not: it stays open, and nothing comes.

// longest is how long a connection may be silent, in milliseconds. The server sends a heartbeat
// every 15 seconds.
export const longest = 45_000;

// listenFor calls lost once the connection has been silent for too long. Call heard for all that
// comes, and stop when nothing is awaited; heard goes on.
export function listenFor(lost) {
  let timer = 0;
  const stop = () => clearTimeout(timer);
  const heard = () => { stop(); timer = setTimeout(lost, longest); };
  heard();
  return { heard, stop };
}
