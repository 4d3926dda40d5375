// Comfort only: a plan that is kept works without it.
"use strict";

document.getElementById("mend")?.focus();
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
// After a swap the page opens where it was made.
const here = location.hash.startsWith("#target-") && document.getElementById(location.hash.slice(1))?.querySelector("details");
if (here) { here.open = true; here.querySelector("summary").focus({ preventScroll: true }); }
// On paper every week and every reason is open.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll(".week-of:not([open]), .planned details:not([open]), .targets details:not([open])")) part.open = true; });
