// Buttons with data-copy copy the text of the element whose ID they name.
export function listenToCopies() {
  document.addEventListener("click", async (e) => {
    const button = e.target.closest("[data-copy]");
    if (!button) return;
    const text = button.textContent;
    button.textContent = await copied(document.getElementById(button.dataset.copy));
    setTimeout(() => (button.textContent = text), 1500);
  });
}

// copied copies the text of an element, and returns what the button then shows. Where scripts may
// not copy, as on plain HTTP from another machine, it selects the text.
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return "Copied";
  } catch {
    getSelection().selectAllChildren(element);
    return "Selected";
  }
}
