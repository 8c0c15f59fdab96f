"use strict";
(() => {
  // A link into something folded opens it.
  const reveal = () => {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    if (place.hidden || place.closest("[hidden]")) { form.reset(); apply(); }
    for (let at = place; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    place.scrollIntoView();
  };

  const form = document.querySelector(".filters");
  const rows = [...document.querySelectorAll(".standing")].map((element) => ({
    element,
    text: (element.querySelector("summary").textContent + " " + element.id + " "
      + [...element.querySelectorAll(".said, .place, .evidence > summary")].map((part) => part.textContent).join(" ")).toLowerCase(),
  }));
  const groups = [...document.querySelectorAll("[data-group]")].reverse();
  const facets = ["state", "area", "rfc", "level"];
  const tallies = [...document.querySelectorAll("[data-count]")];

  const wanted = () => {
    const data = new FormData(form);
    const chosen = Object.fromEntries(facets.map((name) => [name, new Set(data.getAll(name).filter(Boolean))]));
    return { chosen, words: data.get("text").toLowerCase().split(/\s+/).filter(Boolean) };
  };
  const fits = ({ chosen, words }, row, except) =>
    words.every((word) => row.text.includes(word))
    && facets.every((name) => name === except || !chosen[name].size || chosen[name].has(row.element.dataset[name]));

  const apply = () => {
    const filter = wanted();
    const filtering = filter.words.length > 0 || facets.some((name) => filter.chosen[name].size);
    let shown = 0;
    for (const row of rows) {
      row.element.hidden = !fits(filter, row);
      shown += !row.element.hidden;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector(".standing:not([hidden])");
      if (group.tagName === "DETAILS") group.open = filtering && !group.hidden;
    }
    // A facet counts what it would show, the other filters being as they are.
    for (const name of facets) {
      const counts = new Map();
      for (const row of rows) {
        const value = row.element.dataset[name];
        if (fits(filter, row, name)) counts.set(value, (counts.get(value) || 0) + 1);
      }
      for (const tally of tallies.filter((each) => each.dataset.count === name)) {
        const count = counts.get(tally.dataset.value) || 0;
        tally.textContent = tally.tagName === "OPTION" ? `${tally.dataset.value} (${count})` : count;
      }
    }
    document.getElementById("shown").textContent = `${shown} of ${rows.length}`;
    document.getElementById("nothing").hidden = shown > 0;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  addEventListener("hashchange", reveal);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    form.elements.text.focus();
  });
  if (form.querySelector(":checked")) apply();
  reveal();
})();
