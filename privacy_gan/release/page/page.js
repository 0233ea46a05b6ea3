// Asks this machine what becomes of a photograph, and shows the answer.
"use strict";

const MAX_BYTES = 64 * 2 ** 20; // as app.py has it
const RANDOM = "random";
const byId = (id) => document.getElementById(id);
const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${(100 * share).toFixed(0)}%`);

let photo = null; // what is looked at
let answer = null; // what became of it
let asked = 0; // how often was asked: an answer that comes after a later question is not shown

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function say(words, wrong = false) {
  byId("status").textContent = words;
  byId("status").classList.toggle("wrong", wrong);
}

async function ask() {
  const number = ++asked;
  if (photo.size > MAX_BYTES) return say("This file cannot be shown: it has more than 64 MB.", true);
  say("One moment …");
  let response, told;
  try {
    response = await fetch("censor", { method: "POST", body: photo });
    told = await response.json();
  } catch {
    if (number === asked) say("Nobody answers: the command that shows this page has ended.", true);
    return;
  }
  if (number !== asked) return;
  if (!response.ok) return say(told.error, true);
  answer = told;
  say("");
  show();
}

function show() {
  const values = answer.versions.filter((version) => version.synthetic !== null);
  if (values.length && !byId("synthetic").querySelector("input")) offer(values);
  const chosen = document.querySelector("#synthetic input:checked")?.value ?? RANDOM;
  const value = chosen === RANDOM ? answer.drawn : Number(chosen);
  const shown = answer.versions.flatMap((version, index) =>
    version.synthetic === null || version.synthetic === value ? [{ ...version, index }] : []);
  byId("versions").replaceChildren(...shown.map(figure));
  byId("opinions").replaceChildren(heads(shown), element("tbody", {}, ...answer.opinions.flatMap(
    (opinion) => rows(opinion, shown))));
  byId("outcome").hidden = false;
  for (const id of ["told", "opinions", "how-told"]) byId(id).hidden = !answer.opinions.length;
}

function offer(values) {
  const names = JSON.parse(byId("synthetic").dataset.names);
  const choices = [[RANDOM, "at random"], ...values.map(({ synthetic }) =>
    [synthetic, names[synthetic] ? `${synthetic} (${names[synthetic]})` : `${synthetic}`])];
  byId("synthetic").append(...choices.map(([value, words]) => element("label", {},
    element("input", { type: "radio", name: "synthetic", value, checked: value === RANDOM }), ` ${words}`)));
  byId("synthetic").hidden = byId("by-chance").hidden = false;
}

function name({ label, synthetic }) {
  return synthetic === null ? label : `${label} with s' = ${synthetic}`;
}

function figure(version) {
  const place = version.index === 0 ? "as it came" : version.released ? "is handed out" : "in between";
  const change = version.index === 0 ? "" : `, mean squared error ${version.distortion.toPrecision(2)}`;
  return element("figure", {}, element("img", { src: version.source, alt: `${name(version)}: ${place}` }),
    element("figcaption", {}, element("b", { textContent: name(version) }), ` ${place}${change}`));
}

function heads(shown) {
  return element("thead", {}, element("tr", {}, element("th", { scope: "col", textContent: "Attribute" }),
    ...shown.map((version) => element("th", { scope: "col", textContent: version.label }))));
}

function rows(opinion, shown) {
  const binary = opinion.classes.length === 2 && opinion.classes[1] === "yes";
  return opinion.classes.flatMap((word, value) => {
    if (binary && value === 0) return []; // what is left of certainty
    const attribute = opinion.attribute.replaceAll("_", " ") + (binary ? "" : `: ${word}`);
    return [element("tr", { className: opinion.hidden ? "hidden-attribute" : "" },
      element("th", { scope: "row" }, attribute, element("small", { textContent: opinion.who })),
      ...shown.map((version) => cell(opinion.probabilities[version.index]?.[value])))];
  });
}

function cell(probability) {
  if (probability === undefined) return element("td", { textContent: "not asked" });
  const filled = element("span");
  filled.style.width = `${100 * probability}%`;
  return element("td", {}, percent(probability), element("span", { className: "bar" }, filled));
}

async function choose(file, button = null) {
  for (const each of document.querySelectorAll(".examples button"))
    each.setAttribute("aria-pressed", String(each === button));
  photo = file;
  await ask();
}

async function chooseExample(button) {
  const response = await fetch(button.querySelector("img").src);
  byId("file").value = "";
  await choose(await response.blob(), button);
}

const examples = [...document.querySelectorAll(".examples button")];
for (const button of examples) button.addEventListener("click", () => chooseExample(button));
byId("file").addEventListener("change", ({ target }) => target.files.length && choose(target.files[0]));
byId("again")?.addEventListener("click", ask);
byId("synthetic").addEventListener("change", show);

// a photograph may fall anywhere on the page: the browser would leave the page for it
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  byId("drop").classList.add("over");
});
document.addEventListener("dragleave", () => byId("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  byId("drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) {
    byId("file").value = "";
    choose(file);
  }
});

chooseExample(examples[0]);
