// Results: pictures that the model had not seen, by right and wrong, by true and predicted class; errors by confidence.

import { Bench, bar } from "./bench.js";
import { draw, make, percent } from "./make.js";
import { select, sorted } from "./pictures.js";
import { get } from "./server.js";

const SHOWN = [["wrong", "Wrong"], ["right", "Right"], ["all", "All"]];
const ORDERS = [["sure", "Surest first"], ["unsure", "Least sure first"], ["name", "By name"]];
const BINS = 10;

export function results(rows) {
  const chosen = { shown: "wrong", truth: "", guess: "", order: "sure" };
  let scores = new Map(), run = null;
  const overview = make("details", { class: "overview" }, make("summary", {}, "Which for which, and how sure"));
  const sentence = make("p", { class: "count" });
  const truth = select("True", [], (value) => choose({ truth: value }));
  const guess = select("Predicted", [], (value) => choose({ guess: value }));
  const shown = select("Show", SHOWN, (value) => choose({ shown: value }));
  const filters = make("div", { class: "filters" }, shown.element, truth.element, guess.element,
    select("Order", ORDERS, (value) => choose({ order: value })).element, sentence, overview);
  const bench = new Bench(rows, { caption, filters, suggestion: (row) => scores.get(rows.id(row))?.guess, extra });

  function choose(change) {
    Object.assign(chosen, change);
    shown.list.value = chosen.shown; truth.list.value = chosen.truth; guess.list.value = chosen.guess;
    bench.show(order());
  }

  function order() {
    const wanted = [];
    for (let row = 0; row < rows.count; row++) {
      const one = scores.get(rows.id(row));
      if (!one || rows.columns.kept[row] === 0) continue;
      if (chosen.shown !== "all" && (one.truth === one.guess) !== (chosen.shown === "right")) continue;
      if (chosen.truth && one.truth !== chosen.truth || chosen.guess && one.guess !== chosen.guess) continue;
      wanted.push(row);
    }
    const sure = (row) => scores.get(rows.id(row)).sure;
    return sorted(wanted, { sure: (row) => [-sure(row), rows.names[row]], unsure: (row) => [sure(row), rows.names[row]], name: (row) => [rows.names[row]] }[chosen.order]);
  }

  function caption(row) {
    const one = scores.get(rows.id(row));
    if (!one) return [make("b", {}, rows.label(row))];
    const now = rows.label(row) === one.truth ? "" : ` now ${rows.label(row)}`;
    return [make("b", {}, one.truth), make("span", { class: one.truth === one.guess ? "right" : "suggestion" }, ` ${one.truth === one.guess ? "✓" : "→"} ${one.guess} ${percent(one.sure)}`),
      make("span", { class: "soft" }, now || rows.names[row])];
  }

  function extra(row) {
    const one = scores.get(rows.id(row));
    if (!one) return [];
    const best = one.chances.map((chance, place) => [chance, one.classes[place]]).sort((a, b) => b[0] - a[0]).slice(0, 5);
    return [make("h3", {}, "Measured"), make("p", {}, `${one.truth} was taken for ${one.guess}`), make("dl", { class: "bars" }, ...best.flatMap(([chance, name]) => bar(name, chance)))];
  }

  async function load() {
    const found = await get("/api/results");
    run = rows.run;
    scores = new Map(found.ids.map((id, place) => [id, {
      truth: found.label.values[found.label.index[place]], guess: found.predicted.values[found.predicted.index[place]],
      chances: found.chances[place], classes: found.classes, sure: Math.max(...found.chances[place]) }]));
    const all = [["", "all"], ...found.classes.map((name) => [name, name])];
    for (const one of [truth, guess]) one.list.replaceChildren(...all.map(([value, text]) => make("option", { value }, text)));
    const accuracy = found.metrics?.accuracy;
    sentence.textContent = accuracy ? `Right on ${percent(accuracy.value)} (${percent(accuracy.low)} to ${percent(accuracy.high)}) of ${found.ids.length}, ${found.scoring}` : "No run has been measured yet.";
    overview.replaceChildren(overview.firstChild, matrix(found), chart([...scores.values()]));
    choose({});
  }

  function matrix(found) {
    const counts = new Map();
    for (const one of scores.values()) counts.set(`${one.truth} ${one.guess}`, (counts.get(`${one.truth} ${one.guess}`) || 0) + 1);
    const pick = (true_, guess_) => choose({ truth: true_, guess: guess_, shown: "all" });
    return make("div", { class: "scroll" }, make("table", { class: "matrix" },
      make("thead", {}, make("tr", {}, make("td", {}, "true ↓ predicted →"), ...found.classes.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...found.classes.map((name) => make("tr", {}, make("th", { scope: "row" }, name), ...found.classes.map((other) => {
        const count = counts.get(`${name} ${other}`) || 0;
        return make("td", {}, make("button", { type: "button", class: name === other ? "good" : count ? "bad" : "soft", "aria-label": `${name} taken for ${other}: ${count}`, onclick: () => pick(name, other) }, String(count)));
      }))))));
  }

  return { title: "Results", element: bench.element,
    start: async () => { bench.start(); if (run !== rows.run) await load().catch((error) => rows.say(error.message)); bench.changed(); },
    stop: () => bench.stop(), anew: () => { run = null; } };
}

// How many were right and wrong at each confidence.
function chart(scores) {
  const bins = Array.from({ length: BINS }, () => [0, 0]);
  for (const one of scores) bins[Math.min(BINS - 1, Math.floor(one.sure * BINS))][one.truth === one.guess ? 0 : 1]++;
  const most = Math.max(1, ...bins.map(([right, wrong]) => right + wrong));
  const columns = bins.flatMap(([right, wrong], place) => {
    const x = 10 + place * 28, high = (count) => (100 * count) / most;
    return [draw("rect", { x, y: 110 - high(right), width: 24, height: high(right), class: "ok" }), draw("rect", { x, y: 110 - high(right) - high(wrong), width: 24, height: high(wrong), class: "no" }),
      draw("text", { x: x + 12, y: 124, "text-anchor": "middle" }, `${place * 10}`)];
  });
  return draw("svg", { viewBox: "0 0 300 130", width: 300, height: 130, role: "img", "aria-label": `Errors by confidence in percent: ${bins.map(([, wrong], place) => `${place * 10}: ${wrong}`).join(", ")}` }, ...columns);
}
