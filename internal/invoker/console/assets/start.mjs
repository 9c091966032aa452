// The form that starts a job: its preview follows what is typed, and lists get and lose rows
// without a round trip. Without this module, buttons do the same.
const form = document.getElementById("start");
const wait = 300; // milliseconds after the last key
let timer = 0;
let asking = null;

// keepKey gives the form the key that it had when the visitor comes back to it, so that sending it
// once more does not start the job once more.
function keepKey() {
  const [entry] = performance.getEntriesByType("navigation");
  const kept = history.state?.startKey;
  if (kept && entry?.type === "back_forward") form.elements.key.value = kept;
  else history.replaceState({ ...history.state, startKey: form.elements.key.value }, "");
}

// preview asks for the preview of what is typed, and shows it.
async function preview() {
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const target = document.getElementById("preview");
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)), signal: asking.signal });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("preview");
    if (!next) throw new Error(answer.status === 401 ? "You are signed out: open this page in another tab, and sign in." : "The server cannot show a preview now.");
    put(target, next);
  } catch (e) {
    if (e.name === "AbortError") return;
    target.querySelector(".away")?.remove();
    target.prepend(Object.assign(document.createElement("p"), { className: "warning away", textContent: e instanceof TypeError ? "The server does not answer, so this preview is not up to date." : e.message }));
  }
}

// put shows a new preview, and keeps open what is open.
function put(target, next) {
  for (const details of next.querySelectorAll("details")) details.open = document.getElementById(details.id)?.open ?? false;
  target.replaceChildren(...next.childNodes);
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(preview, wait);
}

// addRow adds an empty row to a list, and goes there.
function addRow(list) {
  const last = list.querySelector(".row:last-of-type");
  const row = last.cloneNode(true);
  row.querySelector(".fault")?.remove();
  for (const field of row.querySelectorAll("input, select, textarea")) {
    field.value = "";
    for (const name of ["aria-invalid", "aria-describedby"]) field.removeAttribute(name);
  }
  last.after(row);
  number(list);
  row.querySelector("input, select, textarea").focus();
}

// removeRow removes a row. The last one only loses its text.
function removeRow(row) {
  const list = row.closest("[data-list]");
  const other = row.nextElementSibling.matches(".row") ? row.nextElementSibling : row.previousElementSibling;
  if (other) row.remove();
  else for (const field of row.querySelectorAll("input, select, textarea")) field.value = "";
  number(list);
  (other ?? row).querySelector(".remove").focus();
}

// number gives the rows of a list their numbers.
function number(list) {
  for (const [n, row] of [...list.querySelectorAll(".row")].entries()) {
    const id = `${list.dataset.list}.${n}`;
    row.querySelector("[id]:not(.fault)").id = id;
    row.querySelector(".remove").value = id;
    for (const e of row.querySelectorAll("[aria-label]")) e.setAttribute("aria-label", e.getAttribute("aria-label").replace(/\d+/, n + 1));
  }
}

function onClick(e) {
  const button = e.target.closest("button");
  if (!button || !form.contains(button)) return;
  if (button.name === "add") addRow(button.closest("[data-list]"));
  else if (button.name === "remove") removeRow(button.closest(".row"));
  else if (!button.formAction.endsWith("/preview") || button.type !== "submit") return;
  e.preventDefault();
  preview();
}

// onKey starts the job with Ctrl and Enter from every field.
function onKey(e) {
  if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey)) return;
  e.preventDefault();
  form.requestSubmit(form.querySelector("[data-start]"));
}

// ownZone is the zone of the visitor, as long as no time is entered.
function ownZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !form.elements["start-at"].value && form.elements.zone.value === "UTC") form.elements.zone.value = zone;
}

keepKey();
ownZone();
form.addEventListener("input", soon);
form.addEventListener("click", onClick);
form.addEventListener("keydown", onKey);
form.querySelector("[data-refresh]")?.setAttribute("hidden", "");
form.querySelector("[data-enter]")?.removeAttribute("hidden");
document.querySelector("[autofocus]")?.focus();
addEventListener("pageshow", (e) => e.persisted && preview());
