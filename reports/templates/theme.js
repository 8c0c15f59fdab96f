"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  // The theme is kept where the browser allows it; a page opened from a file may have no storage.
  const store = { get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
                  set: (value) => { try { localStorage.setItem("theme", value); } catch { return; } } };
  const themes = ["auto", "light", "dark"];
  const button = document.getElementById("theme");
  const paint = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = theme[0].toUpperCase() + theme.slice(1);
    button.setAttribute("aria-label", "Colours: " + (theme === "auto" ? "as the system" : theme));
  };
  const asked = new URLSearchParams(location.search).get("theme");
  let theme = [asked, store.get()].find((name) => themes.includes(name)) || "auto";
  paint(theme);
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    paint(theme);
    store.set(theme);
  });
})();
