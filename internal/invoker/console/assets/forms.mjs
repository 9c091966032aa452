// Forms: a form is sent once, a box chooses all rows, and a form with data-auto is sent when a
// choice changes.
export function listenToForms() {
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (form.method !== "post") {
      shorten(form);
      return;
    }
    if (form.dataset.sent) {
      e.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
  });
  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-all]")) choose(e.target);
    else if (e.target.matches("select") && e.target.form?.matches("[data-auto]")) e.target.form.requestSubmit();
  });
}

// shorten leaves empty fields of a filter out of the URL.
function shorten(form) {
  const empty = [...form.elements].filter((field) => field.name && !field.value && !field.disabled);
  for (const field of empty) field.disabled = true;
  setTimeout(() => { for (const field of empty) field.disabled = false; });
}

// choose gives all rows of a table the choice of the box in its head.
function choose(box) {
  for (const one of box.closest("table").querySelectorAll("tbody input[type=checkbox]")) one.checked = box.checked;
}
