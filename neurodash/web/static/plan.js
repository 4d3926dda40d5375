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
  const finish = form.querySelector('[value="make"]');
  let here = 0;
  const show = (at, focus = true) => {
    here = Math.max(0, Math.min(steps.length - 1, at));
    steps.forEach((step, place) => { step.hidden = place !== here; });
    buttons.forEach((button, place) => { place === here ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current"); });
    back.hidden = here === 0;
    next.hidden = here === steps.length - 1;
    finish.classList.toggle("quiet", !next.hidden);
    if (focus) { steps[here].querySelector("h2").focus({ preventScroll: true }); nav.scrollIntoView({ block: "start" }); }
  };
  form.classList.add("stepping");
  nav.hidden = false;
  buttons.forEach((button, place) => button.addEventListener("click", () => show(place)));
  back.addEventListener("click", () => show(here - 1));
  next.addEventListener("click", () => show(here + 1));
  // Enter in a field goes on; the last step makes the plan.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input[type=text]") || here === steps.length - 1) return;
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
  // Each step says how much in it is to be mended.
  buttons.forEach((button, place) => {
    const wrong = steps[place].querySelectorAll(".wrong:not(:empty)").length;
    if (wrong) button.textContent += ` (${wrong} to mend)`;
  });
  // Until this tab is closed the answers stay in it, so that the way back does not lose them.
  const KEEP = "plan-answers";
  const fields = () => [...form.elements].filter((each) => each.name && each.type !== "hidden" && each.type !== "submit");
  const keep = () => sessionStorage.setItem(KEEP, JSON.stringify(fields().map((each) => [each.name, each.type === "checkbox" ? [each.value, each.checked] : each.value])));
  try {
    const kept = form.hasAttribute("data-fresh") && JSON.parse(sessionStorage.getItem(KEEP) ?? "null");
    if (kept) {
      for (const each of fields()) {
        for (const [name, value] of kept) {
          if (name !== each.name) continue;
          if (each.type !== "checkbox") each.value = value; else if (value[0] === each.value) each.checked = value[1];
        }
      }
      document.querySelector(".restored").hidden = false;
    }
    document.querySelector("[data-afresh]").addEventListener("click", () => { sessionStorage.removeItem(KEEP); location.href = location.pathname + location.search; });
    form.addEventListener("input", keep);
    form.addEventListener("submit", keep);
  } catch { /* a browser that keeps nothing: the form works without */ }
}
mend?.focus();

// A plan lives in this page: its links open beside it, and leaving before it is saved is asked back.
let touched = Boolean(location.hash), leaving = false;
const begin = () => {
  for (const link of document.querySelectorAll("[data-plan] a[href^='/']")) { link.target = "_blank"; link.rel = "noopener"; }
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
  for (const each of document.querySelectorAll("form[action='/plans/new/']")) each.addEventListener("submit", sent);
  const said = document.querySelector(".said");
  if (!said) return;
  const part = said.parentElement.querySelector("details");
  if (part) part.open = true;
  said.parentElement.scrollIntoView();
  said.focus({ preventScroll: true });
};
// A swap changes the page where it is: no way back that would send it again, and what was open stays open.
const sent = async (event) => {
  leaving = true;
  setTimeout(() => { leaving = false; }, 3000);
  const button = event.submitter, before = document.querySelector("main.plan-page");
  if (!button?.value.startsWith("swap ") || before.ariaBusy === "true") return;
  event.preventDefault();
  before.ariaBusy = "true";
  try {
    const answer = await fetch("/plans/new/", { method: "POST", body: new URLSearchParams(new FormData(event.target, button)) });
    const after = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main.plan-page");
    if (!answer.ok || !after) throw new Error("no plan");
    for (const open of before.querySelectorAll("details[id][open]")) { const same = after.querySelector(`#${open.id}`); if (same) same.open = true; }
    before.replaceWith(after);
    touched = true;
    begin();
  } catch { event.target.requestSubmit(button); }
};
if (document.querySelector("[data-plan]")) {
  addEventListener("beforeunload", (event) => { if (touched && !leaving) event.preventDefault(); });
  begin();
}

// On paper every week and every reason is open.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll(".plan-page details:not([open])")) { part.open = true; part.dataset.opened = ""; } });
