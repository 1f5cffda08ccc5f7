// Elements from words. Text is only ever set as text, so no name, label or search result can become markup.

export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key in element && key !== "role" && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function draw(name, properties = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export const percent = (value) => `${(100 * value).toFixed(1)} %`;

// A link to a page of the web, only where its address is one.
export function link(words, address) {
  const sound = /^https?:\/\//.test(address || "");
  return sound ? make("a", { href: address, rel: "noreferrer nofollow noopener", target: "_blank" }, words) : make("span", {}, words);
}
