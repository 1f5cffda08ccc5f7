// Runs: a table and a trend, one of them in full, two or more side by side, the report.

import { draw, make, percent } from "./make.js";
import { get } from "./server.js";

const EVERY_MS = 2000;
const span = (figure) => `${percent(figure.value)} (${percent(figure.low)} to ${percent(figure.high)})`;

export function runs(rows) {
  const list = make("div", {}), one = make("section", { "aria-label": "One run" }), against = make("section", { "aria-label": "Comparison" });
  const button = make("button", { type: "button", disabled: true, onclick: () => compare().catch(tell) }, "Compare those chosen");
  const element = make("div", { class: "page" }, list, make("p", {}, button), against, one);
  const chosen = new Set();
  let timer = 0, open = "", said = "";
  const tell = (error) => rows.say(error.message);

  async function refresh() {
    const found = await get("/api/runs");
    const text = JSON.stringify(found);
    if (text !== said) { said = text; show(found.runs); }
    if (open && !one.querySelector("iframe")) await detail(open);
  }

  function show(found) {
    const lines = [...found].reverse().map((run) => make("tr", {},
      make("td", {}, make("input", { type: "checkbox", checked: chosen.has(run.run), "aria-label": `Compare ${run.run}`, onchange: (event) => choose(run.run, event.target.checked) })),
      make("td", {}, make("button", { type: "button", onclick: () => { open = run.run; one.replaceChildren(); detail(run.run).catch(tell); } }, run.run)),
      make("td", { class: run.state === "failed" ? "bad" : run.state === "done" ? "good" : "" }, run.state),
      make("td", { class: "n" }, run.test ? span(run.test.accuracy) : ""), make("td", { class: "n" }, run.kept === null ? "" : String(run.kept)),
      make("td", {}, run.edits), make("td", {}, run.serves ? "serves" : ""), make("td", {}, run.trigger), make("td", {}, run.reason)));
    list.replaceChildren(make("h2", {}, "Runs"), trend(found.filter((run) => run.test)),
      make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of runs" }, make("table", { class: "runs" }, make("thead", {}, make("tr", {}, ...["", "Run", "State", "Accuracy", "Pictures", "Edits used", "Model", "By", "Reason"].map((word) => make("th", { scope: "col" }, word)))), make("tbody", {}, ...lines))),
      found.length ? "" : make("p", { class: "soft" }, "There are no runs yet."));
  }

  function choose(run, wanted) {
    if (wanted) chosen.add(run); else chosen.delete(run);
    button.disabled = chosen.size < 2;
  }

  async function detail(name) {
    const run = await get(`/api/runs/${encodeURIComponent(name)}`);
    if (open !== name) return;
    const shown = one.querySelector("details")?.open;
    one.replaceChildren(make("h2", {}, `${run.run}: ${run.state}`), make("p", {}, run.reason),
      make("p", {}, run.edits ? `It used ${run.edits}.` : "It used no edits."),
      make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Steps" }, make("table", {}, make("thead", {}, make("tr", {}, ...["Step", "State", "Seconds", "Items", "Why"].map((word) => make("th", { scope: "col" }, word)))),
        make("tbody", {}, ...run.steps.map((step) => make("tr", {}, make("th", { scope: "row" }, step.step), make("td", {}, step.state), make("td", { class: "n" }, step.seconds === null ? "" : String(step.seconds)),
          make("td", { class: "n" }, step.items ? String(step.items) : ""), make("td", {}, step.why)))))),
      make("details", { open: shown }, make("summary", {}, "Settings"), make("table", {}, make("tbody", {}, ...Object.entries(run.settings).map(([key, value]) => make("tr", {}, make("th", { scope: "row" }, key), make("td", {}, JSON.stringify(value))))))),
      run.report ? make("p", {}, make("button", { type: "button", onclick: (event) => event.target.replaceWith(make("iframe", { src: `/reports/${encodeURIComponent(name)}`, title: `Report of ${name}` })) }, "Report")) : "");
  }

  async function compare() {
    const order = said ? JSON.parse(said).runs.map((run) => run.run).filter((run) => chosen.has(run)) : [...chosen];
    const found = await get(`/api/compare?${order.map((run) => `run=${encodeURIComponent(run)}`).join("&")}`);
    against.replaceChildren(make("h2", {}, "Side by side"), ...found.comparisons.flatMap((pair) => [
      make("p", {}, pair.sentence),
      make("ul", {}, ...[...pair.settings, ...pair.inputs].map((line) => make("li", {}, line))),
      make("div", { class: "strip" }, ...pair.changed.slice(0, 60).map((changed) => make("figure", {}, make("img", { src: `/small/${changed.id}`, alt: changed.name, loading: "lazy" }),
        make("figcaption", {}, make("b", { class: changed.mended ? "good" : "bad" }, changed.mended ? "mended" : "broken"), ` ${changed.label}: ${changed.before} → ${changed.after}`)))),
    ]));
  }

  return { title: "Runs", element,
    start: () => { refresh().catch(tell); timer = setInterval(() => refresh().catch(tell), EVERY_MS); },
    stop: () => clearInterval(timer) };
}

// Accuracy of each measured run with its interval, oldest first.
function trend(measured) {
  if (!measured.length) return "";
  const wide = 640, x = (place) => 40 + (place + 0.5) * ((wide - 50) / measured.length), y = (value) => 110 - 100 * value;
  return draw("svg", { viewBox: `0 0 ${wide} 120`, width: wide, role: "img", class: "trend", "aria-label": `Accuracy by run: ${measured.map((run) => percent(run.test.accuracy.value)).join(", ")}` },
    ...[0, 0.5, 1].flatMap((value) => [draw("line", { class: "axis", x1: 38, x2: wide, y1: y(value), y2: y(value) }), draw("text", { x: 34, y: y(value) + 4, "text-anchor": "end" }, `${100 * value}`)]),
    draw("polyline", { class: "line", points: measured.map((run, place) => `${x(place)},${y(run.test.accuracy.value)}`).join(" ") }),
    ...measured.flatMap((run, place) => [draw("line", { class: "span", x1: x(place), x2: x(place), y1: y(run.test.accuracy.low), y2: y(run.test.accuracy.high) }), draw("circle", { class: "dot", r: 3.5, cx: x(place), cy: y(run.test.accuracy.value) })]));
}
