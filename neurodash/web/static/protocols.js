"use strict";
// Comfort only: a form with changes in it asks before it is left; one stands at the first thing to mend, or at what was moved.
const mend = document.getElementById("mend");
if (mend) mend.focus();
const moved = location.hash.startsWith("#l-") && document.getElementById(location.hash.slice(1));
if (moved && !mend) moved.querySelector("button")?.focus({ preventScroll: true });
const form = document.querySelector("[data-adapting]");
if (form) {
  let changed = Boolean(mend || document.querySelector(".restored"));
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}
