// The grid of tasks: a cell tells its task on hover, and a click shows it. Without this module the
// field below the grid does that.
const main = document.getElementById("main");

main.addEventListener("pointerover", (e) => {
  const cell = e.target.closest("#grid li");
  if (cell) cell.title = `Task ${cell.textContent.replace(" ", ": ")}`;
});

main.addEventListener("click", (e) => {
  const cell = e.target.closest("#grid li");
  if (!cell) return;
  const field = document.getElementById("task");
  field.value = parseInt(cell.textContent);
  field.form.requestSubmit();
});
