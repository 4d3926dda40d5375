"use strict";
// Comfort only: a form with changes in it asks before it is left, and the first thing to mend is where one stands.
const mend = document.getElementById("mend");
if (mend) mend.focus();
const form = document.querySelector("[data-adapting]");
if (form) {
  let changed = Boolean(mend || document.querySelector(".restored"));
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}
