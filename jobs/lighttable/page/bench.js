// The bench: a contact sheet, the picture under the cursor beside it, and the keys that say a word on it. Pictures, Results and Suspects stand on it.

import { Contact } from "./contact.js";
import { ask, help } from "./dialogs.js";
import { link, make, percent } from "./make.js";
import { phrase } from "./rows.js";
import { get } from "./server.js";

const AHEAD = 3;

export class Bench {
  constructor(rows, { caption, filters, suggestion = (row) => rows.suggestion(row), extra = () => [], keys = [] }) {
    this.rows = rows;
    this.extra = extra;
    this.keys = keys; // of a view's own: {key, words, title, act}
    this.suggestion = suggestion;
    this.busy = Promise.resolve();
    this.contact = new Contact(rows, caption);
    this.classes = make("div", { class: "classes", role: "toolbar", "aria-label": "Say a word on the pictures chosen" });
    this.count = make("p", { class: "count", role: "status" });
    this.large = make("img", { class: "large", alt: "" });
    this.facts = make("div", { class: "facts" });
    this.pane = make("section", { class: "pane", tabIndex: 0, role: "region", "aria-label": "The picture under the cursor" }, this.large, this.facts);
    this.element = make("div", { class: "bench" },
      make("div", { class: "tools" }, filters, this.classes, this.count), this.contact.element, this.pane);
    this.contact.addEventListener("moved", () => this.look());
    this.contact.addEventListener("opened", () => this.element.classList.toggle("open"));
    this.changed = () => { this.contact.paint(true); this.bar(); this.look(); };
    this.pressed = (event) => this.key(event);
  }

  start() {
    this.rows.addEventListener("changed", this.changed);
    document.addEventListener("keydown", this.pressed);
    this.bar();
    this.contact.element.focus({ preventScroll: true });
  }

  stop() {
    this.rows.removeEventListener("changed", this.changed);
    document.removeEventListener("keydown", this.pressed);
  }

  show(order) { this.contact.show(order); }

  bar() {
    const button = (key, words, act, title) => make("button", { type: "button", title, onclick: () => { act(); this.contact.element.focus(); } },
      make("kbd", {}, key), ` ${words}`);
    this.classes.replaceChildren(
      ...this.keys.map((one) => button(one.key, one.words, one.act, one.title)),
      ...this.rows.classes.slice(0, 9).map((name, place) => button(String(place + 1), name, () => this.say("label", name), `Label: ${name}`)),
      button("L", "label …", () => this.askLabel(), "Another class, by its name"),
      button("N", "new class", () => this.askLabel(), "A class that is not there yet"),
      button("S", "suggestion", () => this.suggest(), "Take the model's suggestion"),
      button("X", "exclude", () => this.say("exclude"), "Leave it out of the next run"),
      button("K", "keep", () => this.say("keep"), "Right as it is"),
      button("U", "undo", () => this.then(() => this.rows.undo()), "Take your last word back"),
      button("?", "keys", help, "All keys"));
  }

  // One after the other: a word is in the store before the next picture shows.
  then(act) {
    this.busy = this.busy.then(act).catch((error) => this.rows.say(`Not saved: ${error.message}`));
    return this.busy;
  }

  say(action, label = "") {
    return this.then(async () => {
      const images = this.contact.targets;
      if (!images.length) return;
      await this.rows.mark(images, action, label);
      this.contact.advance();
    });
  }

  suggest() {
    return this.then(async () => {
      const label = this.contact.row === undefined ? "" : this.suggestion(this.contact.row);
      if (!label) return this.rows.say("The model suggests no other label here.");
      await this.rows.mark([this.rows.id(this.contact.row)], "label", label);
      this.contact.clear();
      this.contact.move(1);
    });
  }

  async askLabel() {
    const label = await ask("Label", "A class, old or new", this.rows.classes);
    this.contact.element.focus();
    if (label) this.say("label", label);
  }

