// Mathematics, the keyboard, and copying. Everything else of the pages works without this file.
"use strict";

const delimiters = [
  { left: "$$", right: "$$", display: true },
  { left: "\\[", right: "\\]", display: true },
  { left: "\\(", right: "\\)", display: false },
  { left: "$", right: "$", display: false },
];

function typeset(root) {
  for (const element of root.querySelectorAll(".math:not([data-set])")) {
    element.dataset.set = "1";
    renderMathInElement(element, { delimiters, throwOnError: false, maxExpand: 200, maxSize: 20, strict: "ignore" });
  }
}

function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  setTimeout(() => { if (place.textContent === text) place.textContent = ""; }, 4000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // no clipboard without https or loopback
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("Copied. Save it as a line of a file and run: lbt grade FILE");
}

function toggle(name, button) {
  const on = document.body.classList.toggle(name);
  if (button) button.setAttribute("aria-pressed", String(on));
}

function step(by) {
  const rows = [...document.querySelectorAll("a[data-row]")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next].focus();
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  n: () => document.querySelector("a[rel=next]")?.click(),
  p: () => document.querySelector("a[rel=prev]")?.click(),
  r: () => toggle("as-text", document.getElementById("raw")),
  m: () => toggle("pretty-on", document.getElementById("pretty")),
  c: () => document.querySelector("[data-copy]")?.click(),
  g: () => { location.href = "/"; },
  "/": () => document.querySelector("input[type=search]")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(button.dataset.copy);
  if (button.id === "raw") keys.r();
  if (button.id === "pretty") keys.m();
});

document.addEventListener("htmx:afterSwap", () => typeset(document));
typeset(document);
