// Looks for changes while the run goes on, and puts in the parts that changed: what a reader selected elsewhere stays.
(() => {
  const shortestMs = 4000;
  const longestMs = 60_000;
  let waitMs = shortestMs;
  const refresh = async () => {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (next && next.outerHTML !== part.outerHTML) part.replaceWith(document.adoptNode(next));
    }
    document.title = fresh.title;
    const said = document.querySelector("#announcement");
    const status = document.querySelector(".badge").textContent;
    if (said.textContent !== status) said.textContent = status;
    return fresh.querySelector("[data-unfinished]") !== null;
  };
  const next = () => setTimeout(turn, waitMs);
  const turn = async () => {
    if (document.hidden) return next();
    try {
      if (!(await refresh())) return;
      waitMs = shortestMs;
    } catch {
      waitMs = Math.min(waitMs * 2, longestMs);
    }
    next();
  };
  next();
})();
