"use strict";
(() => {
  // One operation at a time, chosen from the list, by a link of the table, or by the address.
  const choice = document.getElementById("operation");
  const panels = [...document.querySelectorAll(".panel")];
  const show = (key) => {
    for (const panel of panels) panel.open = panel.id === key;
    choice.value = key;
  };
  const reveal = () => {
    const key = decodeURIComponent(location.hash.slice(1));
    if (!panels.some((panel) => panel.id === key)) return;
    show(key);
    choice.scrollIntoView({ block: "start" });
  };
  if (choice) {
    choice.addEventListener("change", () => show(choice.value));
    addEventListener("hashchange", reveal);
    reveal();
  }

  // The same rounding as the page's: three digits that mean something.
  const three = (value) => {
    const rounded = Number(value.toPrecision(3));
    if (!rounded || rounded >= 100) return Math.round(value).toLocaleString("en");
    return rounded.toFixed(2 - Math.floor(Math.log10(rounded)));
  };
  const units = {
    ms: (value) => Number(value.toPrecision(3)) < 1000 ? three(value) + " ms" : three(value / 1000) + " s",
    per_s: (value) => three(value) + "/s",
    n: (value) => value.toLocaleString("en"),
  };
  const shown = (value, unit) => value === null ? "none" : units[unit] ? units[unit](value) : value;

  const times = document.getElementById("times");
  const clock = times && JSON.parse(times.textContent);

  for (const chart of document.querySelectorAll(".chart")) {
    const source = chart.querySelector("script");
    if (!source) continue;
    const frame = chart.querySelector(".frame"), cursor = chart.querySelector(".cursor");
    const readout = chart.querySelector(".readout");
    let data = null, place = -1;
    const point = (wanted) => {
      data ||= { ...(chart.hasAttribute("data-clock") ? clock : {}), ...JSON.parse(source.textContent) };
      const { edges, labels, rows, at } = data;
      place = Math.max(0, Math.min(labels.length - 1, wanted(data, place)));
      const x = (at ? at[place] / 10 : (edges[place] + edges[place + 1]) / 20) + "%";
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      frame.classList.add("pointed");
      readout.replaceChildren(labels[place], ...rows.flatMap(([name, unit, values]) => {
        const part = document.createElement("span"), value = document.createElement("b");
        value.textContent = shown(values[place], unit);
        part.append(name + " ", value);
        return [" ", part];
      }));
    };
    const leave = () => {
      if (frame.matches(":focus-visible")) return;
      frame.classList.remove("pointed");
      readout.replaceChildren();
    };
    const at = (event) => ({ edges }) => {
      const box = frame.getBoundingClientRect();
      const x = 1000 * (event.clientX - box.left) / box.width;
      let low = 0, high = edges.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (edges[middle] <= x) low = middle; else high = middle;
      }
      return low;
    };
    frame.setAttribute("tabindex", "0");
    for (const name of ["pointermove", "pointerdown"]) frame.addEventListener(name, (event) => point(at(event)));
    frame.addEventListener("pointerleave", leave);
    frame.addEventListener("blur", leave);
    frame.addEventListener("focus", () => { if (frame.matches(":focus-visible")) point((_, old) => old); });
    frame.addEventListener("keydown", (event) => {
      const move = {
        ArrowLeft: (_, old) => old - 1, ArrowRight: (_, old) => old + 1,
        PageUp: (_, old) => old - 10, PageDown: (_, old) => old + 10,
        Home: () => 0, End: ({ labels }) => labels.length,
      }[event.key];
      if (!move) return;
      event.preventDefault();
      point(move);
    });
  }
})();
