// The page that waits for a payment looks again by itself, more and more seldom, and only while it is seen.
(() => {
  if (!document.querySelector("[data-waits]")) return;
  let after = 2000;
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (answer.ok && !page.querySelector("[data-waits]")) return location.reload();
      } catch { /* the network is away: later */ }
      after = Math.min(after * 1.5, 30000);
    }
    setTimeout(look, after);
  };
  setTimeout(look, after);
})();
