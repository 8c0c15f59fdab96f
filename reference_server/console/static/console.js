"use strict";
(() => {
  // The server says what has changed; a page that shows it is fetched anew, and its live parts are replaced.
  const lives = () => [...document.querySelectorAll("[data-topics]")];
  const busy = (live) =>
    live.querySelector("input:checked:not([data-kept])") ||
    (document.activeElement && live.contains(document.activeElement) &&
      document.activeElement.matches("input:not([type=checkbox]), textarea, select")) ||
    (getSelection().toString() && live.contains(getSelection().anchorNode));
  const opened = (live) => new Set([...live.querySelectorAll("details[open][data-key]")].map((each) => each.dataset.key));

  let running = false, again = false;
  const refresh = async () => {
    if (running) { again = true; return; }
    running = true;
    try {
      do {
        again = false;
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (!answer.ok) break;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const live of lives()) {
          const fresh = page.getElementById(live.id);
          if (!fresh || busy(live) || fresh.innerHTML === live.innerHTML) continue;
          const open = opened(live), atEnd = innerHeight + scrollY >= document.body.scrollHeight - 40;
          for (const each of fresh.querySelectorAll("details[data-key]"))
            if (open.has(each.dataset.key)) each.open = true;
          live.replaceWith(fresh);
          if (atEnd && fresh.dataset.follow !== undefined) scrollTo(0, document.body.scrollHeight);
        }
      } while (again);
    } finally { running = false; }
  };

  const state = document.getElementById("live");
  const events = new EventSource("/events");
  events.addEventListener("open", () => { state.textContent = "live"; });
  events.addEventListener("error", () => { state.textContent = "not connected"; });
  events.addEventListener("changed", (event) => {
    const topics = new Set(event.data.split(" "));
    if (lives().some((live) => live.dataset.topics.split(" ").some((topic) => topics.has(topic)))) refresh();
  });
  addEventListener("pagehide", () => events.close());

  document.addEventListener("change", (event) => {
    if (event.target.id !== "all") return;
    for (const box of document.querySelectorAll("input[type=checkbox][name]")) box.checked = event.target.checked;
  });
  document.addEventListener("submit", (event) => {
    const asked = event.submitter && event.submitter.dataset.ask;
    if (asked && !confirm(asked)) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
    const find = document.getElementById("find");
    if (find) { find.focus(); find.select(); event.preventDefault(); }
  });
})();
