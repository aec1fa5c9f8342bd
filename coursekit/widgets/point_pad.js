// A pad to draw two classes of points on. The code above it is plane.js.
function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "ck-points";
  root.dataset.lmSuppressShortcuts = "true"; // Enter on a button presses it, and does not edit JupyterLab's cell
  root.innerHTML = `
    <canvas class="ck-plane" width="${PIXELS}" height="${PIXELS}" tabindex="0" role="application"></canvas>
    ${drawingControls(`ck-class-${Math.random()}`)}
    <p class="ck-note" role="status" aria-live="polite"></p>`;
  el.appendChild(root);
  const canvas = root.querySelector("canvas");
  canvas.dataset.draws = true;
  const context = canvas.getContext("2d");
  const note = root.querySelector(".ck-note");
  let points = model.get("points");

  const pen = drawByHand({
    canvas,
    controls: root.querySelector(".ck-drawing"),
    enabled: () => true,
    read: () => points,
    write(drawn, done) {
      points = drawn;
      draw();
      if (!done) return;
      model.set("points", points);
      model.save_changes();
    },
    say: (text) => (note.textContent = text),
    redraw: draw,
  });

  function draw() {
    context.fillStyle = "white";
    context.fillRect(0, 0, PIXELS, PIXELS);
    context.strokeStyle = "#b0b0b0";
    context.lineWidth = 1;
    context.strokeRect(0, PIXELS / 2, PIXELS, 0);
    context.strokeRect(PIXELS / 2, 0, 0, PIXELS);
    drawPoints(context, points);
    if (root.getRootNode().activeElement === canvas) drawPen(context, pen);
    const ones = points.filter((point) => point[2] === 1).length;
    canvas.setAttribute("aria-label", `Plane from -3 to 3 with ${points.length - ones} points of class 0 and ${ones} of
      class 1. Arrow keys move the cross, space puts a point.`);
  }
  model.on("change:points", () => {
    points = model.get("points");
    draw();
  });
  draw();
}
export default { render };
