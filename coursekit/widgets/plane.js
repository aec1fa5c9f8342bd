// The plane from -3 to 3 on a canvas: its points, and a hand that draws them by mouse, touch or keyboard.
const PLANE = 3;
const PIXELS = 600; // of the canvas; on the page it is half as large
const MOST = 1000; // points

const toPixels = (x1, x2) => [((x1 + PLANE) / (2 * PLANE)) * PIXELS, ((PLANE - x2) / (2 * PLANE)) * PIXELS];

/** Class 0: blue discs; class 1: orange squares. */
function drawPoints(context, points, size = 7) {
  context.lineWidth = 2;
  context.strokeStyle = "white";
  for (const [x1, x2, label] of points) {
    const [x, y] = toPixels(x1, x2);
    context.fillStyle = COLOURS[label];
    context.beginPath();
    if (label === 0) context.arc(x, y, size, 0, 2 * Math.PI);
    else context.rect(x - 0.9 * size, y - 0.9 * size, 1.8 * size, 1.8 * size);
    context.fill();
    context.stroke();
  }
}

/** The keyboard's pen: a cross. */
function drawPen(context, pen) {
  const [x, y] = toPixels(...pen);
  context.lineWidth = 3;
  context.strokeStyle = "black";
  context.beginPath();
  context.moveTo(x - 14, y);
  context.lineTo(x + 14, y);
  context.moveTo(x, y - 14);
  context.lineTo(x, y + 14);
  context.stroke();
}

/** Two radio buttons for the class, Undo and Clear. `name` sets one widget's buttons apart from another's. */
function drawingControls(name) {
  const choice = (label, text) =>
    `<label><input type="radio" name="${name}" value="${label}" ${label ? "" : "checked"}>
     <svg width="12" height="12" aria-hidden="true">${
       label ? `<rect x="1" y="1" width="10" height="10" fill="${COLOURS[1]}"/>`
             : `<circle cx="6" cy="6" r="5.5" fill="${COLOURS[0]}"/>`}</svg> ${text}</label>`;
  return `<div class="ck-drawing"><span role="radiogroup" aria-label="Class to draw">${choice(0, "class 0")} ${
    choice(1, "class 1")}</span>
    <button type="button" data-do="undo">Undo</button> <button type="button" data-do="clear">Clear</button>
    <p class="ck-help">Press and drag to draw. Keyboard: arrows move the cross, space puts a point, 0 and 1 choose the
    class, Backspace undoes, Delete clears.</p></div>`;
}

/**
 * Let the user draw on `canvas` while `enabled()`.
 * `read()` gives the points [x1, x2, label]; `write(points, done)` takes new ones, `done` once a stroke has ended;
 * `say(text)` tells a screen reader; `redraw()` shows the pen. Returns the pen, [x1, x2], shown while the canvas has
 * the keyboard.
 */
function drawByHand({ canvas, controls, enabled, read, write, say, redraw }) {
  const pen = [0, 0];
  const strokes = []; // the number of points before each
  let last = null; // the last point of the stroke that is being drawn
  const label = () => Number(controls.querySelector("input:checked").value);
  const round = (value) => Math.round(1000 * Math.max(-PLANE, Math.min(PLANE, value))) / 1000;
  const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 0.25;

  function put(x1, x2, done) {
    if (read().length >= MOST) return say(`There is room for ${MOST} points.`);
    last = [round(x1), round(x2), label()];
    write([...read(), last], done);
  }
  function undo() {
    const points = read();
    const before = strokes.length ? strokes.pop() : points.length - 1;
    write(points.slice(0, Math.max(0, Math.min(before, points.length - 1))), true);
    say(`Undone. ${read().length} points.`);
  }
  function clear() {
    strokes.length = 0;
    write([], true);
    say("Cleared. No points.");
  }
  function at(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [PLANE * (2 * x - 1), PLANE * (1 - 2 * y)];
  }
  // Pointer events are mouse, pen and touch in one.
  canvas.addEventListener("pointerdown", (event) => {
    if (!enabled()) return;
    canvas.setPointerCapture(event.pointerId);
    strokes.push(read().length);
    put(...at(event), false);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last || !event.buttons) return;
    // Fast hands: the browser gathers several positions in one event.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      if (last && !near(at(each), last)) put(...at(each), false);
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (last) write(read(), true);
      last = null;
    });
  }
  const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
  // Or Jupyter takes the arrow keys as its own: to the cell above, to the cell below.
  canvas.dataset.lmSuppressShortcuts = "true";
  canvas.addEventListener("keydown", (event) => {
    if (!enabled() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
      moves[event.key].forEach((move, axis) => (pen[axis] = round(pen[axis] + move * (event.shiftKey ? 5 : 1))));
      redraw();
      say(`${pen[0].toFixed(1)}, ${pen[1].toFixed(1)}`);
    } else if (event.key === " " || event.key === "Enter") {
      strokes.push(read().length);
      put(...pen, true);
      last = null;
      say(`Class ${label()} at ${pen[0].toFixed(1)}, ${pen[1].toFixed(1)}. ${read().length} points.`);
    } else if (event.key === "0" || event.key === "1") {
      controls.querySelector(`input[value="${event.key}"]`).checked = true;
      say(`Class ${event.key}.`);
    } else if (event.key === "Backspace") {
      undo();
    } else if (event.key === "Delete") {
      clear();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // JupyterLab has keys of its own
  });
  canvas.addEventListener("focus", redraw);
  canvas.addEventListener("blur", redraw);
  controls.querySelector("[data-do=undo]").addEventListener("click", undo);
  controls.querySelector("[data-do=clear]").addEventListener("click", clear);
  return pen;
}
