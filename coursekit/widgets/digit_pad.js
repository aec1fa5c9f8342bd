// A pad to draw a digit on: mouse, touch and keyboard. The drawing travels as bytes, one a pixel.
const SIDE = 112; // four screen pixels a pixel of MNIST

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "ck-pad";
  root.dataset.lmSuppressShortcuts = "true"; // Enter on a button presses it, and does not edit JupyterLab's cell
  root.innerHTML = `
    <div>
      <canvas width="${SIDE}" height="${SIDE}" tabindex="0" role="application" aria-label="Pad: draw a digit. With the keyboard,
        arrow keys move the pen, space puts it down and lifts it, Delete clears."></canvas>
      <p><button type="button">Clear</button> <span class="ck-help">Draw a digit. Keyboard: arrows, space.</span></p>
    </div>
    <div class="ck-bars" role="group" aria-label="Probability of each digit"></div>
    <p class="ck-note" role="status" aria-live="polite"></p>`;
  el.appendChild(root);
  const canvas = root.querySelector("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const bars = root.querySelector(".ck-bars");
  for (let digit = 0; digit < 10; digit++) {
    bars.insertAdjacentHTML("beforeend",
      `<div><span>${digit}</span><meter min="0" max="1" value="0" aria-label="digit ${digit}"></meter><b></b></div>`);
  }

  let last = null; // where the pen was, or null while it is up
  const pen = { x: SIDE / 2, y: SIDE / 2, down: false };

  function send() {
    const rgba = context.getImageData(0, 0, SIDE, SIDE).data;
    const ink = new Uint8Array(SIDE * SIDE);
    for (let i = 0; i < ink.length; i++) ink[i] = rgba[4 * i];
    model.set("pixels", new DataView(ink.buffer));
    model.save_changes();
  }
  function clear() {
    context.fillStyle = "black";
    context.fillRect(0, 0, SIDE, SIDE);
    send();
  }
  function line(x, y) {
    context.strokeStyle = "white";
    context.lineWidth = 9;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(last ? last.x : x, last ? last.y : y);
    context.lineTo(x + 0.01, y);
    context.stroke();
    last = { x, y };
  }
  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  }
  // Pointer events are mouse, pen and touch in one.
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    line(...at(event));
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last && event.buttons) line(...at(event));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (last) send();
      last = null;
    });
  }
  const steps = { ArrowLeft: [-4, 0], ArrowRight: [4, 0], ArrowUp: [0, -4], ArrowDown: [0, 4] };
  // Or Jupyter takes the arrow keys as its own: to the cell above, to the cell below.
  canvas.dataset.lmSuppressShortcuts = "true";
  canvas.addEventListener("keydown", (event) => {
    if (event.key in steps) {
      pen.x = Math.min(SIDE, Math.max(0, pen.x + steps[event.key][0]));
      pen.y = Math.min(SIDE, Math.max(0, pen.y + steps[event.key][1]));
      if (pen.down) {
        line(pen.x, pen.y);
        send();
      }
    } else if (event.key === " ") {
      pen.down = !pen.down;
      last = null;
      if (pen.down) {
        line(pen.x, pen.y);
        send();
      }
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // JupyterLab has keys of its own
  });
  root.querySelector("button").addEventListener("click", clear);

  function show() {
    const values = model.get("probabilities");
    const best = values.length ? values.indexOf(Math.max(...values)) : -1;
    bars.querySelectorAll("div").forEach((row, digit) => {
      const value = values.length ? values[digit] : 0;
      row.querySelector("meter").value = value;
      row.querySelector("b").textContent = values.length ? `${Math.round(100 * value)} %` : "";
      row.classList.toggle("ck-best", digit === best);
    });
    root.querySelector(".ck-note").textContent = model.get("note");
  }
  model.on("change:probabilities", show);
  model.on("change:note", show);
  context.fillStyle = "black";
  context.fillRect(0, 0, SIDE, SIDE);
  show();
}
export default { render };
