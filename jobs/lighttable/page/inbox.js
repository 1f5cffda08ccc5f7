// Inbox: what a service was unsure of, most telling first. Words on it are edits; X puts a picture aside for good.

import { Bench } from "./bench.js";
import { make } from "./make.js";
import { get, post } from "./server.js";

// The inbox's pictures with the face of Rows; words, classes and who speaks are the table's.
class Inbox extends EventTarget {
  constructor(table) {
    super();
    this.table = table;
    this.ids = []; this.names = []; this.found = { top: [], chance: [] };
    table.addEventListener("changed", () => this.dispatchEvent(new Event("changed")));
  }

  async load() {
    this.found = await get("/api/inbox");
    ({ ids: this.ids, names: this.names } = this.found);
  }

  get classes() { return this.table.classes || []; }
  get passed() { return this.table.passed; }
  id(row) { return this.ids[row]; }
  edit(row) { return this.table.words.get(this.ids[row]); }
  label(row) { const edit = this.edit(row); return edit?.action === "label" ? edit.label : `${this.found.top[row]?.[0] ?? ""}?`; }
  word(column) { return column === "side" ? "inbox, not in the dataset" : ""; }
  opinion(row) { return { classes: this.found.top[row], chances: this.found.chance[row] }; }
  suggestion(row) { return this.found.top[row]?.[0]; }
  state(row) { return this.edit(row)?.action === "exclude" ? "out" : "kept"; }
  undo() { return this.table.undo(); }
  say(text) { this.table.say(text); }

  async mark(images, action, label) {
    await this.table.mark(images, action, label);
    if (action === "exclude") await post("/api/inbox/aside", { images });
  }
}

export function inbox(table) {
  const rows = new Inbox(table);
  const caption = (row) => [make("b", {}, rows.label(row)), make("span", { class: "soft" }, rows.names[row])];
  const filters = make("div", { class: "filters" }, make("a", { href: "/export/inbox.zip", download: "inbox.zip" }, "Labelled ones as class folders (ZIP)"));
  const bench = new Bench(rows, { caption, filters });
  return { title: "Inbox", element: bench.element,
    start: async () => {
      bench.start();
      await rows.load().catch((error) => table.say(error.message));
      bench.show([...rows.ids.keys()]);
      bench.bar();
      if (!rows.ids.length) table.say("The inbox is empty: a service puts pictures there when it is told to keep those it is unsure of.");
    },
    stop: () => bench.stop() };
}
