// What every page has: times relative to now, keys, buttons that copy, and live content.
import { tellTimes } from "./times.mjs";
import { followPage } from "./live.mjs";
import { listenToKeys } from "./keys.mjs";
import { listenToCopies } from "./copy.mjs";
import { listenToForms } from "./forms.mjs";

document.documentElement.dataset.scripts = ""; // shows what only works with them
tellTimes(document);
setInterval(() => tellTimes(document), 1000);
listenToKeys();
listenToCopies();
listenToForms();
followPage();

// On a narrow screen the menu scrolls. It begins at the page that is open.
const here = document.querySelector(".top nav [aria-current]");
if (here) here.parentNode.scrollLeft = here.offsetLeft - (here.parentNode.clientWidth - here.offsetWidth) / 2;

// The notice about what a form has done is shown once.
const url = new URL(location.href);
if (url.searchParams.has("done")) {
  url.searchParams.delete("done");
  history.replaceState(history.state, "", url);
}
