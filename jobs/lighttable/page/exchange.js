// Exchange: edits to and from other tools.

import { make } from "./make.js";
import { send } from "./server.js";

export function exchange(rows) {
  const outcome = make("div", { role: "status" });
  const take = (kind, words, accept) => make("p", {}, make("label", {}, `${words} `, make("input", { type: "file", accept, onchange: (event) => read(kind, event.target) })));
  const element = make("div", { class: "page" },
    make("h2", {}, "Save"),
    make("p", {}, make("a", { href: "/export/edits.csv", download: "edits.csv" }, "All edits as CSV")),
    make("p", {}, make("a", { href: "/export/label-studio.json", download: "label-studio.json" }, "Tasks for Label Studio (JSON)")),
    make("h2", {}, "Read"), take("csv", "CSV with image or name, and label or action", ".csv,text/csv"), take("label-studio", "Label Studio's export (JSON)", ".json,application/json"), outcome);

  async function read(kind, input) {
    const file = input.files[0];
    if (!file) return;
    try {
      const found = await send(`/api/import/${kind}`, file);
      outcome.replaceChildren(make("p", {}, `${found.written} edits written, ${found.known} held already, ${found.refused} refused.`), make("ul", {}, ...found.examples.map((one) => make("li", {}, one))));
      await rows.follow();
    } catch (error) {
      outcome.replaceChildren(make("p", { class: "bad" }, error.message));
    }
    input.value = "";
  }

  return { title: "Exchange", element, start: () => {}, stop: () => {} };
}
