// Questions that need more than one key.

import { make } from "./make.js";

const KEYS = [
  ["← → ↑ ↓, Home, End, Page", "move"], ["Shift with them", "choose from here to there"], ["Space", "choose one more, or one less"],
  ["Ctrl A", "choose all shown"], ["Esc", "choose none"], ["1 … 9", "label with that class"], ["L, N", "label by name; a new name is a new class"],
  ["S", "take the model's suggestion"], ["X", "exclude"], ["K", "keep: right as it is"], ["U, Ctrl Z", "take your last word back"],
  ["A, G, C", "among suspects: agree, agree for all that look like it, choose all that look like it"],
  ["Enter", "large, and back"], ["?", "this page"],
];

function open(title, ...children) {
  const dialog = document.getElementById("dialog");
  dialog.replaceChildren(make("h2", { id: "dialog-title" }, title), ...children);
  dialog.showModal();
  return dialog;
}

export function help() {
  const dialog = open("Keys", make("table", {}, make("tbody", {}, ...KEYS.map(([keys, words]) => make("tr", {}, make("th", { scope: "row" }, keys), make("td", {}, words))))),
    make("form", { method: "dialog" }, make("button", {}, "Close")));
  dialog.querySelector("button").focus();
}

// Returns what was typed or picked, "" where the question was left.
export function ask(title, words, choices) {
  return new Promise((resolve) => {
    const input = make("input", { id: "answer", maxLength: 100, autocomplete: "off", spellcheck: false });
    input.setAttribute("list", "choices");
    let given = "";
    const form = make("form", { method: "dialog", onsubmit: () => { given = input.value.trim(); } },
      make("label", {}, `${words} `, input), make("datalist", { id: "choices" }, ...choices.map((one) => make("option", { value: one }))),
      make("button", {}, "Save"), make("button", { type: "button", onclick: () => dialog.close() }, "Cancel"));
    const dialog = open(title, form);
    dialog.addEventListener("close", () => resolve(given), { once: true });
    input.focus();
  });
}
