// The rows on the table and the words said on them. The server's chain of edits is the truth; this is what was read of it.

import { get, post } from "./server.js";

const EVERY_MS = 2000;

export class Rows extends EventTarget {
  constructor() {
    super();
    this.count = 0;
    this.words = new Map(); // picture -> its last edit
    this.passed = new Map(); // picture -> conflicts
    this.opinions = new Map(); // picture -> {classes, chances}
    this.head = 0;
    this.waiting = "";
    this.undoable = JSON.parse(sessionStorage.getItem("undoable") || "[]");
  }

  async load() {
    const [sheet, state] = await Promise.all([get("/api/sheet"), get(`/api/state?since=${this.head}`)]);
    this.run = sheet.run;
    this.count = sheet.ids.length;
    this.ids = sheet.ids;
    this.names = sheet.names || [];
    this.columns = sheet;
    this.classes = [...new Set((sheet.label?.values || []).concat(sheet.source?.values || []))].sort();
    this.waiting = state.waiting;
    this.take(state);
    this.changed();
  }

  // Reads what others said meanwhile, and whether a new run has laid the table anew.
  async follow() {
    const state = await get(`/api/state?since=${this.head}`);
    const fresh = state.edits.length > 0 || state.waiting !== this.waiting;
    this.waiting = state.waiting;
    this.take(state);
    if (state.run !== this.run) return this.load();
    if (fresh) this.changed();
  }

  watch() {
    setInterval(() => this.follow().catch((error) => this.say(error.message)), EVERY_MS);
  }

  async think() {
    const found = await get("/api/opinions");
    found.ids.forEach((id, row) => {
      this.opinions.set(id, { classes: found.top[row].map((one) => found.classes[one]), chances: found.chance[row] });
    });
    this.changed();
  }

  take(state) {
    for (const edit of state.edits) {
      if (edit.action === "clear") this.words.delete(edit.image);
      else this.words.set(edit.image, edit);
      if (edit.label && !this.classes.includes(edit.label)) this.classes = [...this.classes, edit.label].sort();
    }
    for (const one of state.conflicts) {
      if (one.number <= this.head) continue;
      this.passed.set(one.later.image, one);
      this.say(`${one.later.by || "Somebody"} and ${one.earlier.by || "somebody"} spoke of the same picture at once: ` +
        `${phrase(one.earlier)}, then ${phrase(one.later)}. The later word holds; both are kept.`);
    }
    this.head = Math.max(this.head, state.head);
  }

  // Says one word on pictures; they are safe in the store when this returns.
  async mark(images, action, label = "") {
    const before = this.head;
    const state = await post("/api/edits", { images, action, label, by: this.who, saw: before });
    this.take(state);
    this.waiting = state.waiting;
    this.remember(state.written);
    this.changed();
  }

  async undo() {
    const numbers = this.undoable.pop();
    if (!numbers) return this.say("There is nothing to undo here.");
    sessionStorage.setItem("undoable", JSON.stringify(this.undoable));
    const state = await post("/api/undo", { numbers, by: this.who, saw: this.head });
    this.take(state);
    this.waiting = state.waiting;
    this.changed();
    this.say(state.kept ? `${state.kept} not undone: somebody has spoken since.` : `Undone: ${numbers.length} edit${numbers.length > 1 ? "s" : ""}.`);
  }

  remember(numbers) {
    this.undoable = [...this.undoable, numbers].slice(-200);
    sessionStorage.setItem("undoable", JSON.stringify(this.undoable));
  }

  word(column, row) {
    const { values, index } = this.columns[column];
    return values[index[row]];
  }

  id(row) { return this.ids[row]; }
  edit(row) { return this.words.get(this.ids[row]); }
  label(row) { const edit = this.edit(row); return edit?.action === "label" ? edit.label : this.word("label", row); }
  opinion(row) { return this.opinions.get(this.ids[row]); }
  suggestion(row) { const one = this.opinion(row); return one && one.classes[0] !== this.label(row) ? one.classes[0] : ""; }
  doubt(row) { const one = this.opinion(row); return one ? 1 - (one.chances[0] - (one.chances[1] || 0)) : -1; }

  state(row) {
    const edit = this.edit(row);
    if (edit?.action === "exclude") return "out";
    if (edit) return "kept";
    return this.columns.kept[row] ? "kept" : "out";
  }

  changed() { this.dispatchEvent(new Event("changed")); }
  say(text) { this.dispatchEvent(new CustomEvent("said", { detail: text })); }
}

export function phrase(edit) {
  return { label: `label ${edit.label}`, exclude: "exclude", keep: "keep", clear: "taken back" }[edit.action];
}
