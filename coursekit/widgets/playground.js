// A network to play with. The code above it is network.js and plane.js; the training runs in the browser.
const MESH = 50; // points of a map along each side
const OWN = "own points";
const PRESETS = {
  "XOR and a single neuron": { dataset: "XOR", features: ["x1", "x2"], hidden: [] },
  "XOR and two hidden units": { dataset: "XOR", features: ["x1", "x2"], hidden: [2] },
  "XOR and a neuron that is given the product": { dataset: "XOR", features: ["x1*x2"], hidden: [] },
  "Circles and a neuron that is given squares": { dataset: "circles", features: ["x1**2", "x2**2"], hidden: [] },
  "Circles and three hidden units": { dataset: "circles", features: ["x1", "x2"], hidden: [3] },
  "Moons and one layer of eight": { dataset: "moons", features: ["x1", "x2"], hidden: [8] },
  "Spirals and two layers of eight": { dataset: "spirals", features: ["x1", "x2"], hidden: [8, 8] },
};
const [BLUE, ORANGE] = COLOURS.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));

/** Fill `context` (MESH x MESH pixels) with values in [-1, 1]: blue, white, orange. */
function paint(context, values) {
  const image = context.createImageData(MESH, MESH);
  for (let i = 0; i < values.length; i++) {
    const share = 0.75 * Math.min(1, Math.abs(values[i]));
    const end = values[i] < 0 ? BLUE : ORANGE;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 + share * (end[c] - 255);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** Column `unit` of `count` columns, divided by its largest size: within [-1, 1]. */
function scaledColumn(values, unit, count) {
  const column = new Float64Array(MESH * MESH);
  let largest = 1e-9;
  for (let i = 0; i < column.length; i++) {
    column[i] = values[i * count + unit];
    largest = Math.max(largest, Math.abs(column[i]));
  }
  return column.map((value) => value / largest);
}

/** Draw the line on which the values of the mesh are 0, by marching squares. */
function drawBorder(context, values) {
  const place = (row, column) => [((column + 0.5) / MESH) * PIXELS, ((row + 0.5) / MESH) * PIXELS];
  context.lineWidth = 4;
  context.strokeStyle = "black";
  context.beginPath();
  for (let row = 0; row + 1 < MESH; row++) {
    for (let column = 0; column + 1 < MESH; column++) {
      const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
      const crossings = [];
      corners.forEach((corner, k) => {
        const next = corners[(k + 1) % 4];
        const [a, b] = [values[corner[0] * MESH + corner[1]], values[next[0] * MESH + next[1]]];
        if (a > 0 === b > 0) return;
        const [from, to] = [place(...corner), place(...next)];
        crossings.push(from.map((value, axis) => value + (a / (a - b)) * (to[axis] - value)));
      });
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        context.moveTo(...crossings[k]);
        context.lineTo(...crossings[k + 1]);
      }
    }
  }
  context.stroke();
}

/** About `count` round numbers from 0 to `largest`. */
function ticks(largest, count) {
  const power = 10 ** Math.floor(Math.log10(largest / count));
  const step = power * [1, 2, 5, 10].find((round) => round * power * count >= largest);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: Math.floor(largest / step + 1e-9) + 1 }, (_, i) => (i * step).toFixed(digits));
}

/** The losses against the epochs: training solid, test dashed. */
function drawLoss(canvas, history) {
  const context = canvas.getContext("2d");
  const [left, top, width, height] = [70, 40, canvas.width - 90, canvas.height - 104];
  const largest = Math.max(0.1, ...history.flatMap(({ loss, test }) => [loss, test ?? 0]).filter(Number.isFinite));
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const last = Math.max(1, history.at(-1).epoch);
  context.font = "22px sans-serif";
  context.lineWidth = 1;
  context.strokeStyle = "#d0d0d0";
  context.fillStyle = "#404040";
  context.textAlign = "right";
  for (const tick of ticks(largest, 4)) {
    const y = top + height * (1 - tick / largest);
    context.strokeRect(left, y, width, 0);
    context.fillText(tick, left - 8, y + 8);
  }
  context.textAlign = "center";
  for (const tick of ticks(last, 4)) {
    if (Number.isInteger(Number(tick))) context.fillText(Number(tick), left + (width * tick) / last, top + height + 28);
  }
  context.fillText("epoch", left + width / 2, top + height + 56);
  context.textAlign = "left";
  context.fillText("loss", 8, 26);
  context.lineWidth = 2;
  context.strokeStyle = "#404040";
  context.strokeRect(left, top, width, height);
  const kinds = [["loss", "training", "black", []], ["test", "test", "#7a3b9a", [12, 8]]];
  kinds.forEach(([key, name, colour, dash], row) => {
    if (history[0][key] === null) return;
    context.lineWidth = 4;
    context.fillStyle = context.strokeStyle = colour;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(left + width - 160, top + 22 + 30 * row);
    context.lineTo(left + width - 100, top + 22 + 30 * row);
    context.stroke();
    context.fillText(name, left + width - 90, top + 30 + 30 * row);
    context.beginPath();
    for (const point of history) {
      context.lineTo(left + (width * point.epoch) / last, top + height * (1 - Math.min(1, point[key] / largest)));
    }
    context.stroke();
  });
  context.setLineDash([]);
}

