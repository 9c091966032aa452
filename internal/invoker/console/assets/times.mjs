// Times relative to now. The server writes exact ones, which stay as the title.
// A day is shown from two on: "tomorrow" would be wrong for most times within 48 hours.
const units = [["day", 86400, 2], ["hour", 3600, 1], ["minute", 60, 1], ["second", 1, 1]];
const relative = new Intl.RelativeTimeFormat("en", { style: "short" });
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

// ago returns a time relative to now, such as "3 min. ago".
export function ago(time, now = Date.now()) {
  const seconds = (time - now) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  const [unit, length] = units.find(([, length, least]) => Math.abs(seconds) >= length * least);
  return relative.format(Math.trunc(seconds / length), unit);
}

// duration returns a time span in at most two units, as the server does.
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// tellTimes writes the times below a node.
export function tellTimes(root) {
  if (document.hidden) return;
  const now = Date.now();
  for (const e of root.querySelectorAll("time[data-ago]")) {
    const time = Date.parse(e.dateTime);
    set(e, ago(time, now));
    if (!e.dataset.told) {
      e.title = `${local.format(time)}\n${e.title}`;
      e.dataset.told = "1";
    }
  }
  for (const e of root.querySelectorAll("time[data-since]")) set(e, duration(now - Date.parse(e.dateTime)));
}
