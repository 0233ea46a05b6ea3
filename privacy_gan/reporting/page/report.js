"use strict";
// Draws the trade-off of each panel, and shows the details of a point.
const { panels, runs } = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = () => (dark.matches ? "#17181a" : "#fff"); // inside of hollow markers
const grey = () => (dark.matches ? "#ccc" : "#444");
const percent = (value) => (100 * value).toFixed(1) + "%";
// Plotly interprets some HTML tags in labels
const escapeHtml = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function element(tag, text, children = []) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

// a box that scrolls by itself, also with the keyboard, if its content is wider than the screen
function scrollBox(content) {
  const box = element("div", "", [content]);
  box.className = "scroll";
  box.tabIndex = 0;
  return box;
}

// Puts each label in the first place around its point where it overlaps no other label and no point.
// A label without such a place is omitted: hovering over a point shows its budget, too.
const PLACES = [["top right", 1, 1], ["bottom right", 1, -1], ["top left", -1, 1], ["bottom left", -1, -1]];
function placeLabels(drawn, references, size) {
  const points = drawn.flatMap((trace) => trace.x.map((x, index) => ({ x, y: trace.y[index] })));
  // about the range that Plotly will choose: all points and references, and a margin
  const spread = (values) => {
    const low = Math.min(...values), range = Math.max(Math.max(...values) - low, 1e-9);
    return [low - range / 20, range * 1.1];
  };
  const [left, width] = spread([...points.map((point) => point.x), ...references.map(([, value]) => value)]);
  const [bottom, height] = spread(points.map((point) => point.y));
  const at = (x, y) => [(x - left) / width * size[0], (y - bottom) / height * size[1]];
  const occupied = points.map((point) => { const [x, y] = at(point.x, point.y); return [x - 5, y - 5, x + 5, y + 5]; });
  const overlaps = (box) => box[0] < 0 || box[2] > size[0] || occupied.some((other) =>
    box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]);
  for (const trace of drawn.filter((each) => each.text)) {
    trace.textposition = trace.text.map(() => "top right");
    trace.text = trace.text.map((text, index) => {
      const [x, y] = at(trace.x[index], trace.y[index]), textWidth = 8 * text.length;
      for (const [place, right, up] of PLACES) {
        const box = [right > 0 ? x + 6 : x - 6 - textWidth, up > 0 ? y + 6 : y - 20, right > 0 ? x + 6 + textWidth : x - 6, up > 0 ? y + 20 : y - 6];
        if (!overlaps(box)) {
          occupied.push(box);
          trace.textposition[index] = place;
          return text;
        }
      }
      return "";
    });
  }
  return drawn;
}

const valueOf = (axis, value) => (axis.is_share ? percent(value) : value.toFixed(3));

function traces(panel, choice, visible, size) {
  const axis = panel.axes[choice];
  const drawn = panel.curves.flatMap((curve, number) => {
    const points = curve.points
      .map((point, index) => ({ ...point, index, x: point.privacy[choice], y: point.utility }))
      .filter((point) => point.x && point.y);
    if (!visible.has(number) || !points.length) return [];
    const bars = (key) => ({
      type: "data", symmetric: false, thickness: 1, width: 3,
      array: points.map((point) => Math.max(0, point[key][2] - point[key][0])),
      arrayminus: points.map((point) => Math.max(0, point[key][0] - point[key][1])),
    });
    return [{
      x: points.map((point) => point.x[0]), y: points.map((point) => point.y[0]),
      error_x: bars("x"), error_y: bars("y"),
      customdata: points.map((point) => [number, point.index]),
      text: points.map((point) => point.epsilon_text),
      hovertext: points.map((point) => [
        escapeHtml(curve.name), point.where,
        `${axis.title} ${point.bounds[choice]}${valueOf(axis, point.x[0])}`, "utility score " + percent(point.y[0]),
        "distortion " + point.distortion_text, point.seeds + (point.seeds === 1 ? " seed" : " seeds"),
      ].join("<br>")),
      hoverinfo: "text", mode: "lines+markers+text", name: escapeHtml(curve.name),
      marker: {
        color: points.map((point) => (point.bounds[choice] ? paper() : curve.colour)),
        symbol: curve.symbol, size: 9, line: { color: curve.colour, width: 1.5 },
      },
      line: { color: curve.colour, width: 1.5 },
    }];
  });
  const original = panel.originals[choice];
  if (original) {
    drawn.push({
      x: [original[0]], y: [original[1]], mode: "markers", name: "original", hoverinfo: "text",
      hovertext: [`original images<br>${axis.title} ${original[2]}${valueOf(axis, original[0])}<br>utility score ${percent(original[1])}`],
      marker: { symbol: "star", size: 14, color: original[2] ? paper() : grey(), line: { color: grey(), width: 1.5 } },
    });
  }
  return placeLabels(drawn, axis.references, size);
}

