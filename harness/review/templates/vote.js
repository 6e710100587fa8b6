"use strict";
(() => {
  const base = location.pathname.replace(/\/$/, ""), place = `votes-${base}`;
  const $ = (id) => document.getElementById(id);
  const ab = Boolean($("answer-b"));
  const lessons = [...document.querySelectorAll(".practice-item")].map((each) => ({
    practice: true, task: each.dataset.name, prompt: paragraph(each.querySelector(".p")), expected: null,
    answers: [{ html: paragraph(each.querySelector(".f")) }, { html: paragraph(each.querySelector(".s")) }], says: each.querySelector(".w").textContent,
  }));
  function paragraph(element) { const copy = document.createElement("div"); copy.className = "prose"; copy.textContent = element.textContent; return copy.outerHTML; }
  const state = { queue: [], waiting: [], past: [], current: null, shown: 0, done: 0, total: 0, closed: false, sending: false, taught: 0, choice: null, scores: {}, begun: false, at: 0 };
  const keep = () => { try { localStorage.setItem(place, JSON.stringify({ waiting: state.waiting, taught: state.taught })); } catch { /* kept in this page only */ } };
  try { const kept = JSON.parse(localStorage.getItem(place) || "{}"); state.waiting = kept.waiting || []; state.taught = kept.taught || 0; } catch { /* nothing kept */ }
  const say = (text) => { $("said").textContent = text; };
  // randomUUID needs https or loopback; a judge's phone on the local network has neither
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
  const online = (fine, why) => {
    $("net").hidden = fine;
    if (!fine) $("net").textContent = why || `offline: ${state.waiting.length} ${state.waiting.length === 1 ? "vote waits" : "votes wait"} in this browser`;
  };
  function meter() {
    const done = Math.min(state.total, state.done + state.waiting.length);
    $("count").textContent = state.total ? `${done} of ${state.total}` : "";
    $("progress").max = Math.max(1, state.total); $("progress").value = done;
    $("left").textContent = state.minutes === null || state.minutes === undefined || done >= state.total ? "" : `about ${Math.max(1, Math.ceil(state.minutes))} min left`;
  }
  function take(answer) {
    state.done = answer.done; state.total = answer.total; state.closed = answer.closed; state.minutes = answer.minutes_left;
    const mine = new Set(state.waiting.map((each) => each.task));
    const known = new Set([...state.past.map((each) => each.task), ...mine]);
    if (state.current) known.add(state.current.task);
    state.queue = answer.next.filter((each) => !known.has(each.task));
    meter();
  }
  async function load() {
    try {
      const reply = await fetch(`${base}/state`);
      if (!reply.ok) throw new Error(String(reply.status));
      const answer = await reply.json();
      state.past = answer.earlier.map((each) => ({ ...each, stored: true }));
      if (answer.done) state.taught = lessons.length;
      take(answer); online(true);
      return true;
    } catch { online(false, "no connection"); return false; }
  }
  async function flush() {
    if (state.sending) return;
    state.sending = true;
    let broken = false;
    try {
      while (state.waiting.length && !broken) {
        const first = state.waiting[0];
        const { says, ...body } = first;
        let reply;
        try { reply = await fetch(`${base}/votes`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), keepalive: true }); }
        catch { broken = true; break; }
        if (reply.ok) {
          const answer = await reply.json();
          if (answer.client_id !== first.client_id) { broken = true; break; }
          state.waiting.shift(); keep(); take(answer);
          if (!state.waiting.length) online(true); else if (!$("net").hidden) online(false, `sending: ${state.waiting.length} left`);
        } else if (reply.status === 409) { state.waiting = []; keep(); state.closed = true; online(true); finish("The study is closed", "Its votes stand. Thank you."); break; }
        else if (reply.status === 422 || reply.status === 404) { state.waiting.shift(); keep(); online(false, "a vote was not taken: reload the page"); break; }
        else broken = true;
      }
    } finally { state.sending = false; }
    if (broken) online(false);
    if (!state.current && state.begun) next();
    meter();
  }
  setInterval(() => { if (state.waiting.length) flush(); else if (state.begun && !state.current && !state.closed && $("end").hidden) load().then((fine) => fine && next()); }, 2000);
  addEventListener("online", flush);
  function show(task, chosen) {
    state.current = task; state.choice = chosen ? chosen.choice : null; state.scores = chosen ? { ...chosen.scores } : {};
    state.shown = performance.now();
    $("prompt").innerHTML = task.prompt;
    $("expected-box").hidden = task.expected === null;
    $("expected").innerHTML = task.expected || "";
    task.answers.forEach((answer, side) => {
      const box = $(side ? "answer-b" : "answer-a");
      if (!box) return;
      box.innerHTML = answer.html;
      if (answer.picture) { const image = document.createElement("img"); image.alt = ab ? `picture ${"AB"[side]}` : "the picture to rate"; image.onload = () => image.classList.toggle("small", image.naturalWidth < 256); image.src = `${base}/picture/${task.task}/${side}`; box.replaceChildren(image); }
    });
    $("practice").hidden = !task.practice;
    if (task.practice) $("practice").textContent = `Practice ${state.taught + 1} of ${lessons.length}: this does not count.`;
    $("note").value = chosen ? chosen.note : ""; $("note-box").hidden = !$("note").value; $("add-note").setAttribute("aria-expanded", String(!$("note-box").hidden));
    $("intro").hidden = true; $("end").hidden = true; $("work").hidden = false; $("actions").hidden = false;
    press();
    scrollTo(0, 0); $("task-title").focus({ preventScroll: true });
    if (!ab) mark(0);
  }
  function press() {
    for (const button of document.querySelectorAll("[data-choice]")) button.setAttribute("aria-pressed", String(button.dataset.choice === state.choice));
    for (const [id, choice] of [["card-a", "first"], ["card-b", "second"]]) $(id)?.classList.toggle("chosen", state.choice === choice);
    for (const field of document.querySelectorAll("[data-criterion]")) {
      const score = field.dataset.criterion in state.scores ? state.scores[field.dataset.criterion] ?? "none" : undefined;
      for (const button of field.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.score === String(score)));
    }
    if ($("send")) $("send").disabled = !Object.keys(state.scores).length;
    $("undo").disabled = !state.past.length;
  }
  function finish(title, text) {
    state.current = null;
    $("work").hidden = true; $("intro").hidden = true; $("end").hidden = false;
    $("end-title").textContent = title; $("end-text").textContent = text;
    $("actions").hidden = state.closed;
    for (const button of document.querySelectorAll("[data-choice], #send")) button.disabled = true;
    $("end-title").focus({ preventScroll: true });
    say(title);
  }
  function enable() { for (const button of document.querySelectorAll("[data-choice]")) button.disabled = false; }
  function next() {
    state.at = state.past.length;
    enable();
    if (state.closed) return finish("The study is closed", "Its votes stand. Thank you.");
    if (state.taught < lessons.length) return show(lessons[state.taught], null);
    const task = state.queue.shift();
    if (task) return show(task, null);
    if (state.waiting.length) { state.current = null; return finish("Waiting for the connection", "Your votes are kept in this browser and will be sent. Leave this page open."); }
    return load().then((fine) => {
      const more = state.queue.shift();
      if (more) return show(more, null);
      if (fine) finish("Done", "That was the last one. You can close this page, or go back with Z to change a vote. Thank you.");
    });
  }
  function vote(choice) {
    const task = state.current;
    if (!task || state.closed) return;
    if (task.practice) {
      state.taught += 1; keep();
      say(task.says); const words = task.says; next();
      $("practice").hidden = false; $("practice").textContent = `${words}${state.current && state.current.practice ? ` Practice ${state.taught + 1} of ${lessons.length}.` : " Now it counts."}`;
      return;
    }
    const cast = { client_id: fresh(), task: task.task, choice: ab ? choice : null, scores: ab ? {} : { ...state.scores }, note: $("note").value, seconds: Math.min(86400, (performance.now() - state.shown) / 1000), ahead: 4 };
    state.waiting.push(cast); keep();
    const earlier = state.past.findIndex((each) => each.task === task.task);
    const record = { task: task.task, choice: cast.choice, scores: cast.scores, note: cast.note, shown: task };
    if (earlier >= 0) state.past[earlier] = record; else state.past.push(record);
    state.current = null;
    say(ab ? { first: "A is better", second: "B is better", tie: "tie", bad: "both bad" }[choice] : "rated");
    flush();
    next();
  }
  async function undo() {
    const place = Math.min(state.at, state.past.length) - 1;
    if (place < 0 || state.closed) return;
    const earlier = state.past[place];
    if (state.current && !state.current.practice && !state.past.some((each) => each.task === state.current.task)) state.queue.unshift(state.current);
    let task = earlier.shown;
    if (!task) {
      try { const reply = await fetch(`${base}/task/${earlier.task}`); if (!reply.ok) throw new Error(String(reply.status)); task = await reply.json(); } catch { online(false, "no connection"); return; }
    }
    enable(); state.at = place;
    show(task, earlier);
    say("back: this is your earlier vote");
  }
  let current = 0;
  const fields = () => [...document.querySelectorAll("[data-criterion]")];
  function mark(place) { current = Math.max(0, Math.min(fields().length - 1, place)); fields().forEach((field, number) => field.classList.toggle("current", number === current)); fields()[current]?.scrollIntoView({ block: "nearest" }); }
  function score(field, value) { state.scores[field.dataset.criterion] = value; press(); const place = fields().indexOf(field); mark(place + 1); }
  const note = (open) => { $("note-box").hidden = !open && !$("note").value; $("add-note").setAttribute("aria-expanded", String(!$("note-box").hidden)); if (open) $("note").focus(); else $("task-title").focus({ preventScroll: true }); };
  const help = () => { $("help").hidden = !$("help").hidden; $("help-button").setAttribute("aria-expanded", String(!$("help").hidden)); if (!$("help").hidden) { $("help-title").focus(); $("help").scrollIntoView({ block: "nearest" }); } };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.choice) vote(button.dataset.choice);
    else if (button.dataset.score) score(button.closest("[data-criterion]"), button.dataset.score === "none" ? null : Number(button.dataset.score));
    else if (button.id === "start") start();
    else if (button.id === "send") vote(null);
    else if (button.id === "undo") undo();
    else if (button.id === "add-note") note($("note-box").hidden);
    else if (button.id === "help-button") help();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === $("note")) { if (event.key === "Escape") note(false); return; }
    if (event.repeat) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "?") { help(); event.preventDefault(); return; }
    if (!state.begun) { if (key === "Enter" && event.target.id !== "start") start(); return; }
    if (key === "z") { undo(); event.preventDefault(); return; }
    if (!state.current) return;
    if (key === "n") { note(true); event.preventDefault(); return; }
    if (ab) {
      const choice = { a: "first", b: "second", t: "tie", x: "bad", 1: "first", 2: "second", 3: "tie", 4: "bad", ArrowLeft: "first", ArrowRight: "second" }[key];
      if (choice && document.querySelector(`[data-choice="${choice}"]`)) { vote(choice); event.preventDefault(); }
    } else if (key >= "1" && key <= "5" || key === "0") { score(fields()[current], key === "0" ? null : Number(key)); event.preventDefault(); }
    else if (key === "ArrowDown" || key === "ArrowUp") { mark(current + (key === "ArrowDown" ? 1 : -1)); event.preventDefault(); }
    else if (key === "Enter" && event.target.tagName !== "BUTTON" && !$("send").disabled) { vote(null); event.preventDefault(); }
  });
  function start() { state.begun = true; if (state.total || state.queue.length || state.closed) next(); else load().then((fine) => { if (fine) next(); else state.begun = false; }); }
  load().then((fine) => { if (fine && state.done) start(); if (state.waiting.length) flush(); });
})();
