// An editor's page shows itself anew when a file was saved.
"use strict";
let known = null;
const ask = async () => {
  try {
    const answer = await fetch("/-/watched", { cache: "no-store" });
    const version = await answer.text();
    if (known !== null && version !== known) location.reload();
    known = version;
  } catch { /* the server is starting again; ask later */ }
  setTimeout(ask, 700);
};
ask();
