// The page: its views, who sits at it, and what is said to everybody.

import { exchange } from "./exchange.js";
import { inbox } from "./inbox.js";
import { make } from "./make.js";
import { pictures } from "./pictures.js";
import { results } from "./results.js";
import { Rows } from "./rows.js";
import { runs } from "./runs.js";
import { suspects } from "./suspects.js";

// Another view is a line here: a function of the rows that returns title, element, start, stop.
const VIEWS = [pictures, suspects, results, inbox, runs, exchange];

const rows = new Rows();
const who = document.getElementById("who");
const said = document.getElementById("said");
let shown = null, silence = 0;

function say(text) {
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { said.textContent = ""; }, 8000);
}

function open(view, views) {
  shown?.stop();
  shown = view;
  document.getElementById("view").replaceChildren(view.element);
  document.title = `${view.title}: light table`;
  document.getElementById("tabs").replaceChildren(...views.map((one) => make("button", {
    type: "button", onclick: () => open(one, views), "aria-current": one === view ? "page" : "false" }, one.title)));
  view.start();
}

function name() {
  const known = localStorage.getItem("who");
  if (known) return known;
  return `person ${crypto.getRandomValues(new Uint16Array(1))[0].toString(16)}`;
}

who.value = rows.who = name();
localStorage.setItem("who", rows.who);
who.addEventListener("change", () => { rows.who = who.value.trim() || name(); who.value = rows.who; localStorage.setItem("who", rows.who); });
rows.addEventListener("said", (event) => say(event.detail));
rows.addEventListener("changed", () => {
  document.getElementById("waiting").textContent = rows.waiting ? `The next run will use ${rows.waiting}.` : "";
});

try {
  await rows.load();
} catch (error) {
  say(error.message);
}
const views = VIEWS.map((view) => view(rows));
open(views[0], views);
if (!rows.count) say("No run of this dataset has come as far as a dataset version yet. This page shows it as soon as one has.");
let run = rows.run;
rows.addEventListener("changed", () => {
  if (rows.run === run) return;
  run = rows.run;
  for (const view of views) view.anew?.();
  say("A new run has laid the table anew.");
});
rows.watch();
setTimeout(() => rows.think().catch(() => {}), 1500); // the first pictures have the way for themselves
