// A line of a log as a page shows it.
import { plain } from "./ansi.mjs";

// longest is how many characters of a line are shown. The download has all of them.
export const longest = 10_000;

// readLine returns what a page shows of a line of the API: the text without what was overwritten,
// cut if it is long; of a line that is a JSON object, its message and severity.
export function readLine(line, position) {
  const text = last(line.text);
  const object = parse(text);
  const message = object && messageOf(object);
  const shown = message ?? text;
  return {
    position,
    time: line.time, task: line.task, attempt: line.attempt, stream: line.stream,
    text: shown.slice(0, longest), left: Math.max(0, shown.length - longest),
    severity: object ? severityOf(object) : "",
    // What unfolds: the fields of an object, or the whole of a line that was overwritten.
    whole: object ? text : text !== line.text ? line.text : "",
    object: object !== null,
  };
}

// isError reports whether a line says that something failed: by its severity if it has one, and
// otherwise because it is on stderr.
export function isError(line) {
  return line.severity ? line.severity === "error" : line.stream === "stderr";
}

// last returns what a terminal shows after carriage returns: the text behind the last one that
// has text behind it.
function last(text) {
  if (!text.includes("\r")) return text;
  return text.split("\r").findLast((part) => plain(part).trim() !== "") ?? "";
}

function parse(text) {
  if (!text.startsWith("{") || !text.endsWith("}")) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// messageOf returns the message under the names that loggers give it; null if there is none.
function messageOf(object) {
  for (const name of ["message", "msg", "textPayload", "event"]) {
    if (typeof object[name] === "string" && object[name] !== "") return object[name];
  }
  return null;
}

const severities = [
  ["error", /^(e|err|error|critical|crit|alert|emerg|emergency|fatal|panic)$/i],
  ["warning", /^(w|warn|warning)$/i],
  ["debug", /^(d|debug|trace|verbose)$/i],
  ["info", /^(i|info|information|notice|default)$/i],
];

// severityOf returns error, warning, info or debug; empty if the object has no severity.
// Some loggers use numbers, from 10 for trace to 60 for fatal.
function severityOf(object) {
  const level = ["severity", "level", "lvl", "levelname"].map((name) => object[name]).find((v) => v !== undefined && v !== null);
  if (typeof level === "number") return level >= 50 ? "error" : level >= 40 ? "warning" : level >= 30 ? "info" : "debug";
  return severities.find(([, names]) => typeof level === "string" && names.test(level))?.[0] ?? "";
}

// pretty returns the fields of an object, one a line.
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