/** A feature as a formula in HTML: x1**2 becomes x with the index 1 and the exponent 2. */
function formula(feature) {
  return feature.replace(/x([12])/g, "<i>x</i><sub>$1</sub>").replace("**2", "<sup>2</sup>").replace("*", "&thinsp;");
}

function page(model, name) {
  const select = (key, text, values) =>
    `<label>${text} <select data-trait="${key}">${values.map((v) => `<option>${v}</option>`).join("")}</select></label>`;
  const boxes = Object.keys(FEATURES).map((feature) =>
    `<label><input type="checkbox" data-feature="${feature}" aria-label="${feature}"> <span>${formula(feature)}</span></label>`);
  return `
    <div class="ck-row">
      <button type="button" data-do="train">Train</button>
      <button type="button" data-do="step">Step</button>
      <button type="button" data-do="reset">Reset</button>
      ${select("dataset", "Data", [...Object.keys(model.get("datasets")), OWN])}
      ${select("activation", "Activation", Object.keys(ACTIVATIONS))}
      ${select("learning_rate", "Learning rate", model.get("learning_rates"))}
      ${select("l2", "L2", model.get("penalties"))}
      <label>Classic problems <select data-presets><option value="">choose one</option>
        ${Object.keys(PRESETS).map((text) => `<option>${text}</option>`).join("")}</select></label>
    </div>
    <div class="ck-row" role="group" aria-label="Features">Features: ${boxes.join(" ")}</div>
    <div class="ck-row ck-layers" role="group" aria-label="Hidden layers">
      <label>Hidden layers <input type="number" min="0" max="4" data-layers></label><span></span></div>
    <div class="ck-row ck-pictures">
      <div><canvas class="ck-plane" width="${PIXELS}" height="${PIXELS}" role="img"></canvas>${drawingControls(name)}</div>
      <div class="ck-units" role="group" aria-label="What each hidden unit gives over the plane"></div>
      <div><canvas class="ck-loss" width="520" height="300" role="img" aria-label="Loss against epochs"></canvas>
        <p class="ck-figures"></p></div>
    </div>
    <p class="ck-note" role="status" aria-live="polite"></p>`;
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "ck-playground";
  root.dataset.lmSuppressShortcuts = "true"; // Enter on a button presses it, and does not edit JupyterLab's cell
  root.innerHTML = page(model, `ck-class-${Math.random()}`);
  el.appendChild(root);
  const find = (selector) => root.querySelector(selector);
  const canvas = find(".ck-plane");
  const context = canvas.getContext("2d");
  const ground = Object.assign(document.createElement("canvas"), { width: MESH, height: MESH });
  const dots = Object.assign(document.createElement("canvas"), { width: PIXELS, height: PIXELS });
  const say = (text) => (find(".ck-note").textContent = text);
  const mesh = Array.from({ length: MESH * MESH }, (_, i) => [
    PLANE * ((2 * ((i % MESH) + 0.5)) / MESH - 1), PLANE * (1 - (2 * (Math.floor(i / MESH) + 0.5)) / MESH)]);

  let network, train, test, meshInputs, history, units;
  let seed = model.get("seed");
  let timer = null; // the animation frame that is asked for; null while nothing trains
  let times = []; // of the last frames
  let sent = 0; // when the kernel last heard of the result

  const own = () => model.get("dataset") === OWN;
  const points = () => (own() ? model.get("points") : model.get("datasets")[model.get("dataset")].train);

  function load() {
    const names = model.get("features");
    const set = (rows) => ({ X: inputs(rows, names), y: Float64Array.from(rows, (row) => row[2]) });
    train = set(points());
    test = own() ? null : set(model.get("datasets")[model.get("dataset")].test);
    meshInputs = inputs(mesh, names);
    const sheet = dots.getContext("2d");
    sheet.clearRect(0, 0, PIXELS, PIXELS);
    drawPoints(sheet, points(), own() ? 7 : 6);
  }
  /** New weights. */
  function reset() {
    const [features, hidden] = [model.get("features"), model.get("hidden")];
    network = new Network([features.length, ...hidden], model.get("activation"), seed);
    load();
    history = [];
    record(0);
    const map = (layer, unit) => `<canvas width="${MESH}" height="${MESH}" role="img"
      aria-label="Layer ${layer + 1}, unit ${unit + 1}"></canvas>`;
    find(".ck-units").innerHTML = hidden.map((count, layer) =>
      `<div><span>layer ${layer + 1}</span>${Array.from({ length: count }, (_, u) => map(layer, u)).join("")}</div>`).join("");
    units = [...root.querySelectorAll(".ck-units div")].map((column) =>
      [...column.querySelectorAll("canvas")].map((each) => each.getContext("2d")));
    draw();
  }
  function record(epoch) {
    const now = network.evaluate(train.X, train.y);
    const later = test && network.evaluate(test.X, test.y);
    const entry = { epoch, loss: now.loss, accuracy: now.accuracy, test: later ? later.loss : null };
    history.push({ ...entry, test_accuracy: later ? later.accuracy : null });
    if (history.length > 400) history = history.filter((_, i) => i % 2 === 0 || i === history.length - 1);
  }
  function draw() {
    const outputs = network.forward(meshInputs, mesh.length);
    const logits = outputs.at(-1);
    paint(ground.getContext("2d"), logits.map((z) => 2 / (1 + Math.exp(-z)) - 1));
    context.drawImage(ground, 0, 0, PIXELS, PIXELS);
    drawBorder(context, logits);
    context.drawImage(dots, 0, 0);
    if (own() && root.getRootNode().activeElement === canvas) drawPen(context, pen);
    units.forEach((column, layer) => {
      column.forEach((map, unit) => paint(map, scaledColumn(outputs[layer + 1], unit, column.length)));
    });
    drawLoss(find(".ck-loss"), history);
    tell();
  }
  function tell() {
    const { epoch, loss, accuracy, test: testLoss, test_accuracy } = history.at(-1);
    const rate = timer !== null && times.length > 1 ? (1000 * (times.length - 1)) / (times.at(-1) - times[0]) : 0;
    const percent = (share) => `${(100 * share).toFixed(1)} %`;
    const lines = [`Epoch ${epoch}${rate ? `, ${rate.toFixed(0)} frames a second` : ""}`];
    if (train.y.length) lines.push(`Training: loss ${loss.toFixed(3)}, ${percent(accuracy)} right`);
    if (test) lines.push(`Test: loss ${testLoss.toFixed(3)}, ${percent(test_accuracy)} right`);
    find(".ck-figures").innerHTML = lines.join("<br>");
    const now = performance.now();
    if (timer !== null && now - sent < 1000) return;
    sent = now;
    const known = (value) => (Number.isFinite(value) ? value : null);
    model.set("result", { epoch, loss: known(loss), accuracy: known(accuracy), test_loss: known(testLoss),
      test_accuracy: known(test_accuracy), frames_per_second: rate });
    model.save_changes();
    canvas.setAttribute("aria-label", `The plane and the network's border. ${lines.join(". ")}.${
      own() ? " Arrow keys move the cross, space puts a point." : ""}`);
  }
  function epoch() {
    network.epoch(train.X, train.y, model.get("learning_rate"), model.get("l2"));
    record(history.at(-1).epoch + 1);
  }
  function frame(time) {
    if (!root.isConnected) return pause(); // the output was cleared
    times.push(time);
    if (times.length > 20) times.shift();
    epoch();
    draw();
    if (!Number.isFinite(history.at(-1).loss)) {
      pause();
      return say("The loss is no longer a number: the steps were too large. Press Reset and lower the learning rate.");
    }
    timer = requestAnimationFrame(frame);
  }
  function ready() {
    const kinds = new Set(train.y);
    if (kinds.size === 2) return true;
    say("Draw points of both classes first.");
    return false;
  }
  function start() {
    if (timer !== null || !ready()) return;
    times = [];
    timer = requestAnimationFrame(frame);
    find("[data-do=train]").textContent = "Pause";
    say("Training.");
  }
  function pause() {
    if (timer === null) return;
    cancelAnimationFrame(timer);
    timer = null;
    find("[data-do=train]").textContent = "Train";
    tell();
    const { epoch: epochs, accuracy } = history.at(-1);
    say(`Paused after ${epochs} epochs; ${(100 * accuracy).toFixed(1)} % of the training points are right.`);
  }
  find("[data-do=train]").addEventListener("click", () => (timer === null ? start() : pause()));
  find("[data-do=step]").addEventListener("click", () => {
    pause();
    if (!ready()) return;
    epoch();
    draw();
    say(`Epoch ${history.at(-1).epoch}.`);
  });
  find("[data-do=reset]").addEventListener("click", () => {
    pause();
    seed += 1;
    reset();
    say("New weights.");
  });

  // The controls show the traits, and set them.
  function set(key, value) {
    model.set(key, value);
    model.save_changes();
  }
  for (const control of root.querySelectorAll("[data-trait]")) {
    const key = control.dataset.trait;
    const number = key === "learning_rate" || key === "l2";
    control.addEventListener("change", () => set(key, number ? Number(control.value) : control.value));
  }
  find("[data-presets]").addEventListener("change", (event) => {
    const chosen = event.target.value;
    event.target.value = ""; // what stands there would be untrue after the next change by hand
    if (!chosen) return;
    for (const [key, value] of Object.entries(PRESETS[chosen])) model.set(key, value);
    model.save_changes();
    say(`${chosen}. Press Train.`);
  });
  for (const box of root.querySelectorAll("[data-feature]")) {
    box.addEventListener("change", () => {
      const chosen = [...root.querySelectorAll("[data-feature]:checked")].map((each) => each.dataset.feature);
      if (chosen.length) return set("features", chosen);
      box.checked = true;
      say("At least one feature is needed.");
    });
  }
  const whole = (value, low, high) => Math.max(low, Math.min(high, Math.round(Number(value)) || low));
  find("[data-layers]").addEventListener("change", (event) => {
    const hidden = model.get("hidden");
    set("hidden", Array.from({ length: whole(event.target.value, 0, 4) }, (_, k) => hidden[k] ?? hidden.at(-1) ?? 8));
    showSettings();
  });
  find(".ck-layers span").addEventListener("change", (event) => {
    const fields = [...root.querySelectorAll("[data-units]")];
    set("hidden", fields.map((field) => whole(field.value, 1, 8)));
    event.target.value = whole(event.target.value, 1, 8);
  });
  function showSettings() {
    for (const control of root.querySelectorAll("[data-trait]")) control.value = model.get(control.dataset.trait);
    for (const box of root.querySelectorAll("[data-feature]")) {
      box.checked = model.get("features").includes(box.dataset.feature);
    }
    const hidden = model.get("hidden");
    find("[data-layers]").value = hidden.length;
    const fields = root.querySelectorAll("[data-units]");
    if (fields.length === hidden.length) {
      fields.forEach((field, k) => (field.value = hidden[k])); // the one in use keeps the keyboard
    } else {
      find(".ck-layers span").innerHTML = hidden.map((count, k) =>
        `<label>units in layer ${k + 1} <input type="number" min="1" max="8" value="${count}" data-units></label>`).join(" ");
    }
    find(".ck-drawing").hidden = !own();
    canvas.tabIndex = own() ? 0 : -1;
    canvas.setAttribute("role", own() ? "application" : "img");
    canvas.toggleAttribute("data-draws", own());
  }
  const pen = drawByHand({
    canvas,
    controls: find(".ck-drawing"),
    enabled: own,
    read: () => model.get("points"),
    write(drawn, done) {
      model.set("points", drawn);
      if (done) model.save_changes();
    },
    say,
    redraw: draw,
  });

  const anew = () => {
    pause();
    say("");
    showSettings();
    reset();
  };
  const drawn = () => {
    if (!own()) return;
    load(); // the network stays: it learns on with the new points
    if (new Set(train.y).size < 2) pause();
    draw();
  };
  for (const key of ["dataset", "features", "hidden", "activation", "datasets"]) model.on(`change:${key}`, anew);
  for (const key of ["learning_rate", "l2"]) model.on(`change:${key}`, showSettings);
  model.on("change:points", drawn);
  showSettings();
  reset();
}
export default { render };
