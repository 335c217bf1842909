// What a script is told about the world: the time, random numbers, streams.

import { getStdout } from "wasi:cli/stdout@0.2.0";
import { getStderr } from "wasi:cli/stderr@0.2.0";
import { getRandomU64 } from "wasi:random/random@0.2.0";

export function now() {
  const year = new Date().getUTCFullYear();
  if (year < 2020) throw new Error(`it is ${year}`);
  return Date.now();
}

export function dice(count) {
  const faces = Array.from({ length: count }, () => 1 + Math.floor(Math.random() * 6));
  if (faces.some((face) => face < 1 || face > 6)) throw new Error(`faces ${faces}`);
  return faces;
}

export function random(count) {
  return Array.from({ length: count }, getRandomU64);
}

export function say(text) {
  const bytes = Uint8Array.from(`${text}\n`, (letter) => letter.charCodeAt(0));
  getStdout().blockingWriteAndFlush(bytes);
  getStderr().blockingWriteAndFlush(bytes);
}

export function fail(message) {
  throw new Error(message);
}
