// Comfort only: the form and the plan also work without it.
"use strict";

const mend = document.getElementById("mend");

// One step at a time.
const form = document.querySelector(".builder");
if (form) {
  const steps = [...form.querySelectorAll(".step")];
  const nav = form.querySelector(".steps-nav");
  const buttons = [...nav.querySelectorAll("button")];
  const [back, next] = [-1, 1].map((way) => form.querySelector(`[data-go="${way}"]`));
  let here = 0;
  const show = (at, focus = true) => {
    here = Math.max(0, Math.min(steps.length - 1, at));
    steps.forEach((step, place) => { step.hidden = place !== here; });
    buttons.forEach((button, place) => { place === here ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current"); });
    back.hidden = here === 0;
    next.hidden = here === steps.length - 1;
    if (focus) { steps[here].querySelector("h2").focus({ preventScroll: true }); nav.scrollIntoView({ block: "start" }); }
  };
  form.classList.add("stepping");
  nav.hidden = false;
  buttons.forEach((button, place) => button.addEventListener("click", () => show(place)));
  back.addEventListener("click", () => show(here - 1));
  next.addEventListener("click", () => show(here + 1));
  // Enter in a field goes on; the last step makes the plan.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input, select") || here === steps.length - 1) return;
    event.preventDefault();
    show(here + 1);
  });
  const reveal = (id) => {
    const field = document.getElementById(id);
    const step = field?.closest(".step");
    if (!step) return;
    show(steps.indexOf(step), false);
    for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    field.focus();
  };
  for (const link of mend?.querySelectorAll("a[href^='#']") ?? []) {
    link.addEventListener("click", (event) => { event.preventDefault(); reveal(link.hash.slice(1)); });
  }
  show(0, false);
  // Leaving with answers that are nowhere else is asked back.
  let touched = false;
  form.addEventListener("input", () => { touched = true; });
  for (const each of document.forms) each.addEventListener("submit", () => { touched = false; });
  addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
}
mend?.focus();

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
// On paper every week and every reason is open.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll(".plan-page details:not([open])")) { part.open = true; part.dataset.opened = ""; } });
