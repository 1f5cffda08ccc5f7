"use strict";
// Everything that comes from elsewhere (names of files, labels, errors) goes in as text, never as HTML.
const at = (id) => document.getElementById(id);
const dataset = document.querySelector("main").dataset.dataset;
const percent = (value) => `${(100 * value).toFixed(1)} %`;

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function headers() {
  const key = at("key")?.value;
  return key ? { Authorization: `Bearer ${key}` } : {};
}

function trouble(words) {
  at("trouble").textContent = words;
  at("trouble").hidden = !words;
}

async function ask(path, options = {}) {
  const reply = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error);
  return said;
}

function bars(top) {
  const list = element("dl");
  for (const { label, probability } of top) {
    const meter = element("meter");
    meter.value = probability;
    meter.setAttribute("aria-label", label);
    list.append(element("dt", label), element("dd", "", meter), element("dd", percent(probability)));
  }
  return list;
}

async function show(file) {
  const picture = element("img");
  picture.alt = file.name || "the pasted picture";
  picture.src = URL.createObjectURL(file);
  picture.onload = () => URL.revokeObjectURL(picture.src);
  const words = element("div", "", element("p", "…"));
  at("answers").prepend(element("article", "", picture, words));
  try {
    const answer = await ask("classify", { method: "POST", headers: { "Content-Type": file.type || "application/octet-stream" }, body: file });
    const found = element("h3", answer.label);
    if (!answer.known) found.className = "soft";
    const about = element("p", `${picture.alt}, ${answer.width} × ${answer.height} pixels, model ${answer.version}`);
    about.className = "soft";
    words.replaceChildren(found, bars(answer.top), about);
  } catch (error) {
    const refused = element("p", error.message);
    refused.className = "bad";
    words.replaceChildren(refused);
  }
}

async function showAll(files) {
  for (const file of files) await show(file);
}

async function introduce() {
  try {
    const model = await ask(`v2/models/${encodeURIComponent(dataset)}`);
    at("model").textContent = `${dataset}, model ${model.versions.join(", ")}: ${model.classes.join(", ")}`;
    trouble("");
  } catch (error) {
    trouble(error.message);
  }
}

for (const name of ["dragover", "dragleave", "drop"])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") showAll(event.dataTransfer.files);
  });
document.addEventListener("paste", (event) => showAll(event.clipboardData.files));
at("file").addEventListener("change", (event) => showAll(event.target.files));
at("key")?.addEventListener("change", introduce);
for (const code of document.querySelectorAll(".snippet"))
  code.textContent = code.textContent.replaceAll("http://HOST/", new URL(".", location.href).href);
introduce();
