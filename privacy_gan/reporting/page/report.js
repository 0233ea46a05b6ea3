"use strict";
// Draws the trade-off of each panel, and shows what is behind a point.
const { panels, runs } = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const percent = (value) => (100 * value).toFixed(1) + "%";
// Plotly takes some tags in labels for its own
const literal = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function element(tag, text, children = []) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

// what may be wider than the screen is scrolled by itself, by keys as well
function wide(content) {
  const box = element("div", "", [content]);
  box.className = "scroll";
  box.tabIndex = 0;
  return box;
}

function traces(panel, attacker, shown) {
  const drawn = panel.curves.flatMap((curve, number) => {
    const points = curve.points
      .map((point, index) => ({ ...point, index, x: point.privacy[attacker], y: point.utility }))
      .filter((point) => point.x && point.y);
    if (!shown.has(number) || !points.length) return [];
    const bars = (key) => ({
      type: "data", symmetric: false, thickness: 1, width: 3,
      array: points.map((point) => Math.max(0, point[key][2] - point[key][0])),
      arrayminus: points.map((point) => Math.max(0, point[key][0] - point[key][1])),
    });
    return [{
      x: points.map((point) => point.x[0]), y: points.map((point) => point.y[0]),
      error_x: bars("x"), error_y: bars("y"),
      customdata: points.map((point) => [number, point.index]),
      text: points.map((point) => point.epsilon_text), textposition: "top right",
      hovertext: points.map((point) => [
        literal(curve.name), point.where,
        "privacy loss " + percent(point.x[0]), "utility score " + percent(point.y[0]),
        "distortion " + point.distortion_text, point.seeds + (point.seeds === 1 ? " seed" : " seeds"),
      ].join("<br>")),
      hoverinfo: "text", mode: "lines+markers+text", name: literal(curve.name),
      marker: { color: curve.colour, symbol: curve.symbol, size: 9 }, line: { color: curve.colour, width: 1.5 },
    }];
  });
  const original = panel.originals[attacker];
  if (original) {
    drawn.push({
      x: [original[0]], y: [original[1]], mode: "markers", name: "original", hoverinfo: "text",
      hovertext: [`original images<br>privacy loss ${percent(original[0])}<br>utility score ${percent(original[1])}`],
      marker: { symbol: "star", size: 14, color: dark.matches ? "#ccc" : "#444" },
    });
  }
  return drawn;
}

function layout(panel, attacker, narrow) {
  const ink = dark.matches ? "#e8e8ea" : "#1c1c1e", grid = dark.matches ? "#33343a" : "#e6e6ea";
  const lines = panel.bounds.map(([name, value, dash]) => ({
    type: "line", x0: value, x1: value, yref: "paper", y0: 0, y1: 1, line: { color: "#888", width: 1, dash },
  }));
  const names = panel.bounds.map(([name, value]) => ({
    x: value, y: 0, yref: "paper", text: name, showarrow: false, textangle: -90, xanchor: "right", yanchor: "bottom",
    font: { size: 11, color: "#888" },
  }));
  // the paper's numbers are those of its own adversary
  for (const value of attacker === "the paper's way" ? panel.papers : []) {
    lines.push({ type: "line", x0: value, x1: value, yref: "paper", y0: 0, y1: 0.04, line: { color: ink, width: 3 } });
  }
  const axis = (title) => ({ title: { text: title }, tickformat: ".0%", gridcolor: grid, zeroline: false, fixedrange: true });
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif" },
    margin: { l: narrow ? 48 : 64, r: 12, t: 12, b: 56 }, showlegend: false, dragmode: false, hovermode: "closest",
    xaxis: axis("privacy loss"), yaxis: axis("utility score"), shapes: lines, annotations: names,
  };
}

function show(article, panel, number, index) {
  const curve = panel.curves[number], point = curve.points[index];
  const details = article.querySelector(".details");
  const parts = point.runs.map((id) => {
    const run = runs[id];
    const rows = run.numbers.map(([name, value]) => element("tr", "", [element("th", name), element("td", value)]));
    const shown = [element("h4", run.title)];
    if (run.faces) {
      const image = element("img");
      image.src = run.faces;
      image.width = run.faces_width;
      image.alt = run.faces_alt;
      shown.push(wide(image));
    }
    shown.push(wide(element("table", "", [element("tbody", "", rows)])));
    const config = element("details", "", [element("summary", "configuration"), element("pre", run.configuration)]);
    shown.push(config, element("p", run.folder));
    return element("div", "", shown);
  });
  details.replaceChildren(element("h3", `${curve.name} ${point.where}`), ...parts);
  details.hidden = false;
  details.focus();
  details.scrollIntoView({ block: "nearest" });
}

for (const article of document.querySelectorAll("[data-panel]")) {
  const panel = panels[article.dataset.panel];
  const plot = article.querySelector(".plot"), select = article.querySelector("select");
  const boxes = [...article.querySelectorAll("input")];
  const draw = () => {
    const shown = new Set(boxes.filter((box) => box.checked).map((box) => Number(box.value)));
    Plotly.react(plot, traces(panel, select.value, shown), layout(panel, select.value, plot.clientWidth < 500),
      { displayModeBar: false, responsive: true });
  };
  if (panel.has_trade_off) {
    draw();
    plot.on("plotly_click", ({ points: [point] }) => {
      if (point.customdata) show(article, panel, ...point.customdata);
    });
    select.addEventListener("change", draw);
    boxes.forEach((box) => box.addEventListener("change", draw));
    dark.addEventListener("change", draw);
  }
  for (const button of article.querySelectorAll("button[data-point]")) {
    button.addEventListener("click", () => show(article, panel, Number(button.dataset.curve), Number(button.dataset.point)));
  }
}
