// A client with the language's own `fetch`. It follows redirects by itself.

const LIMIT = 10;

async function last(url) {
  for (let i = 0; i < LIMIT; i++) {
    const response = await fetch(url, { redirect: "manual" });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) {
      return response;
    }
    await response.text();
    url = new URL(location, url).href;
  }
  throw new Error("too many redirects");
}

async function line(response) {
  const text = await response.text();
  return `${response.status} ${text}`;
}

// What comes of it, or the language's own word for what went wrong.
async function told(work) {
  try {
    return await work();
  } catch (error) {
    return `error: ${error.name}: ${error.message}`;
  }
}

export function get(url) {
  return told(async () => line(await last(url)));
}

export function post(url, bytes) {
  return told(async () => {
    const body = new Uint8Array(bytes);
    const pattern = Uint8Array.from({ length: 251 }, (_, i) => i);
    body.set(pattern.subarray(0, bytes));
    // Twice as much with each step, by the engine and not by the script.
    for (let filled = 251; filled < bytes; filled *= 2) {
      body.copyWithin(filled, 0, filled);
    }
    return line(await fetch(url, { method: "POST", body }));
  });
}

export function pieces(url) {
  return told(async () => {
    const response = await last(url);
    const reader = response.body.getReader();
    let bytes = 0;
    let count = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        break;
      }
      bytes += value.length;
      count += 1;
    }
    return `${response.status} ${bytes} ${count === 1 ? "one" : "more"}`;
  });
}

export function hurry(url, milliseconds) {
  return told(async () => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("late")), milliseconds);
    });
    try {
      return await line(await Promise.race([last(url), late]));
    } finally {
      // The engine waits for timers that still run.
      clearTimeout(timer);
    }
  });
}
