// visible returns text in which characters that control a terminal or the direction of text are
// shown instead of obeyed, as the server does (visible.go). Tabs and line breaks stay.
export function visible(text) {
  return suspect.test(text) ? text.replace(suspects, shown) : text;
}

const suspect = /[^\P{Cc}\t\n]|\p{Bidi_Control}/u;
const suspects = new RegExp(suspect.source, "gu");

function shown(c) {
  const code = c.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