  key(event) {
    if (event.target.closest?.("input, select, textarea, dialog") || event.altKey) return;
    const columns = this.contact.columns, sheet = this.contact;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -4 * columns, PageDown: 4 * columns };
    const ends = { Home: 0, End: sheet.order.length - 1 };
    const ordered = event.ctrlKey || event.metaKey;
    let act = null;
    if (event.key in moves) act = () => sheet.move(moves[event.key], event.shiftKey);
    else if (event.key in ends) act = () => sheet.go(ends[event.key], event.shiftKey);
    else if (ordered && event.key === "a") act = () => sheet.chooseAll();
    else if (ordered && event.key === "z") act = () => this.then(() => this.rows.undo());
    else if (ordered) return;
    else if (event.key >= "1" && event.key <= "9" && this.rows.classes[event.key - 1]) act = () => this.say("label", this.rows.classes[event.key - 1]);
    else act = this.keys.find((one) => one.key.toLowerCase() === event.key.toLowerCase())?.act || {
      " ": () => sheet.toggle(), Escape: () => { sheet.clear(); this.element.classList.remove("open"); },
      Enter: () => this.element.classList.toggle("open"), x: () => this.say("exclude"), k: () => this.say("keep"),
      s: () => this.suggest(), l: () => this.askLabel(), n: () => this.askLabel(), u: () => this.then(() => this.rows.undo()), "?": help,
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (event.key === "Enter" || event.key === " ") && event.target.closest?.("button, a")) return;
    event.preventDefault();
    act();
  }

  // Shows the picture under the cursor, and fetches those that come next.
  async look() {
    const { contact, rows } = this, row = contact.row;
    const some = contact.chosen.size ? `, ${contact.chosen.size} chosen` : "";
    this.count.textContent = contact.order.length ? `${contact.cursor + 1} of ${contact.order.length}${some}` : "No pictures here.";
    if (row === undefined) { this.large.removeAttribute("src"); this.facts.replaceChildren(); return; }
    const id = rows.id(row), address = `/large/${id}`;
    if (this.large.getAttribute("src") !== address) {
      this.large.src = address;
      this.large.decode().then(() => { this.large.dataset.shown = id; }, () => { this.large.dataset.shown = id; });
      clearTimeout(this.soon);
      this.soon = setTimeout(() => this.fetchAhead(), 60);
    }
    this.large.alt = `${rows.label(row)}, ${rows.names[row]}`;
    this.facts.replaceChildren(...this.first(row), make("div", { class: "more" }));
    clearTimeout(this.later);
    this.later = setTimeout(() => this.about(id).catch((error) => rows.say(error.message)), 250);
  }

  fetchAhead() {
    const { contact, rows } = this;
    for (const row of contact.order.slice(contact.cursor + 1, contact.cursor + 1 + AHEAD)) new Image().src = `/large/${rows.id(row)}`;
  }

  first(row) {
    const { rows } = this, edit = rows.edit(row), opinion = rows.opinion(row), reason = rows.word("reason", row);
    const source = rows.word("source", row);
    return [
      make("h2", {}, rows.label(row), source === rows.label(row) ? "" : make("small", {}, ` (source says ${source})`)),
      make("p", { class: "soft" }, rows.names[row]),
      make("p", {}, `${rows.word("side", row) || "no side"} · ${rows.state(row) === "out" ? `left out${reason ? `: ${reason}` : ""}` : "in the dataset"}`),
      edit ? make("p", { class: "word" }, `${edit.by || "Somebody"}: ${phrase(edit)}`) : null,
      opinion ? make("dl", { class: "bars" }, ...opinion.classes.flatMap((name, place) => bar(name, opinion.chances[place]))) : null,
      ...this.extra(row),
    ].filter(Boolean);
  }

  async about(id) {
    const found = await get(`/api/pictures/${id}`);
    const place = this.facts.querySelector(".more");
    if (!place || this.rows.id(this.contact.row) !== id) return;
    const passed = this.rows.passed.get(id);
    place.replaceChildren(
      ...(passed ? [make("p", { class: "warning" }, `Said at once: ${phrase(passed.earlier)} (${passed.earlier.by || "somebody"}), then ${phrase(passed.later)} (${passed.later.by || "somebody"}). The later word holds.`)] : []),
      ...found.origins.map((one) => make("p", { class: "soft" }, link(one.title || "picture", one.url), one.creator ? ` by ${one.creator}` : "", " · ",
        one.licence ? link(one.licence, one.licence_url) : "licence not known", one.landing ? " · " : "", one.landing ? link("page", one.landing) : "")),
      ...(found.origins.length ? [] : [make("p", { class: "soft" }, `Licence: ${found.rows[0]?.licence || "not known"} · source: ${found.rows[0]?.name || ""}`)]),
      ...(found.rows.length > 1 ? [make("p", { class: "soft" }, `The same file ${found.rows.length} times: ${found.rows.map((one) => one.name).join(", ")}`)] : []),
      make("ol", { class: "history" }, ...found.edits.map((one) => make("li", {}, `${phrase(one)} · ${one.by || "somebody"} · ${one.at}`))));
  }
}

export function bar(name, chance) {
  const fill = make("i");
  fill.style.width = `${100 * chance}%`;
  return [make("dt", {}, name), make("dd", {}, make("span", { class: "bar" }, fill), ` ${percent(chance)}`)];
}
