"use strict";
(() => {
  const steps = [...document.querySelectorAll(".steps details")];
  const button = document.getElementById("unfold");
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") === "false";
    for (const step of steps) if (!step.matches(".hex")) step.open = open;
    button.setAttribute("aria-pressed", String(open));
    button.textContent = open ? "Close all" : "Open all";
  });

  // A link to a step opens it.
  const reveal = () => {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const step = place && place.querySelector("details");
    if (step) step.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
