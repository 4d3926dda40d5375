// Comfort for the pages of an account. Everything but passkeys works without it.
"use strict";

for (const field of document.querySelectorAll(".field input[type=password]")) {
  const button = document.createElement("button");
  const name = document.querySelector(`label[for="${field.id}"]`)?.textContent.toLowerCase() ?? "password";
  button.type = "button";
  button.className = "button quiet";
  const say = () => {
    button.textContent = field.type === "password" ? "Show" : "Hide";
    button.setAttribute("aria-label", `${button.textContent} the ${name}`);
  };
  button.addEventListener("click", () => {
    field.type = field.type === "password" ? "text" : "password";
    say();
  });
  // a browser keeps what stands in a text field for later; a password goes out as one
  field.form?.addEventListener("submit", () => { field.type = "password"; });
  say();
  field.after(button);
}

const WRONG = {
  NotAllowedError: "Your browser stopped before it was done, or it took too long. Press the button again when you are ready.",
  InvalidStateError: "This device has a passkey for this account already.",
  SecurityError: "A passkey belongs to a name, and this page is open under a bare address. Open the site by its name (on this computer: localhost).",
  NotSupportedError: "This browser or device cannot make such a passkey. Try another one.",
};
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.getElementById("passkey-wrong");
  if (!place) return;
  const told = document.createElement("p");
  const known = WRONG[event.detail.exception?.name];
  told.textContent = known ?? "The passkey could not be used. Nothing was changed. Try again, or go another way.";
  place.replaceChildren(told);
  place.hidden = false;
  place.focus();
});

for (const tools of document.querySelectorAll("[data-codes]")) {
  const codes = [...document.querySelectorAll(`#${tools.dataset.codes} code`)].map((each) => each.textContent).join("\n");
  const said = tools.querySelector("[role=status]");
  const does = {
    save() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([`Recovery codes for NeuroDash, each works once:\n\n${codes}\n`], { type: "text/plain" }));
      link.download = "neurodash-recovery-codes.txt";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      said.textContent = "Saved.";
    },
    async copy() {
      try {
        await navigator.clipboard.writeText(codes);
        said.textContent = "Copied.";
      } catch {
        said.textContent = "Your browser does not let us copy. Select them instead.";
      }
    },
    print() { window.print(); },
  };
  tools.hidden = false;
  for (const button of tools.querySelectorAll("[data-do]")) button.addEventListener("click", does[button.dataset.do]);
}
