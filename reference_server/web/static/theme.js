"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const store = { get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
                  set: (value) => { try { localStorage.setItem("theme", value); } catch { return; } } };
  const themes = ["auto", "light", "dark"];
  let theme = themes.includes(store.get()) ? store.get() : "auto";
  const paint = () => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (!button) return;
    button.textContent = theme[0].toUpperCase() + theme.slice(1);
    button.setAttribute("aria-label", "Colours: " + (theme === "auto" ? "as the system" : theme));
  };
  // At once, so that no page flashes in the other colours; the button is there a moment later.
  paint();
  document.addEventListener("DOMContentLoaded", () => {
    paint();
    document.getElementById("theme").addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      paint();
      store.set(theme);
    });
  });
})();
