// The program: what `wit/greet.wit` says that it exports.

export function greet(name) {
  return `Hello, ${name}!`;
}
