// Draws the learning curves of each panel, one evaluation at a time.
const learningPanels = JSON.parse(document.getElementById("data").textContent).learning;

function learningTraces(plot) {
  const soft = dark.matches ? "#77787e" : "#b4b4b8";
  let isFirst = true;
  return plot.lines.map((line) => {
    const colour = line.on_originals ? soft : line.colour;
    const trace = {
      x: line.epochs, y: line.bits.map(([value]) => value), mode: "lines+markers", type: "scatter",
      error_y: {
        type: "data", symmetric: false, thickness: 1, width: 3, color: colour,
        array: line.bits.map(([value, , high]) => Math.max(0, high - value)),
        arrayminus: line.bits.map(([value, low]) => Math.max(0, value - low)),
      },
      name: escapeHtml(line.label), legendgroup: line.on_originals ? "originals" : line.name,
      showlegend: !line.on_originals || isFirst,
      hovertext: line.texts.map((text) => `${escapeHtml(line.name)}${line.on_originals ? " on original images" : ""}<br>${text}`),
      hoverinfo: "text", line: { color: colour, width: line.width, dash: line.dash },
      // a marker only where the training ended
      marker: {
        color: line.is_hollow ? paper() : colour, symbol: line.symbol, line: { color: colour, width: 2 }, opacity: 1,
        size: line.epochs.map((_, index) => (index === line.epochs.length - 1 ? 10 : 0.01)),
      },
    };
    if (line.on_originals) isFirst = false;
    return trace;
  });
}

function learningLayout(panel, plot, narrow) {
  const ink = dark.matches ? "#e8e8ea" : "#1c1c1e", grid = dark.matches ? "#33343a" : "#e6e6ea";
  const axis = { gridcolor: grid, zeroline: false, fixedrange: true };
  const [first, last] = [plot.epochs[0], plot.epochs[plot.epochs.length - 1]].map(Math.log10);
  const margin = Math.max(0.08, (last - first) * 0.05);
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif" },
    margin: { l: narrow ? 48 : 64, r: 12, t: 12, b: 56 }, dragmode: false, hovermode: "closest", showlegend: true,
    legend: narrow ? { orientation: "h", y: -0.25, font: { size: 11 } } : { font: { size: 12 } },
    xaxis: {
      ...axis, type: "log", title: { text: "epochs" }, range: [first - margin, last + margin],
      tickmode: "array", tickvals: plot.epochs, ticktext: plot.epochs.map(String),
    },
    yaxis: { ...axis, automargin: true, title: { text: panel.axis, standoff: 10 } },
  };
}

for (const article of document.querySelectorAll("[data-learning]")) {
  const panel = learningPanels[article.dataset.learning];
  const place = article.querySelector(".plot"), select = article.querySelector("select");
  const draw = () => {
    const plot = panel.plots[Number(select.value)], narrow = place.clientWidth < 600;
    article.querySelector("h4").textContent = plot.title;
    article.querySelector(".notes").replaceChildren(...plot.notes.map((note) => element("li", note)));
    article.querySelector("tbody").replaceChildren(...plot.rows.map(([name, ...cells]) => {
      const heading = element("th", name);
      heading.scope = "row";
      return element("tr", "", [heading, ...cells.map((cell) => element("td", cell))]);
    }));
    place.classList.toggle("tall", narrow);
    Plotly.react(place, learningTraces(plot), learningLayout(panel, plot, narrow), { displayModeBar: false, responsive: true });
    updateScrollHints();
  };
  draw();
  select.addEventListener("change", draw);
  dark.addEventListener("change", draw);
}
