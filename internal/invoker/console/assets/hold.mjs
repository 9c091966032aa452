// hold makes the tables of rows in new content like those that are shown, so that no row moves: a
// row that is in both changes, one that is only shown stays, and one that is only new is left
// out. It returns how many were left out, and whether the new rows differ from those shown.
export function hold(shown, next) {
  let added = 0;
  let moved = false;
  const bodies = [...shown.querySelectorAll("tbody:has(> [data-row])")];
  for (const [n, body] of [...next.querySelectorAll("tbody:has(> [data-row])")].entries()) {
    if (!bodies[n]) continue;
    const old = ids(bodies[n]);
    const fresh = ids(body);
    if (old.join() === fresh.join()) continue;
    moved = true;
    added += fresh.filter((id) => !old.includes(id) && newer(fresh, id, old)).length;
    keep(body, bodies[n]);
  }
  return { added, moved };
}

function ids(body) {
  return [...body.children].map((row) => row.id);
}

// newer reports whether a row stands above one that is shown. Rows below come up only because
// others have left.
function newer(fresh, id, old) {
  return fresh.slice(fresh.indexOf(id)).some((other) => old.includes(other)) || !fresh.some((other) => old.includes(other));
}

// keep gives a body the rows that are shown.
function keep(body, shown) {
  const rows = [...shown.children].map((row) => [...body.children].find((one) => one.id === row.id) ?? row.cloneNode(true));
  body.replaceChildren(...rows);
}
