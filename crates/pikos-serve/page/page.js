"use strict";
// The processes, as text: names come from programs.
const list = document.getElementById("processes");
new EventSource("/api/events?scope=all").addEventListener("processes", (event) => {
  const { processes } = JSON.parse(event.data);
  const line = (process) => {
    const item = document.createElement("li");
    item.textContent = `${process.pid ?? ""} ${process.title}: ${process.phase}, ${process.calls ?? "?"} calls`;
    return item;
  };
  list.replaceChildren(...processes.map(line));
});
