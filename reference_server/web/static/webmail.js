"use strict";
(() => {
  const list = () => document.getElementById("list");
  const rows = () => [...document.querySelectorAll(".messages > li:not(.empty)")];

  // Phones: the folders are folded away.
  const folders = document.getElementById("folders");
  if (folders && matchMedia("(max-width: 52rem)").matches) folders.open = false;

  // Choosing
  const chooseAll = (event) => {
    if (event.target.id !== "all") return;
    for (const box of document.querySelectorAll(".messages input[name=at]")) box.checked = event.target.checked;
  };
  document.addEventListener("change", chooseAll);

  // A message is sent once.
  const compose = document.querySelector("form.compose");
  if (compose) compose.addEventListener("submit", (event) => {
    if (compose.dataset.sent) event.preventDefault();
    compose.dataset.sent = "yes";
  });

  // The row that the keys are about
  let at = -1;
  const mark = (to) => {
    const all = rows();
    if (!all.length) return;
    at = Math.max(0, Math.min(to, all.length - 1));
    for (const row of all) row.classList.remove("here");
    all[at].classList.add("here");
    all[at].querySelector("a").focus({ preventScroll: true });
    all[at].scrollIntoView({ block: "nearest" });
  };
  const choose = () => {
    const box = rows()[at] && rows()[at].querySelector("input[name=at]");
    if (box) box.checked = !box.checked;
  };
  const chosen = () => document.querySelector(".messages input[name=at]:checked");
  const press = (key) => {
    const control = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!control) return false;
    if (list() && control.closest("#list") && !chosen()) choose();
    control.click();
    return true;
  };

  const moves = { j: () => mark(at + 1), k: () => mark(at - 1), x: choose };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
    if (compose && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      compose.requestSubmit(compose.querySelector("[data-send]"));
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key;
    if (key === "?") document.getElementById("keys").showModal();
    else if (key === "/") { const find = document.getElementById("find"); if (!find) return; find.focus(); find.select(); }
    else if (list() && moves[key]) moves[key]();
    else if (list() && key === "o" && rows()[at]) rows()[at].querySelector("a").click();
    else if (!press(key)) return;
    event.preventDefault();
  });

  // New mail: the server says that there is some, the list is fetched anew.
  const title = document.title;
  const refresh = async (messages) => {
    const live = list();
    if (!live || !live.dataset.live || chosen()) return;
    live.dataset.live = messages;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("#list .messages"), pages = page.querySelector("#list .pages");
    if (!fresh || chosen()) return;
    live.querySelector(".messages").replaceWith(fresh);
    live.querySelector(".pages").replaceWith(pages);
    at = -1;
  };
  const count = (unread) => {
    const inbox = document.getElementById("inbox");
    if (!inbox) return false;
    let badge = inbox.querySelector(".count");
    const before = badge ? parseInt(badge.textContent, 10) || 0 : 0;
    if (!badge && unread) { badge = document.createElement("b"); badge.className = "count"; inbox.append(badge); }
    if (badge) { badge.textContent = unread || ""; badge.hidden = !unread; }
    document.title = (unread ? `(${unread}) ` : "") + title;
    return unread !== before;
  };
  if (document.body.dataset.events) {
    const events = new EventSource(document.body.dataset.events);
    events.addEventListener("mail", (event) => {
      const [unread, messages] = event.data.split(" ");
      const other = count(parseInt(unread, 10));
      if (other || (list() && list().dataset.live !== messages)) refresh(messages);
    });
    addEventListener("pagehide", () => events.close());
  }
})();
