// Tests of the modules that need no browser. ASSETS is the folder of the modules.
import assert from "node:assert/strict";
import test from "node:test";

const assets = process.env.ASSETS;
const { spans, plain } = await import(`${assets}/ansi.mjs`);
const { visible } = await import(`${assets}/visible.mjs`);
const { readLine, isError, pretty, longest } = await import(`${assets}/logline.mjs`);
const { Events } = await import(`${assets}/eventstream.mjs`);
const { listenFor, longest: silence } = await import(`${assets}/silence.mjs`);
const { ago } = await import(`${assets}/times.mjs`);

test("colours become styles, and end with a reset", () => {
  assert.deepEqual(spans("plain"), [{ text: "plain", style: null }]);
  assert.deepEqual(spans(""), []);
  assert.deepEqual(spans("a\x1b[1;31mb\x1b[22mc\x1b[0md"), [
    { text: "a", style: null }, { text: "b", style: { bold: true, text: 1 } }, { text: "c", style: { text: 1 } }, { text: "d", style: null },
  ]);
  assert.deepEqual(spans("\x1b[97;103mx\x1b[39;49my"), [{ text: "x", style: { text: 15, ground: 11 } }, { text: "y", style: null }]);
});

test("256 colours and true colours, with semicolons and with colons", () => {
  const colour = (codes) => spans(`\x1b[${codes}mx`)[0].style;
  assert.deepEqual(colour("38;5;9"), { text: 9 });
  assert.deepEqual(colour("38;5;196"), { text: "rgb(255 0 0)" });
  assert.deepEqual(colour("48;5;232"), { ground: "rgb(8 8 8)" });
  assert.deepEqual(colour("38;2;1;2;3;1"), { text: "rgb(1 2 3)", bold: true });
  assert.deepEqual(colour("38:2::1:2:3"), { text: "rgb(1 2 3)" });
  assert.deepEqual(colour("4:3"), { underline: true });
  for (const odd of ["38;5;256", "38;2;300;0;0", "38;2;1", "38", "999"]) assert.equal(colour(odd), null, odd);
});

test("other sequences are dropped, and incomplete ones are text", () => {
  assert.equal(plain("\x1b]0;title\x07a\x1b[2Kb\x1b]8;;https://x.example\x1b\\c\x1b(Bd"), "abcd");
  assert.equal(plain("a\x1b[31"), "a\x1b[31");
});

test("control characters and direction marks are shown", () => {
  assert.equal(visible("a\tb\x00\x1b\x7f\u0085\u202e"), "a\tb␀␛␡⟨U+0085⟩⟨U+202E⟩");
  assert.equal(visible("שלום <b>"), "שלום <b>");
});

const line = (text, stream = "stdout") => readLine({ time: "2026-01-02T03:04:05Z", task: 0, attempt: 0, stream, text }, "p");

test("a line that is an object shows its message and severity", () => {
  const l = line('{"severity":"ERROR","message":"broken","n":1}');
  assert.deepEqual([l.text, l.severity, l.object, isError(l)], ["broken", "error", true, true]);
  assert.equal(pretty(l.whole), '{\n  "severity": "ERROR",\n  "message": "broken",\n  "n": 1\n}');
  assert.equal(line('{"level":40,"msg":"slow"}').severity, "warning");
  assert.equal(line('{"level":"Fatal","msg":"x"}').severity, "error");
  assert.equal(line('{"no":1}').text, '{"no":1}');
  for (const text of ['{"a":', "[1]", "{x}"]) assert.deepEqual([line(text).text, line(text).object], [text, false]);
});

test("stderr is an error unless the line has a severity", () => {
  assert.equal(isError(line("x", "stderr")), true);
  assert.equal(isError(line('{"level":"info","msg":"x"}', "stderr")), false);
  assert.equal(isError(line("ERROR")), false);
});

test("a progress bar shows where it ended, and unfolds", () => {
  const l = line("\r 1 %\r 50 %\r100 %\r");
  assert.deepEqual([l.text, l.whole], ["100 %", "\r 1 %\r 50 %\r100 %\r"]);
  assert.equal(line("windows\r").text, "windows");
  assert.equal(line("\r\r").text, "");
});

test("a long line is cut", () => {
  const l = line("x".repeat(longest + 5));
  assert.deepEqual([l.text.length, l.left], [longest, 5]);
});

test("events are the same however the stream is cut", () => {
  const stream = ": heartbeat\n\nid: 1\nevent: line\ndata: a\ndata: b\n\nevent: end\r\ndata:c\r\n\r\nevent: none\n\ndata: lost";
  const want = [{ name: "line", id: "1", data: "a\nb" }, { name: "end", id: "1", data: "c" }];
  for (let size = 1; size <= stream.length; size++) {
    const events = new Events();
    const got = [];
    for (let at = 0; at < stream.length; at += size) got.push(...events.add(stream.slice(at, at + size)));
    assert.deepEqual(got, want, `pieces of ${size}`);
  }
});

test("relative times name no day that they do not mean", () => {
  const hour = 3_600_000;
  for (const [ms, want] of [[400, "now"], [-90_000, "1 min. ago"], [25 * hour, "in 25 hr."], [-47 * hour, "47 hr. ago"], [48 * hour, "in 2 days"], [-49 * hour, "2 days ago"]]) {
    assert.equal(ago(ms, 0), want);
  }
});

test("a connection is lost when it was silent for three heartbeats while something was awaited", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let lost = 0;
  const listening = listenFor(() => lost++);
  for (let n = 0; n < 5; n++) { t.mock.timers.tick(silence - 1); listening.heard(); }
  listening.stop();
  t.mock.timers.tick(10 * silence);
  assert.deepEqual([lost, silence], [0, 45_000]);
  listening.heard();
  t.mock.timers.tick(silence);
  assert.equal(lost, 1);
});
