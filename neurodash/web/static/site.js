// Comfort only: everything here also works without it.
"use strict";

// The contents mark where the reader is.
const links = new Map([...document.querySelectorAll(".toc a")].map((a) => [document.getElementById(a.hash.slice(1)), a]));
if (links.size) {
  const mark = () => {
    let here = null;
    for (const part of links.keys()) if (part && part.getBoundingClientRect().top < innerHeight * .4) here = part;
    for (const [part, link] of links) part === here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();
}

// A link to something inside a closed part opens it.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const parts = [target.closest("details"), target.matches("details") ? target : null].filter(Boolean);
  if (parts.length) { for (const part of parts) part.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();

// On paper everything is open.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details:not([open])")) { part.open = true; part.dataset.opened = ""; } });
addEventListener("afterprint", () => { for (const part of document.querySelectorAll("details[data-opened]")) { part.open = false; delete part.dataset.opened; } });

// Tables sort in place: numbers as numbers, what is not known last.
const value = (row, column) => { const cell = row.cells[column]; return cell.dataset.value ?? cell.textContent.trim(); };
const compare = (a, b) => {
  if (a === "" || b === "") return (a === "") - (b === "");
  const numbers = [Number(a), Number(b)];
  return numbers.some(Number.isNaN) ? a.localeCompare(b) : numbers[0] - numbers[1];
};
for (const table of document.querySelectorAll("table[data-sortable]")) {
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("a")?.addEventListener("click", (event) => {
      event.preventDefault();
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [x, y] = [value(a, head.cellIndex), value(b, head.cellIndex)];
        const order = compare(x, y);
        return down && x !== "" && y !== "" ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  }
}

// The filter answers at once.
for (const form of document.querySelectorAll("form[data-filter]")) {
  const rows = [...document.querySelectorAll("table[data-sortable] tbody tr")];
  const told = form.querySelector("[data-count]");
  const apply = () => {
    const vote = form.elements.vote.value;
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = (vote && row.dataset.vote !== vote) || !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    told.textContent = `${shown} of ${rows.length} results shown`;
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  form.addEventListener("input", apply);
}
