// What a script is told about the world: the time, random numbers, a console.

export function now() {
  const year = new Date().getUTCFullYear();
  if (year < 2020) throw new Error(`it is ${year}`);
  console.log("after 2020");
  return BigInt(Date.now());
}

export function dice(count) {
  const faces = Array.from({ length: count }, () => 1 + Math.floor(Math.random() * 6));
  if (faces.some((face) => face < 1 || face > 6)) throw new Error(`faces ${faces}`);
  return faces;
}

export function say(text) {
  console.log(`log: ${text}`);
  console.error(`error: ${text}`);
}

export function fail(message) {
  throw new Error(message);
}
