// Comfort only: the pages of the desk also work without it.
"use strict";

const mend = document.getElementById("mend");
const form = document.querySelector("form.builder, form.asking");

// What is wrong is opened and reached from the summary.
for (const link of mend?.querySelectorAll("a[href^='#']") ?? []) {
  link.addEventListener("click", (event) => {
    const field = document.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    field.focus();
  });
}

// Leaving with something typed is asked back; sending it is not leaving.
let touched = Boolean(mend), leaving = false;
form?.addEventListener("input", () => { touched = true; });
form?.addEventListener("submit", () => { leaving = true; });
if (form) addEventListener("beforeunload", (event) => { if (touched && !leaving) event.preventDefault(); });

// The first field is where a hand on the keyboard begins.
if (mend) mend.focus();
else document.querySelector(".scoring input[name^=m_], .scoring details[open] select")?.focus();
