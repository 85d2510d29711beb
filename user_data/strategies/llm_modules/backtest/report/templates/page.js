"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // With a finger, dragging has to scroll the page.
  const dragging = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  // By name: plotly's own choice includes a button that opens a chart in somebody's cloud.
  const buttons = ["zoom2d", "pan2d", "resetScale2d", "toImage"];
  const settings = { displaylogo: false, responsive: true, modeBarButtons: [buttons] };

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const theme = (layout) => {
    const [paper, ink, grid] = ["--paper", "--ink", "--grid"].map(colour);
    const changes = {
      paper_bgcolor: paper,
      plot_bgcolor: paper,
      "font.color": ink,
      "hoverlabel.bgcolor": paper,
      "hoverlabel.bordercolor": ink,
      "hoverlabel.font.color": ink,
      "hoverlabel.align": "left",
      dragmode: dragging,
    };
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
      changes[`${axis}.gridcolor`] = changes[`${axis}.linecolor`] = grid;
      changes[`${axis}.zerolinecolor`] = ink;
    }
    return changes;
  };

  const draw = async (place) => {
    const figure = JSON.parse(document.getElementById(`${place.id}-figure`).textContent);
    await Plotly.newPlot(place, figure.data, figure.layout, settings);
    await Plotly.relayout(place, theme(figure.layout));
  };

  const isShown = (place) => !place.closest("details:not([open])");
  const drawn = () => document.querySelectorAll(".chart.js-plotly-plot");
  // A folded chart has no size yet: it is drawn when it is opened, and only once.
  const drawShown = (within) => {
    for (const place of within.querySelectorAll(".chart:not(.js-plotly-plot)")) {
      if (isShown(place)) draw(place);
    }
  };

  for (const details of document.querySelectorAll("details")) {
    details.addEventListener("toggle", () => drawShown(details));
  }
  dark.addEventListener("change", () => {
    for (const place of drawn()) Plotly.relayout(place, theme(place.layout));
  });
  drawShown(document);
})();
