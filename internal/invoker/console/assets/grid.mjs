// The grid of tasks: a cell tells its task on hover, and a click shows it. Without this module the
// field below the grid does that. Neighbours in the same state are one item, such as "40–49 failed".
const main = document.getElementById("main");

// taskAt returns the task under the pointer, and its state; null if there is none.
function taskAt(e) {
  const item = e.target.closest("#grid li");
  if (!item) return null;
  const [indexes, state] = item.textContent.split(" ");
  const [first, last = first] = indexes.split("–").map(Number);
  const { left, width } = item.getBoundingClientRect(), count = last - first + 1;
  const cell = Math.floor(((e.clientX - left) / width) * count);
  return { item, state, index: first + Math.min(Math.max(cell, 0), count - 1) };
}

main.addEventListener("pointermove", (e) => {
  const at = taskAt(e);
  if (at) at.item.title = `Task ${at.index}: ${at.state}`;
});

main.addEventListener("click", (e) => {
  const at = taskAt(e);
  if (!at) return;
  const field = document.getElementById("task");
  field.value = at.index;
  field.form.requestSubmit();
});
