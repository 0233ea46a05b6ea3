// Sends a photograph to the server and shows its censored versions and all predictions.
"use strict";

const MAX_BYTES = 64 * 2 ** 20; // the same as in demo_server.py
const RANDOM = "random";
const byId = (id) => document.getElementById(id);
const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${(100 * share).toFixed(0)}%`);

let photo = null; // the current photograph
let result = null; // the server's response to it
let numRequests = 0; // responses to any but the latest request are dropped

function element(name, properties = {}, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

function setStatus(text, isError = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("error", isError);
}

async function censor(face = 0) {
  const number = ++numRequests;
  if (photo.size > MAX_BYTES) return setStatus("This file cannot be shown: it is larger than 64 MB.", true);
  setStatus("Censoring …");
  let response, content;
  try {
    response = await fetch(face ? `censor?face=${face}` : "censor", { method: "POST", body: photo });
    content = await response.json();
  } catch {
    if (number === numRequests) setStatus("No response: the command that serves this page has ended.", true);
    return;
  }
  if (number !== numRequests) return;
  if (!response.ok) {
    byId("photo").hidden = byId("faces-note").hidden = true; // of another photograph
    return setStatus(content.error, true);
  }
  result = content;
  setStatus("");
  showFaces();
  show();
}

// Show the photograph with the faces in it, to choose one, if the server searches for faces.
function showFaces() {
  const { photo: picture, faces = [], chosen } = result;
  const unsure = faces.filter(({ problem }) => problem !== null);
  byId("photo").hidden = !picture;
  byId("faces-note").hidden = !unsure.length;
  byId("faces-note").textContent = `Not to be censored: ${unsure.map(({ problem }) => `a face that ${problem}`).join("; ")}.`;
  if (!picture) return;
  const drawing = svg("svg", { viewBox: `0 0 ${picture.width} ${picture.height}`, role: "group", "aria-label": "Faces" });
  drawing.append(...faces.map(({ corners, problem }, index) => outline(corners, problem, index, index === chosen)));
  byId("photo").replaceChildren(element("img", { src: picture.source, alt: "The photograph" }), drawing);
}

function svg(name, attributes) {
  const created = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}

function outline(corners, problem, index, isChosen) {
  const points = corners.map((corner) => corner.join(",")).join(" ");
  if (problem !== null) return svg("polygon", { points, class: "unsure" });
  const face = svg("polygon", { points, tabindex: 0, role: "button", "aria-label": `Face ${index + 1}`, "aria-pressed": isChosen });
  const select = async () => {
    await censor(index);
    document.querySelector(`#photo [aria-label="Face ${index + 1}"]`)?.focus();
  };
  face.addEventListener("click", select);
  face.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    select();
  });
  return face;
}

function show() {
  const withValue = result.versions.filter((version) => version.synthetic !== null);
  if (withValue.length && !byId("synthetic").querySelector("input")) addChoices(withValue);
  const chosen = document.querySelector("#synthetic input:checked")?.value ?? RANDOM;
  const value = chosen === RANDOM ? result.sampled_value : Number(chosen);
  const visible = result.versions.flatMap((version, index) =>
    version.synthetic === null || version.synthetic === value ? [{ ...version, index }] : []);
  byId("versions").replaceChildren(...visible.map(figure));
  byId("predictions").replaceChildren(tableHead(visible), element("tbody", {}, ...result.predictions.flatMap(
    (prediction) => tableRows(prediction, visible))));
  byId("results").hidden = false;
  for (const id of ["predictions-heading", "predictions", "predictions-note"])
    byId(id).hidden = !result.predictions.length;
}

function addChoices(versions) {
  const choices = [[RANDOM, "random"], ...versions.map(({ synthetic }) => [synthetic, syntheticLabel(synthetic)])];
  byId("synthetic").append(...choices.map(([value, text]) => element("label", {},
    element("input", { type: "radio", name: "synthetic", value, checked: value === RANDOM }), ` ${text}`)));
  byId("synthetic").hidden = byId("synthetic-note").hidden = false;
}

function syntheticLabel(value) {
  return JSON.parse(byId("synthetic").dataset.labels)[value] ?? `s' = ${value}`;
}

function title({ label, synthetic }) {
  return synthetic === null ? label : `${label} (${syntheticLabel(synthetic)})`;
}

function figure(version) {
  const kind = version.index === 0 ? "original" : version.is_output ? "final output" : "intermediate";
  const change = version.index === 0 ? "" : `, mean squared error ${version.distortion.toPrecision(2)}`;
  return element("figure", {}, element("img", { src: version.source, alt: `${title(version)}: ${kind}` }),
    element("figcaption", {}, element("b", { textContent: title(version) }), ` ${kind}${change}`));
}

function tableHead(visible) {
  return element("thead", {}, element("tr", {}, element("th", { scope: "col", textContent: "Attribute" }),
    ...visible.map((version) => element("th", { scope: "col", textContent: version.label }))));
}

function tableRows(prediction, visible) {
  const isBinary = prediction.classes.length === 2 && prediction.classes[1] === "yes";
  return prediction.classes.flatMap((name, value) => {
    if (isBinary && value === 0) return []; // one minus the other
    const attribute = prediction.attribute.replaceAll("_", " ") + (isBinary ? "" : `: ${name}`);
    return [element("tr", { className: prediction.is_sensitive ? "sensitive" : "" },
      element("th", { scope: "row" }, attribute, element("small", { textContent: prediction.predictor })),
      ...visible.map((version) => tableCell(prediction.probabilities[version.index]?.[value])))];
  });
}

function tableCell(probability) {
  if (probability === undefined) return element("td", { textContent: "n/a" });
  const filled = element("span");
  filled.style.width = `${100 * probability}%`;
  return element("td", {}, percent(probability), element("span", { className: "bar" }, filled));
}

async function choose(file, button = null) {
  for (const each of document.querySelectorAll(".examples button"))
    each.setAttribute("aria-pressed", String(each === button));
  photo = file;
  await censor();
}

async function chooseExample(button) {
  const response = await fetch(button.querySelector("img").src);
  byId("file").value = "";
  await choose(await response.blob(), button);
}

const examples = [...document.querySelectorAll(".examples button")];
for (const button of examples) button.addEventListener("click", () => chooseExample(button));
byId("file").addEventListener("change", ({ target }) => target.files.length && choose(target.files[0]));
byId("redraw")?.addEventListener("click", () => censor(result?.chosen));
byId("synthetic").addEventListener("change", show);

// Accept a drop anywhere on the page: otherwise the browser would leave the page to open the file.
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