function layout(panel, choice, narrow) {
  const measure = panel.axes[choice];
  const ink = dark.matches ? "#e8e8ea" : "#1c1c1e", grid = dark.matches ? "#33343a" : "#e6e6ea";
  const lines = measure.references.map(([name, value, dash]) => ({
    type: "line", x0: value, x1: value, yref: "paper", y0: 0, y1: 1, line: { color: "#888", width: 1, dash },
  }));
  const names = measure.references.map(([name, value]) => ({
    x: value, y: 0, yref: "paper", text: name, showarrow: false, textangle: -90, xanchor: "right", yanchor: "bottom",
    font: { size: 11, color: "#888" },
  }));
  for (const value of choice === panel.paper_choice ? panel.paper_accuracies : []) {
    lines.push({ type: "line", x0: value, x1: value, yref: "paper", y0: 0, y1: 0.04, line: { color: ink, width: 3 } });
  }
  const axis = (title, format) => ({ title: { text: title }, tickformat: format, gridcolor: grid, zeroline: false, fixedrange: true });
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif" },
    margin: { l: narrow ? 48 : 64, r: 12, t: 12, b: 56 }, showlegend: false, dragmode: false, hovermode: "closest",
    xaxis: axis(measure.title, measure.is_share ? ".0%" : ".2f"), yaxis: axis("utility score", ".0%"), shapes: lines, annotations: names,
  };
}

function showDetails(article, panel, number, index) {
  const curve = panel.curves[number], point = curve.points[index];
  const details = article.querySelector(".details");
  const parts = point.runs.map((id) => {
    const run = runs[id];
    const rows = run.numbers.map(([name, value]) => element("tr", "", [element("th", name), element("td", value)]));
    const nodes = [element("h4", run.title)];
    if (run.faces) {
      const image = element("img");
      image.src = run.faces;
      image.width = run.faces_width;
      image.height = run.faces_height;
      image.alt = run.faces_alt;
      nodes.push(scrollBox(image));
    }
    nodes.push(scrollBox(element("table", "", [element("tbody", "", rows)])));
    const config = element("details", "", [element("summary", "configuration"), element("pre", run.configuration)]);
    nodes.push(config, element("p", run.folder));
    return element("div", "", nodes);
  });
  details.replaceChildren(element("h3", `${curve.name} ${point.where}`), ...parts);
  details.hidden = false;
  updateScrollHints();
  details.focus({ preventScroll: true });
  details.scrollIntoView({ block: "start" });
}

// marks boxes that are wider than the screen, and whether there is more to the right
function updateScrollHints() {
  for (const box of document.querySelectorAll(".scroll")) {
    const update = () => {
      box.classList.toggle("wider", box.scrollWidth > box.clientWidth + 1);
      box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    };
    box.onscroll = update;
    update();
  }
}
addEventListener("resize", updateScrollHints);

for (const article of document.querySelectorAll("[data-panel]")) {
  const panel = panels[article.dataset.panel];
  const plot = article.querySelector(".plot"), select = article.querySelector("select");
  const boxes = [...article.querySelectorAll("input")];
  const draw = () => {
    const visible = new Set(boxes.filter((box) => box.checked).map((box) => Number(box.value)));
    const size = [plot.clientWidth - 64, plot.clientHeight - 80];
    Plotly.react(plot, traces(panel, select.value, visible, size), layout(panel, select.value, plot.clientWidth < 500),
      { displayModeBar: false, responsive: true });
  };
  if (panel.has_trade_off) {
    draw();
    plot.on("plotly_click", ({ points: [point] }) => {
      if (point.customdata) showDetails(article, panel, ...point.customdata);
    });
    select.addEventListener("change", draw);
    boxes.forEach((box) => box.addEventListener("change", draw));
    dark.addEventListener("change", draw);
  }
  for (const button of article.querySelectorAll("button[data-point]")) {
    button.addEventListener("click", () => showDetails(article, panel, Number(button.dataset.curve), Number(button.dataset.point)));
  }
}
updateScrollHints();
