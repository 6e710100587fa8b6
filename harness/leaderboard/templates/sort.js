(() => {
"use strict";
const all = (query, from = document) => Array.from(from.querySelectorAll(query));
const order = new Intl.Collator("en", { numeric: true });

function compare(a, b) {
  const x = Number(a), y = Number(b);
  return Number.isNaN(x) || Number.isNaN(y) ? order.compare(a, b) : x - y;
}

function sort(th, direction) {
  const body = th.closest("table").tBodies[0];
  const rows = Array.from(body.rows).map((row) => ({ row, v: row.cells[th.cellIndex].dataset.v }));
  const sign = direction === "ascending" ? 1 : -1;
  // rows without a value stay last in either direction; equal ones keep their places
  rows.sort((a, b) => a.v === undefined || b.v === undefined
    ? (a.v === undefined) - (b.v === undefined) : sign * compare(a.v, b.v));
  body.append(...rows.map((each) => each.row));
  for (const other of th.parentElement.cells) other.removeAttribute("aria-sort");
  th.setAttribute("aria-sort", direction);
}

for (const button of all("table.sortable th[data-first] button")) {
  button.addEventListener("click", () => {
    const th = button.parentElement, now = th.getAttribute("aria-sort");
    sort(th, now === null ? th.dataset.first : now === "ascending" ? "descending" : "ascending");
  });
}
})();
