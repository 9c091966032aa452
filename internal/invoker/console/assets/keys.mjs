// Keys: / filters, j and k move over rows, Enter opens one, other letters follow what carries
// data-key, and ? shows them all.
const help = document.getElementById("keys");

export function listenToKeys() {
  for (const button of document.querySelectorAll("[data-help]")) {
    button.addEventListener("click", () => help.showModal());
  }
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(e.target)) return;
    if (press(e.key)) e.preventDefault();
  });
}

// typing reports whether keys belong to a field.
function typing(target) {
  return help.open || target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) && target.type !== "checkbox";
}

// press does what a key does, and reports whether it does anything.
function press(key) {
  switch (key) {
    case "?":
      help.showModal();
      return true;
    case "/":
      return focus(document.querySelector("[data-search]"));
    case "j":
      return move(1);
    case "k":
      return move(-1);
    case "Enter":
      return document.activeElement === document.body && click(row()?.querySelector("[data-open]"));
  }
  return /^[a-zA-Z]$/.test(key) && click(named(key));
}

// named returns what a key clicks: the button for the chosen rows if there are some, else what
// the marked row has, else what the page has. Without a mark, a key never means some row.
function named(key) {
  const wanted = `[data-key="${key}"]`;
  const bulk = document.querySelector(`[data-bulk] ${wanted}`);
  if (bulk && document.querySelector("[data-row] input:checked")) return bulk;
  return row()?.querySelector(wanted) ?? [...document.querySelectorAll(wanted)].find((e) => !e.closest("[data-row], [data-bulk]"));
}

function focus(field) {
  field?.focus();
  field?.select?.();
  return !!field;
}

function click(element) {
  element?.click();
  return !!element;
}

// row returns the row that is marked.
function row() {
  return document.querySelector("[data-row][aria-selected=true]");
}

// move marks the next row, or the one before.
function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (rows.length === 0) return false;
  const from = row();
  const at = Math.min(Math.max(rows.indexOf(from) + step, 0), rows.length - 1);
  from?.removeAttribute("aria-selected");
  rows[at].setAttribute("aria-selected", "true");
  rows[at].scrollIntoView({ block: "nearest" });
  rows[at].querySelector("[data-open]")?.focus({ preventScroll: true });
  return true;
}
