"use strict";
let last = null;
async function look() {
  try {
    const answer = await fetch("?json", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const seen = await answer.json();
    document.querySelector("main").innerHTML = seen.page;
    if (last && seen.taken > last.taken) {
      const rate = (seen.requests - last.requests) / (seen.taken - last.taken);
      document.getElementById("rate").textContent = rate.toFixed(rate < 10 ? 1 : 0);
    }
    last = seen;
    document.body.className = "live";
  } catch {
    document.body.className = "stale";
  }
  setTimeout(look, 2000);
}
look();
