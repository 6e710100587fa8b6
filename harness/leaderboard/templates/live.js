(() => {
"use strict";
const form = document.getElementById("filters");
const kept = JSON.parse(sessionStorage.getItem("leaderboard") || "null");
if (kept) {
  sessionStorage.removeItem("leaderboard");
  for (const [name, value] of kept.filters) if (form.elements[name]) form.elements[name].value = value;
  form.dispatchEvent(new Event("input"));
  scrollTo(0, kept.scroll);
}
new EventSource("/events").addEventListener("built", () => {
  sessionStorage.setItem("leaderboard", JSON.stringify({ filters: [...new FormData(form)], scroll: scrollY }));
  location.reload();
});
})();
