// The list of invocations: how many rows are chosen, and ranges with the shift key.
const main = document.getElementById("main");
let last = null; // the box that was clicked before

const boxes = () => [...main.querySelectorAll("[data-row] input[type=checkbox]")];

// count shows how many rows are chosen. Without a choice, the buttons do nothing.
function count() {
  const bar = main.querySelector("[data-bulk]");
  if (!bar) return;
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  for (const button of bar.querySelectorAll("button")) button.disabled = chosen === 0;
  const text = bar.querySelector("[data-chosen]");
  text.hidden = false;
  text.textContent = chosen === 0 ? "Choose rows to cancel them or to run them again." : `${chosen} chosen`;
  bar.querySelector("[data-choose]").hidden = true;
  bar.classList.toggle("some", chosen > 0);
  const head = main.querySelector("[data-all]");
  head.checked = chosen > 0 && chosen === all.length;
  head.indeterminate = chosen > 0 && chosen < all.length;
}

document.addEventListener("change", count); // after the box that chooses all rows
main.addEventListener("merged", count);
addEventListener("pageshow", count);
main.addEventListener("click", (e) => {
  if (!e.target.matches("[data-row] input[type=checkbox]")) return;
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(e.target)].sort((a, b) => a - b);
  if (e.shiftKey && from >= 0) for (const box of all.slice(from, to + 1)) box.checked = e.target.checked;
  last = e.target;
});
count();
