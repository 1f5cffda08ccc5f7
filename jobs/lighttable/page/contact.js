// A contact sheet of any length: only the pictures in sight are elements. One of them is the cursor, some may be chosen.

import { make } from "./make.js";

const CAPTION_PX = 46, WIDTH_PX = 172, SPARE_LINES = 2;

export class Contact extends EventTarget {
  constructor(rows, caption) {
    super();
    this.rows = rows;
    this.caption = caption;
    this.order = [];
    this.cursor = 0;
    this.anchor = 0;
    this.chosen = new Set(); // places in the order
    this.cells = new Map(); // place -> element
    this.inner = make("div", { class: "inner" });
    this.element = make("div", { class: "contact", tabIndex: 0, role: "listbox", "aria-label": "Pictures", "aria-multiselectable": "true",
      onscroll: () => this.paint(), onclick: (event) => this.clicked(event), ondblclick: () => this.dispatchEvent(new Event("opened")) }, this.inner);
    new ResizeObserver(() => this.paint(true)).observe(this.element);
  }

  show(order) {
    this.order = order;
    this.cursor = this.anchor = 0;
    this.chosen.clear();
    this.element.scrollTop = 0;
    this.paint(true);
    this.moved();
  }

  get row() { return this.order[this.cursor]; }

  // The pictures that a key speaks of: those chosen, else the one under the cursor.
  get targets() {
    const places = this.chosen.size ? [...this.chosen].sort((one, other) => one - other) : [this.cursor];
    return [...new Set(places.filter((place) => place < this.order.length).map((place) => this.rows.id(this.order[place])))];
  }

  get columns() { return Math.max(2, Math.floor(this.element.clientWidth / WIDTH_PX)); }

  move(step, extend = false) { this.go(this.cursor + step, extend); }

  go(place, extend = false) {
    if (!this.order.length) return;
    this.cursor = Math.max(0, Math.min(this.order.length - 1, place));
    if (extend) {
      this.chosen.clear();
      for (let one = Math.min(this.anchor, this.cursor); one <= Math.max(this.anchor, this.cursor); one++) this.chosen.add(one);
    } else this.anchor = this.cursor;
    this.reveal();
    this.paint(true);
    this.moved();
  }

  // After a word: on to what comes next.
  advance() {
    const last = this.chosen.size ? Math.max(...this.chosen) : this.cursor;
    this.chosen.clear();
    this.go(last + 1);
  }

  // On to the first that is none of these rows.
  pass(rows) {
    let place = this.cursor;
    while (place < this.order.length - 1 && rows.has(this.order[place])) place++;
    this.chosen.clear();
    this.go(place);
  }

  choose(rows) {
    const wanted = new Set(rows);
    this.chosen = new Set([...this.order.keys()].filter((place) => wanted.has(this.order[place])));
    this.paint(true);
    this.moved();
  }

  toggle(place = this.cursor) {
    if (!this.chosen.delete(place)) this.chosen.add(place);
    this.paint(true);
    this.moved();
  }

  chooseAll() {
    this.chosen = new Set(this.order.keys());
    this.paint(true);
    this.moved();
  }

  clear() {
    this.chosen.clear();
    this.paint(true);
    this.moved();
  }

  moved() { this.dispatchEvent(new Event("moved")); }

  clicked(event) {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    const place = Number(cell.dataset.place);
    if (event.ctrlKey || event.metaKey || event.target.closest(".tick")) { this.cursor = place; this.toggle(place); } else this.go(place, event.shiftKey);
  }

  reveal() {
    const line = Math.floor(this.cursor / this.columns), height = this.lineHeight();
    const top = line * height, view = this.element;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + height > view.scrollTop + view.clientHeight) view.scrollTop = top + height - view.clientHeight;
  }

  lineHeight() { return this.element.clientWidth / this.columns + CAPTION_PX; }

  paint(anew = false) {
    const columns = this.columns, width = this.element.clientWidth / columns, height = this.lineHeight();
    if (!width) return;
    this.inner.style.height = `${Math.ceil(this.order.length / columns) * height}px`;
    const first = Math.max(0, (Math.floor(this.element.scrollTop / height) - SPARE_LINES) * columns);
    const last = Math.min(this.order.length, (Math.ceil((this.element.scrollTop + this.element.clientHeight) / height) + SPARE_LINES) * columns);
    for (const [place, cell] of this.cells) {
      if (place < first || place >= last || cell.dataset.id !== this.rows.id(this.order[place])) { cell.remove(); this.cells.delete(place); }
    }
    for (let place = first; place < last; place++) {
      let cell = this.cells.get(place);
      const known = Boolean(cell);
      if (!known) { cell = this.cell(place); this.cells.set(place, cell); this.inner.append(cell); }
      cell.style.width = `${width}px`;
      cell.style.height = `${height}px`;
      cell.style.transform = `translate(${(place % columns) * width}px, ${Math.floor(place / columns) * height}px)`;
      if (anew || !known) this.dress(cell, place);
    }
    this.element.setAttribute("aria-activedescendant", this.order.length ? `cell-${this.cursor}` : "");
  }

  cell(place) {
    const id = this.rows.id(this.order[place]);
    const image = make("img", { src: `/small/${id}`, alt: "", decoding: "async", draggable: false, onerror: () => image.classList.add("missing") });
    const cell = make("div", { class: "cell", id: `cell-${place}`, role: "option" },
      make("div", { class: "frame" }, image, make("span", { class: "tick" })), make("div", { class: "caption" }));
    cell.dataset.place = place;
    cell.dataset.id = id;
    return cell;
  }

  dress(cell, place) {
    const row = this.order[place];
    cell.classList.toggle("cursor", place === this.cursor);
    cell.classList.toggle("chosen", this.chosen.has(place));
    cell.classList.toggle("out", this.rows.state(row) === "out");
    cell.classList.toggle("edited", Boolean(this.rows.edit(row)));
    cell.classList.toggle("passed", this.rows.passed.has(this.rows.id(row)));
    cell.setAttribute("aria-selected", String(this.chosen.has(place) || place === this.cursor));
    cell.querySelector("img").alt = `${this.rows.label(row)}, ${this.rows.names[row]}`;
    cell.querySelector(".caption").replaceChildren(...this.caption(row));
  }
}
