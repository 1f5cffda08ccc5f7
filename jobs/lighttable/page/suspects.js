// Suspects: what curate thinks does not belong to its class, worst first, those that look the same together. One key decides for one
// picture or for all that look like it, and it is counted how many decisions are left.

import { Bench } from "./bench.js";
import { make, percent } from "./make.js";
import { select, sorted } from "./pictures.js";
import { get } from "./server.js";

const SHOWN = [["open", "Still to decide"], ["all", "All suspects"], ["every", "Every picture"]];
const JUNK = 0.02;

export function suspects(rows) {
  const chosen = { shown: "open", label: "" };
  let known = new Map(), run = null;
  const sentence = make("p", { class: "count", role: "status" });
  const label = select("Class", [["", "all"]], (value) => choose({ label: value }));
  const shown = select("Show", SHOWN, (value) => choose({ shown: value }));
  const bench = new Bench(rows, {
    caption, extra, filters: make("div", { class: "filters" }, shown.element, label.element, sentence),
    suggestion: (row) => known.get(rows.id(row))?.suggested,
    keys: [
      { key: "A", words: "agree", title: "Label as suggested, or exclude where nothing is", act: () => agree([bench.contact.row]) },
      { key: "G", words: "agree for the group", title: "The same for all that look like it", act: () => agree(alike(bench.contact.row)) },
      { key: "C", words: "choose the group", title: "Choose all that look like it; the next key is said of all", act: () => bench.contact.choose(alike(bench.contact.row)) },
    ],
  });

  function choose(change) {
    Object.assign(chosen, change);
    bench.show(order());
    count();
  }

  function order() {
    const seen = new Set(), worst = new Map(), wanted = [];
    for (let row = 0; row < rows.count; row++) {
      const id = rows.id(row), one = known.get(id);
      if (!one || seen.has(id) || chosen.label && rows.label(row) !== chosen.label) continue;
      if (chosen.shown !== "every" && !one.suspicious || chosen.shown === "open" && rows.edit(row)) continue;
      seen.add(id);
      wanted.push(row);
      worst.set(one.alike, Math.max(worst.get(one.alike) || 0, one.score));
    }
    const place = (one) => (one.alike ? worst.get(one.alike) : one.score);
    return sorted(wanted, (row) => { const one = known.get(rows.id(row)); return [-place(one), one.alike, -one.score, rows.names[row]]; });
  }

  // The rows on show that look like one, itself first; those that somebody has spoken of are left as they are.
  function alike(row) {
    const one = row === undefined ? null : known.get(rows.id(row));
    if (!one?.alike) return row === undefined ? [] : [row];
    return bench.contact.order.filter((other) => other === row || known.get(rows.id(other)).alike === one.alike && !rows.edit(other));
  }

  // Each picture of a group is labelled as suggested for it, and excluded where nothing is.
  function agree(wanted) {
    return bench.then(async () => {
      const words = new Map();
      for (const row of wanted) {
        if (row === undefined) continue;
        const suggested = known.get(rows.id(row)).suggested;
        words.set(suggested, [...(words.get(suggested) || []), rows.id(row)]);
      }
      for (const [suggested, images] of words) await rows.mark(images, suggested ? "label" : "exclude", suggested);
      if (words.size) bench.contact.pass(new Set(wanted));
    });
  }

  // What is expected to be junk still, and how many decisions, worst first and a group at a time, until it is under JUNK.
  function count() {
    let pictures = 0, expected = 0;
    const groups = new Map();
    for (let row = 0; row < rows.count; row++) {
      const id = rows.id(row), one = known.get(id);
      if (rows.state(row) === "out") continue;
      pictures++;
      if (!one || rows.edit(row)) continue;
      expected += one.score;
      const group = groups.get(one.alike || id) || { total: 0, worst: 0, size: 0 };
      groups.set(one.alike || id, { total: group.total + one.score, worst: Math.max(group.worst, one.score), size: group.size + 1 });
    }
    let left = expected, decisions = 0, decided = 0;
    for (const group of [...groups.values()].sort((one, other) => other.worst - one.worst)) {
      if (left <= JUNK * pictures) break;
      left -= group.total; decisions++; decided += group.size;
    }
    const share = pictures ? expected / pictures : 0;
    sentence.textContent = !known.size ? "No run has been curated yet." : decisions
      ? `About ${percent(share)} of ${pictures} do not belong here; some ${decisions} decisions (${decided} pictures) until that is under ${100 * JUNK} %.`
      : `About ${percent(share)} of ${pictures} do not belong here: under ${100 * JUNK} %.`;
  }

  function caption(row) {
    const one = known.get(rows.id(row));
    return [make("b", {}, rows.label(row)), one.suggested && one.suggested !== rows.label(row) ? make("span", { class: "suggestion" }, ` → ${one.suggested}?`) : null,
      make("span", { class: "soft" }, `${Math.round(100 * one.score)} %: ${one.reason}`)].filter(Boolean);
  }

  function extra(row) {
    const one = known.get(rows.id(row));
    if (!one) return [];
    const others = alike(row).length - 1;
    return [make("h3", {}, "Suspicion"), make("p", { class: "warning" }, `${percent(one.score)}: ${one.reason}`),
      one.seen_as ? make("p", {}, `The backbone would call it ${one.seen_as}.`) : null,
      one.left_out ? make("p", {}, "Training did not see it.") : null,
      others ? make("p", {}, `${others} more look like it: G decides for all.`) : null].filter(Boolean);
  }

  async function load() {
    const found = await get("/api/suspects"), word = (column, place) => found[column].values[found[column].index[place]];
    run = rows.run;
    known = new Map(found.ids.map((id, place) => [id, {
      score: found.score[place], suspicious: found.suspicious[place], left_out: found.left_out[place],
      reason: word("reason", place), suggested: word("suggested", place), seen_as: word("seen_as", place), alike: word("alike", place) }]));
    label.list.replaceChildren(...["", ...rows.classes].map((value) => make("option", { value }, value || "all")));
    choose({ label: "" });
  }

  rows.addEventListener("changed", () => { if (run !== null) count(); });
  return { title: "Suspects", element: bench.element,
    start: async () => { bench.start(); if (run !== rows.run) await load().catch((error) => rows.say(error.message)); bench.changed(); },
    stop: () => bench.stop(), anew: () => { run = null; } };
}
