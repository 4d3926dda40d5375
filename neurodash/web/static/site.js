// Comfort only: everything here also works without it.
"use strict";

// What is to be mended is where the visitor is led first.
document.getElementById("mend")?.focus();

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

// On paper the questions and the sources are open.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll(".questions details:not([open]), .sources details:not([open]), .what-if [data-key=figures]:not([open])")) { part.open = true; part.dataset.opened = ""; } });
addEventListener("afterprint", () => { for (const part of document.querySelectorAll("details[data-opened]")) { part.open = false; delete part.dataset.opened; } });

// The short contents close behind the reader.
for (const part of document.querySelectorAll(".toc-small")) part.addEventListener("click", (event) => { if (event.target.matches("a")) part.open = false; });

// Tables sort in place: numbers as numbers, what is not known last.
const value = (row, column) => { const cell = row.cells[column]; return cell.dataset.value ?? cell.textContent.trim(); };
const compare = (a, b) => {
  if (a === "" || b === "") return (a === "") - (b === "");
  const numbers = [Number(a), Number(b)];
  return numbers.some(Number.isNaN) ? a.localeCompare(b) : numbers[0] - numbers[1];
};
const sort = (table, head, down) => {
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => {
    const [x, y] = [value(a, head.cellIndex), value(b, head.cellIndex)];
    const order = compare(x, y);
    return down && x !== "" && y !== "" ? -order : order;
  });
  table.tBodies[0].append(...rows);
};
const tables = [...document.querySelectorAll("table[data-sortable]")];
for (const table of tables) {
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("a")?.addEventListener("click", (event) => {
      event.preventDefault();
      sort(table, head, head.getAttribute("aria-sort") === "ascending");
    });
  }
}

// The filter answers at once.
for (const form of document.querySelectorAll("form[data-filter]")) {
  form.hidden = false;
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  const told = form.querySelector("[data-count]");
  const apply = () => {
    const vote = form.elements.vote.value;
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = (vote && row.dataset.vote !== vote) || !words.every((word) => text.includes(word));
    }
    for (const table of tables) {
      const none = [...table.tBodies[0].rows].every((row) => row.hidden);
      table.hidden = none;
      table.parentElement.nextElementSibling.hidden = !none;
    }
    told.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} results shown`;
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  form.addEventListener("input", apply);
  form.elements.sort.addEventListener("change", (event) => {
    for (const table of tables) {
      const head = [...table.tHead.rows[0].cells].find((cell) => cell.querySelector("a")?.search.includes(`sort=${event.target.value}`));
      if (event.target.value && head) sort(table, head, ["trials", "people", "search"].includes(event.target.value));
    }
  });
}

// What if a trial falls? The same form works without this script; here the answer comes into the page.
for (const form of document.querySelectorAll("form[data-what-if]")) {
  let asked = 0;
  const ask = async (focus) => {
    const mine = ++asked;
    const query = new URLSearchParams(new FormData(form)).toString();
    const address = form.getAttribute("action") + (query ? `?${query}` : "");
    const part = form.querySelector("[data-changes]");
    part.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== asked) return;
      const key = (each) => `${each.closest("section")?.getAttribute("aria-labelledby")} ${each.dataset.key}`;
      const opened = new Map([...part.querySelectorAll("details")].map((each) => [key(each), each.open]));
      const ticked = () => focus && form.querySelector(`input[value="${CSS.escape(focus)}"]`);
      const before = ticked()?.getBoundingClientRect().top;
      part.replaceChildren(...page.querySelector("[data-changes]").childNodes);
      for (const each of part.querySelectorAll("details")) each.open = opened.get(key(each)) ?? each.open;
      history.replaceState(null, "", address);
      const now = ticked();
      if (now) {
        now.focus({ preventScroll: true });
        scrollBy({ top: now.getBoundingClientRect().top - before, behavior: "instant" }); // the box stays under the pointer
        const section = now.closest("section");
        form.querySelector("[data-said]").textContent = (section.querySelector("[data-now]") ?? section.querySelector(".own-result")).textContent;
      } else {
        const changed = [...form.querySelectorAll("[data-now]")].map((each) => each.textContent);
        form.querySelector("[data-said]").textContent = `Computed again. ${changed.join(" ") || "No trial is taken out."}`;
      }
    } catch {
      if (mine === asked) form.submit();
    } finally {
      if (mine === asked) part.removeAttribute("aria-busy");
    }
  };
  form.addEventListener("change", (event) => { if (event.target.name === "out") ask(event.target.value); });
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(""); });
}
