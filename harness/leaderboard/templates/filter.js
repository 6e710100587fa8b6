(() => {
"use strict";
const all = (query, from = document) => Array.from(from.querySelectorAll(query));

function fits(item, wanted, words) {
  const parts = item.cells ? Array.from(item.cells).filter((each) => !each.hidden) : [item];
  const text = parts.map((each) => each.textContent).join(" ").toLowerCase();
  return words.every((word) => text.includes(word))
    && (!wanted.verdict || parts.some((part) => all(".verdict", part).some((each) => each.textContent === wanted.verdict)))
    && (!wanted.change || (wanted.change === "any" ? item.dataset.change !== "same" : item.dataset.change === wanted.change));
}

function filter(form) {
  const wanted = Object.fromEntries(new FormData(form));
  const words = (wanted.text || "").toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const section of form.id === "filters" ? all("section.board") : [form.closest("section")]) {
    const chosen = ["task", "dataset"].every((key) => !wanted[key] || section.dataset[key] === wanted[key]);
    let rows = 0;
    all("table.runs, .answers", section).forEach((list, place) => {
      for (const item of list.tBodies ? list.tBodies[0].rows : list.children) {
        item.hidden = !fits(item, wanted, words);
        if (chosen && place === 0 && !item.hidden) rows += 1;
      }
    });
    if (section.classList.contains("board")) section.hidden = !chosen || (words.length > 0 && rows === 0);
    shown += rows;
  }
  const nothing = document.getElementById("nothing");
  if (nothing) nothing.hidden = shown > 0;
  const noun = form.dataset.noun || "row";
  document.getElementById("shown").textContent = shown + " " + noun + (shown === 1 ? "" : "s");
}

for (const form of all("form.filters[role=search]")) {
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => filter(form));
  if (["text", "verdict", "change", "task", "dataset"].some((name) => new FormData(form).get(name))) filter(form);
}
})();
