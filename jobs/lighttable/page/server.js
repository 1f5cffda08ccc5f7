// What the page asks of its server. An answer that is no success becomes an Error in the server's own words.

async function answer(reply) {
  if (reply.ok) return reply.json();
  const text = await reply.text();
  let words = text;
  try { words = JSON.parse(text).error; } catch { /* plain words */ }
  throw new Error(words || `The light table answered ${reply.status}.`);
}

export const get = async (address) => answer(await fetch(address));

export const post = async (address, body) =>
  answer(await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }));

export const send = async (address, file) => answer(await fetch(address, { method: "POST", body: file }));
