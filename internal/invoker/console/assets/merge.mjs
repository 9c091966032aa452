// merge makes the children of a node like those of another one, and keeps every element that is
// in both: elements with an ID are found by it, others by their place. Elements with data-keep
// belong to a module and stay as they are. Content with data-same is left out, because the page
// has it already.
export function merge(node, like) {
  const named = new Map();
  for (const child of node.children) if (idOf(child)) named.set(idOf(child), child);
  let at = node.firstChild;
  for (const wanted of [...like.childNodes]) {
    const found = named.get(idOf(wanted));
    if (found) {
      if (found !== at) node.insertBefore(found, at);
      else at = at.nextSibling;
      mergeElement(found, wanted);
    } else if (at && alike(at, wanted)) {
      const here = at;
      at = at.nextSibling;
      if (here.nodeType === Node.ELEMENT_NODE) mergeElement(here, wanted);
      else if (here.data !== wanted.data) here.data = wanted.data;
    } else {
      node.insertBefore(document.adoptNode(wanted), at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// alike reports whether one node can become the other.
function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && idOf(a) === idOf(b);
}

// idOf returns the ID of an element; empty: none. The property id of a form is its field with that
// name, if it has one.
function idOf(node) {
  return node.getAttribute?.("id") ?? "";
}

// Attributes that belong to the visitor: what is open, chosen or marked.
const kept = new Set(["open", "aria-selected", "data-told"]);

function mergeElement(a, b) {
  if (a.hasAttribute("data-keep") || b.hasAttribute("data-same") || a.isEqualNode(b)) return;
  for (const { name, value } of [...b.attributes]) if (!kept.has(name) && a.getAttribute(name) !== value) a.setAttribute(name, value);
  for (const { name } of [...a.attributes]) if (!kept.has(name) && !b.hasAttribute(name)) a.removeAttribute(name);
  merge(a, b);
}
