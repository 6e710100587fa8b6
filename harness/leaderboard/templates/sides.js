(() => {
"use strict";
const all = (query, from = document) => Array.from(from.querySelectorAll(query));
const form = document.getElementById("pair");
if (!form) return;
const { a, b } = form.elements;

const hash = () => "#" + new URLSearchParams({ a: a.value, b: b.value });

function choose(select, value) {
  if (value !== null && Array.from(select.options).some((each) => each.value === value)) select.value = value;
}

function change(row) {
  const cell = (select) => row.querySelector(`td[data-run="${select.value}"]`).dataset.v;
  const gap = Number(cell(a)) - Number(cell(b)), known = cell(a) !== undefined && cell(b) !== undefined;
  row.dataset.change = !known || gap === 0 ? "same" : gap > 0 ? "a" : "b";
  const out = row.querySelector("td.change");
  out.dataset.v = known ? gap : 0;
  out.textContent = !known ? "not compared" : gap === 0 ? "same" : gap > 0 ? "A better" : "B better";
  const link = row.querySelector("a.programs");
  link.href = link.href.split("#")[0] + hash();
}

function show() {
  for (const each of all("[data-run]")) {
    each.hidden = each.dataset.run !== a.value && each.dataset.run !== b.value;
    each.classList.toggle("second", each.dataset.run === b.value);
    for (const mark of all(".which", each)) mark.textContent = each.dataset.run === a.value ? "A" : "B";
  }
  const pair = [a.value, b.value].sort((x, y) => x - y).join("-");
  for (const each of all("[data-pair]")) each.hidden = each.dataset.pair !== pair;
  all("tr[data-change]").forEach(change);
}

let before = [a.value, b.value];
function chosen(event) {
  if (a.value === b.value) (event.target === a ? b : a).value = before[event.target === a ? 0 : 1];
  before = [a.value, b.value];
  history.replaceState(null, "", hash());
  show();
}

const asked = new URLSearchParams(location.hash.slice(1));
choose(a, asked.get("a"));
choose(b, asked.get("b"));
if (a.value === b.value) b.selectedIndex = a.selectedIndex ? 0 : 1;
before = [a.value, b.value];
for (const select of [a, b]) select.addEventListener("input", chosen);
show();
})();
