// Pictures: all of them, by class and side, in an order that helps.

import { Bench } from "./bench.js";
import { make } from "./make.js";

const ORDERS = [["class", "By class"], ["doubt", "Least sure first"], ["suggested", "Model disagrees first"], ["same", "Duplicates together"], ["name", "By name"]];
const SHOWN = [["all", "All"], ["kept", "In the dataset"], ["out", "Left out"], ["edited", "With an edit"], ["passed", "Said at once"]];

export function select(words, choices, changed) {
  const list = make("select", { onchange: () => changed(list.value) }, ...choices.map(([value, text]) => make("option", { value }, text)));
  return { list, element: make("label", {}, `${words} `, list) };
}

export function pictures(rows) {
  const chosen = { label: "", side: "", shown: "all", order: "class" };
  const choose = (name) => (value) => { chosen[name] = value; bench.show(order(rows, chosen)); };
  const classes = () => [["", "all"], ...rows.classes.map((one) => [one, one])];
  const label = select("Class", classes(), choose("label"));
  const filters = make("div", { class: "filters" }, label.element,
    select("Side", [["", "both"], ["train", "train"], ["test", "test"]], choose("side")).element,
    select("Show", SHOWN, choose("shown")).element,
    select("Order", ORDERS, async (value) => {
      if (!rows.opinions.size && (value === "doubt" || value === "suggested")) await rows.think().catch((error) => rows.say(error.message));
      choose("order")(value);
    }).element);
  const bench = new Bench(rows, { caption: (row) => caption(rows, row), filters });
  const known = () => {
    const names = classes();
    if (label.list.options.length !== names.length) label.list.replaceChildren(...names.map(([value, text]) => make("option", { value, selected: value === chosen.label }, text)));
  };
  rows.addEventListener("changed", known);
  return { title: "Pictures", element: bench.element,
    start: () => { bench.start(); if (bench.run !== rows.run) { bench.run = rows.run; bench.show(order(rows, chosen)); } bench.changed(); },
    stop: () => bench.stop(),
    anew: () => { bench.run = rows.run; bench.show(order(rows, chosen)); } };
}

function order(rows, { label, side, shown, order }) {
  const wanted = [];
  for (let row = 0; row < rows.count; row++) {
    if (label && rows.label(row) !== label) continue;
    if (side && rows.word("side", row) !== side) continue;
    if ((shown === "kept" || shown === "out") && rows.state(row) !== shown) continue;
    if (shown === "edited" && !rows.edit(row)) continue;
    if (shown === "passed" && !rows.passed.has(rows.id(row))) continue;
    wanted.push(row);
  }
  if (order === "same") return together(rows, wanted);
  const keys = {
    class: (row) => [rows.label(row), rows.word("side", row), rows.names[row]],
    doubt: (row) => [-rows.doubt(row), rows.names[row]],
    suggested: (row) => [rows.suggestion(row) ? 0 : 1, -(rows.opinion(row)?.chances[0] ?? 0), rows.names[row]],
    name: (row) => [rows.names[row]],
  }[order];
  return sorted(wanted, keys);
}

// Pictures that are the same stand side by side, the one that was kept first; label conflicts before duplicates.
function together(rows, wanted) {
  const sets = new Map();
  const byName = new Map(wanted.map((row) => [rows.names[row], row]));
  for (const row of wanted) {
    const reason = rows.word("reason", row);
    if (reason.startsWith("duplicate of ")) {
      const first = reason.slice("duplicate of ".length);
      if (!sets.has(first)) sets.set(first, byName.has(first) ? [byName.get(first)] : []);
      sets.get(first).push(row);
    } else if (reason.startsWith("label conflict")) {
      const group = ` ${rows.word("group", row)}`;
      if (!sets.has(group)) sets.set(group, []);
      sets.get(group).push(row);
    }
  }
  return [...sets.keys()].sort().flatMap((one) => sets.get(one));
}

export function sorted(wanted, keys) {
  const decorated = wanted.map((row) => [keys(row), row]);
  decorated.sort(([one], [other]) => {
    for (let place = 0; place < one.length; place++) {
      if (one[place] < other[place]) return -1;
      if (one[place] > other[place]) return 1;
    }
    return 0;
  });
  return decorated.map(([, row]) => row);
}

function caption(rows, row) {
  const suggestion = rows.suggestion(row), reason = rows.word("reason", row);
  return [
    make("b", {}, rows.label(row)),
    suggestion ? make("span", { class: "suggestion" }, ` → ${suggestion}?`) : null,
    make("span", { class: "soft" }, reason && rows.state(row) === "out" ? reason : rows.names[row]),
  ].filter(Boolean);
}
