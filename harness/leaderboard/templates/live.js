(() => {
"use strict";
const form = document.getElementById("filters"), section = document.getElementById("under-way");
const kept = JSON.parse(sessionStorage.getItem("leaderboard") || "null");
if (kept) {
  sessionStorage.removeItem("leaderboard");
  for (const [name, value] of kept.filters) if (form.elements[name]) form.elements[name].value = value;
  form.dispatchEvent(new Event("input"));
  scrollTo(0, kept.scroll);
}

async function progress() {
  const answer = await fetch("/progress");
  if (!answer.ok) return;
  section.innerHTML = await answer.text(); // escaped by the server's template, and the page's policy runs nothing in it
  section.hidden = !section.firstChild;
}

const events = new EventSource("/events");
events.addEventListener("progress", progress);
events.addEventListener("built", () => {
  sessionStorage.setItem("leaderboard", JSON.stringify({ filters: [...new FormData(form)], scroll: scrollY }));
  location.reload();
});
progress();
})();
