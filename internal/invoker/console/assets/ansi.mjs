// Colours of terminals. spans splits text at the escape sequences that set colours (SGR), and
// drops the other sequences, which move a cursor that a page does not have.
// See https://invisible-island.net/xterm/ctlseqs/ctlseqs.html.

// A control sequence, a string such as a title, or a shorter escape. One that is not complete
// is no sequence: its ESC is shown.
const sequence = /\x1b(?:\[([0-?]*)([ -/]*[@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])/g;

// spans returns pieces of text with their styles; style is null for plain text.
export function spans(text) {
  if (!text.includes("\x1b")) return text === "" ? [] : [{ text, style: null }];
  const all = [];
  let style = null, from = 0;
  for (const found of text.matchAll(sequence)) {
    if (found.index > from) all.push({ text: text.slice(from, found.index), style });
    from = found.index + found[0].length;
    if (found[2] === "m") style = apply(style, found[1]);
  }
  if (from < text.length) all.push({ text: text.slice(from), style });
  return all;
}

// plain returns text without escape sequences.
export function plain(text) {
  return text.includes("\x1b") ? text.replace(sequence, "") : text;
}

const on = { 1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse", 9: "struck" };
const off = { 22: ["bold", "faint"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["struck"], 39: ["text"], 49: ["ground"] };

// apply returns a style after the parameters of one sequence; null if nothing is left of it.
function apply(style, parameters) {
  const codes = parameters.split(";").flatMap(subcodes);
  let next = { ...style };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) next = {};
    else if (on[code]) next[on[code]] = true;
    else if (off[code]) for (const name of off[code]) delete next[name];
    else if (code === 38 || code === 48) i = extended(next, code === 38 ? "text" : "ground", codes, i);
    else basic(next, code);
  }
  return Object.keys(next).length > 0 ? next : null;
}

// subcodes returns the codes of one parameter. A colour may have its parts behind colons, with a
// colour space that nobody uses; of other parameters only the first part has a meaning here.
function subcodes(parameter) {
  const parts = parameter.split(":").map(Number);
  if (parts[0] !== 38 && parts[0] !== 48) return parts.slice(0, 1);
  return parts[1] === 2 && parts.length > 5 ? [...parts.slice(0, 2), ...parts.slice(3)] : parts;
}

// basic sets one of the 16 colours, as its number from 0.
function basic(style, code) {
  if (code >= 30 && code <= 37) style.text = code - 30;
  else if (code >= 40 && code <= 47) style.ground = code - 40;
  else if (code >= 90 && code <= 97) style.text = code - 82;
  else if (code >= 100 && code <= 107) style.ground = code - 92;
}

// extended sets a colour of 256 or a true one, and returns the place of its last code.
function extended(style, name, codes, at) {
  if (codes[at + 1] === 5) {
    if (codes[at + 2] <= 255) style[name] = indexed(codes[at + 2]);
    return at + 2;
  }
  if (codes[at + 1] !== 2) return at + 1;
  const rgb = codes.slice(at + 2, at + 5);
  if (rgb.length === 3 && rgb.every((c) => c <= 255)) style[name] = `rgb(${rgb.join(" ")})`;
  return at + 4;
}

// indexed returns a colour of 256: one of the 16, a cube of 6 by 6 by 6, and 24 greys.
function indexed(n) {
  if (n < 16) return n;
  if (n >= 232) return `rgb(${Array(3).fill(8 + 10 * (n - 232)).join(" ")})`;
  const level = (i) => (i === 0 ? 0 : 55 + 40 * i);
  n -= 16;
  return `rgb(${level(Math.floor(n / 36))} ${level(Math.floor(n / 6) % 6)} ${level(n % 6)})`;
}
