// Fills the table with what the server sends, and greets by a request.
"use strict";

const rows = document.getElementById("processes");
const state = document.getElementById("state");
const number = new Intl.NumberFormat("en");

function row(process) {
  const line = document.createElement("tr");
  const cells = [
    process.pid,
    process.entry,
    process.state,
    number.format(process.fuel),
    number.format(process.memory / 1024) + " KiB",
    number.format(process.mailbox),
    (process.age / 1000).toFixed(1) + " s",
  ];
  for (const text of cells) {
    // As text: what processes are called is not to be trusted.
    line.insertCell().textContent = text;
  }
  return line;
}

const events = new EventSource("api/live");
events.onmessage = (event) => {
  const processes = JSON.parse(event.data);
  rows.replaceChildren(...processes.map(row));
  state.textContent = processes.length + " alive";
};
events.addEventListener("failure", (event) => (state.textContent = event.data));
events.onerror = () => (state.textContent = "not connected; trying again");

document.getElementById("greet").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new FormData(event.target).get("name");
  const answer = await fetch("api/greet", { method: "POST", body });
  document.getElementById("greeting").textContent = await answer.text();
});
