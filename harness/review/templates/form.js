"use strict";
(() => {
  const sheet = document.getElementById("sheet"), study = sheet.dataset.study, place = `sheet-${study}`;
  const items = [...document.querySelectorAll(".item")];
  const read = (item) => {
    const scores = {};
    for (const field of item.querySelectorAll("fieldset")) {
      const chosen = field.querySelector("input:checked");
      scores[field.dataset.criterion] = !chosen ? null : chosen.value === "cannot tell" ? chosen.value : Number(chosen.value);
    }
    return { id: Number(item.dataset.id), scores, notes: item.querySelector("textarea").value };
  };
  const tell = () => {
    const done = items.filter((item) => Object.values(read(item).scores).every((each) => each !== null)).length;
    document.getElementById("progress").textContent = `${done} of ${items.length} rated`;
  };
  const keep = () => {
    try { localStorage.setItem(place, JSON.stringify(items.map(read))); } catch { /* a browser that keeps nothing: saving still works */ }
    tell();
  };
  let kept = [];
  try { kept = JSON.parse(localStorage.getItem(place) || "[]"); } catch { /* as above */ }
  for (const each of kept) {
    const item = items.find((one) => Number(one.dataset.id) === each.id);
    if (!item) continue;
    for (const field of item.querySelectorAll("fieldset")) {
      const value = each.scores[field.dataset.criterion];
      for (const input of field.querySelectorAll("input")) input.checked = value !== null && input.value === String(value);
    }
    item.querySelector("textarea").value = each.notes;
  }
  document.addEventListener("input", keep);
  document.addEventListener("change", keep);
  document.getElementById("save").addEventListener("click", () => {
    const text = JSON.stringify({ study, entries: items.map(read) }, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `ratings-${study}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  tell();
})();
